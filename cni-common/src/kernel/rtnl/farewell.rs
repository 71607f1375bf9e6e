//! Deleting a link without waiting for the kernel's last references to it.
//!
//! A link is gone from its namespace, its name and addresses free, a millisecond or two after the
//! request; the kernel says so by a notification. It acknowledges the request only after a grace period
//! of RCU, some 20 ms later (net/core/dev.c `netdev_run_todo`). A child process makes the request and
//! waits; this process goes on at the notification.
//!
//! Killing the child changes nothing: it is in the kernel, where the deletion cannot be interrupted. Should
//! it end before it has asked, this process sees that and asks itself.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use netlink_packet_core::NLM_F_ACK;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::LinkMessage;
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{ForkResult, Pid, fork};

use super::RouteSocket;
use super::wait::Event;
use crate::kernel::{KernelError, Outcome, process};
use crate::spec::IfName;

impl RouteSocket {
    /// Deletes a link of the calling thread's namespace and returns when it is gone; returns whether it
    /// was there.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn delete_link_early(&mut self, name: &IfName) -> Outcome<bool> {
        let Some(link) = self.link(name)? else { return Ok(false) };
        let mut events = RouteSocket::link_events()?;
        let mut message = LinkMessage::default();
        message.header.index = link.index;
        let (_, bytes) = self.connection.encode(RouteNetlinkMessage::DelLink(message), NLM_F_ACK);
        let Some(child) = self.send_from_child(&bytes) else { return self.delete_link(name) };
        let ended = process::descriptor(child.as_raw());
        if let Ok(ended) = ended
            && events.gone_before(link.index, ended.as_fd())?
        {
            return Ok(true);
        }
        // The child ended without a word: the answer is known by asking again.
        self.delete_link(name).map(|_| true)
    }

    /// Lets a child process send; none when there can be no child.
    fn send_from_child(&mut self, bytes: &[u8]) -> Option<Pid> {
        let socket = self.connection.socket().as_raw_fd();
        // SAFETY: the child makes only system calls that are safe after fork, and allocates nothing.
        match unsafe { fork() } {
            Err(_) => None,
            Ok(ForkResult::Parent { child }) => Some(child),
            Ok(ForkResult::Child) => {
                // SAFETY: plain system calls on descriptors and memory that the child has of its own. The
                // runtime must not wait for the child at its pipes, so those are closed first.
                unsafe {
                    for fd in 0..=2 {
                        libc::close(fd);
                    }
                    libc::send(socket, bytes.as_ptr().cast(), bytes.len(), 0);
                    libc::_exit(0)
                }
            }
        }
    }

    /// Waits for the notification that a link is gone; false when the child ended without it.
    fn gone_before(&mut self, index: u32, ended: BorrowedFd<'_>) -> Outcome<bool> {
        loop {
            let (heard, child_ended) = {
                let socket = &*self.connection.socket();
                let mut fds =
                    [PollFd::new(socket.as_fd(), PollFlags::POLLIN), PollFd::new(ended, PollFlags::POLLIN)];
                match poll(&mut fds, PollTimeout::NONE) {
                    Ok(_) | Err(Errno::EINTR) => {}
                    Err(errno) => return Err(KernelError::new("wait for link to go", errno)),
                }
                let mut ready = fds.iter().map(|fd| fd.any().unwrap_or(false));
                (ready.next().unwrap_or(false), ready.next().unwrap_or(false))
            };
            if heard {
                match self.next_event()? {
                    Event::LinkGone(gone) if gone == index => return Ok(true),
                    // Whether ours was among the lost ones is known by asking.
                    Event::Lost => return Ok(false),
                    _ => {}
                }
            } else if child_ended {
                return Ok(false);
            }
        }
    }
}
