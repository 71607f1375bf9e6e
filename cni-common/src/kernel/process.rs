//! Processes: this one's children, and waiting for their end.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{ForkResult, Pid, close, fork};

/// A descriptor that becomes readable when the process ends (pidfd_open(2), Linux 5.3).
///
/// # Errors
/// Those of the system call.
pub fn descriptor(pid: i32) -> Result<OwnedFd, Errno> {
    let pid = libc::c_long::from(pid);
    // SAFETY: pidfd_open takes two integers and touches no memory of ours.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    let fd = i32::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just given us this descriptor, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// For a child that is about to end: closes all other descriptors. Before Linux 5.9, they are closed at its end.
pub(crate) fn keep_only(kept: BorrowedFd<'_>) {
    let Ok(kept) = libc::c_uint::try_from(kept.as_raw_fd()) else { return };
    let others = [(0, kept.checked_sub(1)), (kept.saturating_add(1), Some(libc::c_uint::MAX))];
    for (first, last) in others {
        let Some(last) = last else { continue };
        // SAFETY: nobody in this process uses them again; it ends without looking back (`in_child`).
        unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    }
}

/// Does `work` in a child process, for what the kernel makes its caller wait for; none when there can be no child. It
/// is not waited for: when this process ends, init takes it over.
pub(crate) fn in_child(work: impl FnOnce()) -> Option<Pid> {
    // SAFETY: a plugin has one thread, so the child's copy of the memory is whole, locks of the allocator included.
    match unsafe { fork() } {
        Err(_) => None,
        Ok(ForkResult::Parent { child }) => Some(child),
        Ok(ForkResult::Child) => {
            // The runtime waits for the end of these pipes, and must not wait for the child.
            for fd in 0..=2 {
                let _ = close(fd);
            }
            work();
            // SAFETY: ends the child without the exit handlers and buffers of the process that it is a copy of.
            unsafe { libc::_exit(0) }
        }
    }
}
