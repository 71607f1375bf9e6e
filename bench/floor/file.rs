//! The lease: one file that must not be there yet.

use crate::{Args, Fail};
use nix::libc;
use std::ffi::CStr;

/// Writes `lease=PATH` with the container ID, as the reference's format wants it.
pub fn lease(args: Args) -> Result<(), Fail> {
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC;
    let fd = open(args.c_str("lease")?, flags)?;
    for part in [args.text("id")?, "\r\neth0"] {
        write_all(fd, part.as_bytes());
    }
    // SAFETY: the descriptor was opened above.
    unsafe { libc::close(fd) };
    Ok(())
}

pub fn release(args: Args) -> Result<(), Fail> {
    let path = args.c_str("lease")?;
    // SAFETY: the path ends with a zero byte.
    if unsafe { libc::unlink(path.as_ptr()) } == 0 { Ok(()) } else { Err(Fail("lease")) }
}

/// Reads a lease, and that is all.
pub fn look(args: Args) -> Result<(), Fail> {
    let fd = open(args.c_str("lease")?, libc::O_RDONLY | libc::O_CLOEXEC)?;
    let mut bytes = [0_u8; 256];
    // SAFETY: the kernel writes at most the array's length.
    let got = unsafe { libc::read(fd, bytes.as_mut_ptr().cast(), bytes.len()) };
    // SAFETY: the descriptor was opened above.
    unsafe { libc::close(fd) };
    if got > 0 { Ok(()) } else { Err(Fail("lease is empty")) }
}

/// A result of the specification's shape, so that the reader at the other end has as much to read.
pub fn answer(args: Args) -> Result<(), Fail> {
    let parts = [
        "{\"cniVersion\":\"1.1.0\",\"interfaces\":[{\"name\":\"",
        args.text("host")?,
        "\"},{\"name\":\"eth0\",\"sandbox\":\"",
        args.text("netns")?,
        "\"}],\"ips\":[{\"interface\":1,\"address\":\"",
        args.text("address")?,
        "/16\",\"gateway\":\"",
        args.text("gateway")?,
        "\"}],\"routes\":[{\"dst\":\"0.0.0.0/0\"}]}\n",
    ];
    let mut text = [0_u8; 1024];
    let mut len = 0;
    for part in parts {
        let room = text.get_mut(len..len + part.len()).ok_or(Fail("result too long"))?;
        room.copy_from_slice(part.as_bytes());
        len += part.len();
    }
    write_all(1, text.get(..len).unwrap_or_default());
    Ok(())
}

/// One write: a pipe or a new file takes this much at once.
pub fn write_all(fd: i32, bytes: &[u8]) {
    // SAFETY: the slice lives through the call.
    unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
}

fn open(path: &CStr, flags: i32) -> Result<i32, Fail> {
    // SAFETY: the path ends with a zero byte; the mode counts only with O_CREAT.
    let fd = unsafe { libc::open(path.as_ptr(), flags, 0o600) };
    if fd < 0 { Err(Fail("lease")) } else { Ok(fd) }
}
