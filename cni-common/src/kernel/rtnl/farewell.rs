//! Deleting links without waiting for the kernel's last references to them, and many at the price of one.
//!
//! A link is gone from its namespace, its name and addresses free, a millisecond or two after the
//! request; the kernel says so by a notification. It acknowledges the request only after a grace period
//! of RCU, some 20 ms later (net/core/dev.c `netdev_run_todo`). A child process makes the request and
//! waits; this process goes on at the notification.
//!
//! Killing the child changes nothing: it is in the kernel, where the deletion cannot be interrupted. Should
//! it end before it has asked, this process sees that and asks itself.
//!
//! Deletions stand in line for the kernel's one lock (RTNL), which each holds for milliseconds. So a link is
//! first put into a group, which is quick, and then the group is deleted: whoever comes first takes along all
//! that were put into it meanwhile (net/core/rtnetlink.c `rtnl_group_dellink`). Looking for the group's links, the
//! kernel looks at all links of the node, so who finds nobody in line deletes by name.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use netlink_packet_core::NLM_F_ACK;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::link_new::named;
use super::wait::Event;
use super::{RouteSocket, only_end};
use crate::kernel::{KernelError, Outcome, process};
use crate::spec::IfName;

/// The group (linux/if_link.h `IFLA_GROUP`) of links that are to be deleted: a number that nobody else uses.
const LEAVING: u32 = 0x7472_6c76;
/// Many times what a change takes when nobody else holds RTNL.
const IN_LINE: Duration = Duration::from_millis(1);

impl RouteSocket {
    /// Deletes a link of the calling thread's namespace and returns when it is gone; returns whether it
    /// was there. The child that waits for the rest does `afterwards` at its end.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn delete_link_early(&mut self, name: &IfName, afterwards: impl FnOnce()) -> Outcome<bool> {
        let mut events = RouteSocket::link_events()?;
        only_end::of_link(events.connection.socket(), name);
        let begin = Instant::now();
        match self.connection.request(leave(name), 0) {
            Ok(_) => {}
            Err(error) if error.is_gone() => return Ok(false),
            Err(error) => return Err(error.asked(format!("link set {name} group"))),
        }
        let is_alone = begin.elapsed() < IN_LINE;
        let message = if is_alone { delete(name) } else { delete_leaving() };
        let (_, bytes) = self.connection.encode(message, NLM_F_ACK);
        let child = process::in_child(|| {
            // Whether it was refused is seen by the other process.
            let _ = self.connection.send(&bytes);
            afterwards();
        });
        if let Some(child) = child
            && let Ok(ended) = process::descriptor(child.as_raw())
            && events.gone_before(name, ended.as_fd())?
        {
            return Ok(true);
        }
        // There was no child, or it ended without a word: the answer is known by asking.
        self.delete_link(name).map(|_| true)
    }

    /// Deletes links of the calling thread's namespace; returns how many were there.
    ///
    /// # Errors
    /// The kernel's first refusal; the others are deleted all the same.
    pub fn delete_links(&mut self, names: &[IfName]) -> Outcome<usize> {
        let mut leaving = 0;
        let mut first_error = None;
        for name in names {
            match self.connection.request(leave(name), 0) {
                Ok(_) => leaving += 1,
                Err(error) if error.is_gone() => {}
                Err(error) => {
                    first_error = first_error.or(Some(error.asked(format!("link set {name} group"))));
                }
            }
        }
        if leaving > 0 {
            match self.connection.request(delete_leaving(), 0) {
                // Another process has taken them along.
                Err(error) if !error.is_gone() => return Err(error.asked("link del group")),
                _ => {}
            }
        }
        first_error.map_or(Ok(leaving), Err)
    }

    /// Waits for the notification that a link is gone; false when the child ended without it.
    fn gone_before(&mut self, name: &IfName, ended: BorrowedFd<'_>) -> Outcome<bool> {
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
                    Event::LinkGone(gone) if gone == name.as_str() => return Ok(true),
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

/// Puts a link into the group of those that are leaving.
fn leave(name: &IfName) -> RouteNetlinkMessage {
    let mut message = named(name, None, None);
    message.attributes.push(LinkAttribute::Group(LEAVING));
    RouteNetlinkMessage::SetLink(message)
}

fn delete(name: &IfName) -> RouteNetlinkMessage {
    RouteNetlinkMessage::DelLink(named(name, None, None))
}

/// Deletes all that are leaving.
fn delete_leaving() -> RouteNetlinkMessage {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::Group(LEAVING));
    RouteNetlinkMessage::DelLink(message)
}
