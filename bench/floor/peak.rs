//! Peak memory of another program.
//!
//! A child inherits the peak of the process that started it as long as both share memory (`vfork`) or it is a copy
//! (`fork`), and keeps it through exec. So a small process must start what is measured: this one.

use crate::{Args, Fail, file};
use nix::libc;

/// `peak program=PATH`: runs it with our environment and descriptors and writes its `ru_maxrss` (KiB) on standard
/// error.
pub fn run(args: Args) -> Result<(), Fail> {
    let program = args.c_str("program")?;
    // SAFETY: there is one thread; the child execs at once.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let arguments = [program.as_ptr(), std::ptr::null()];
        // SAFETY: both strings and the array end as exec wants it.
        unsafe {
            libc::execv(program.as_ptr(), arguments.as_ptr());
            libc::_exit(127);
        }
    }
    let mut status = 0;
    // SAFETY: rusage is plain old data, for which zeroes are valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both places live through the call.
    if unsafe { libc::wait4(child, &raw mut status, 0, &raw mut usage) } != child {
        return Err(Fail("wait4"));
    }
    write_number(usage.ru_maxrss);
    if status == 0 { Ok(()) } else { Err(Fail("the program failed")) }
}

fn write_number(value: libc::c_long) {
    let mut digits = [b'\n'; 24];
    let mut at = digits.len() - 1;
    let mut rest = u64::try_from(value).unwrap_or_default();
    loop {
        at -= 1;
        if let Some(place) = digits.get_mut(at) {
            *place = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        }
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    file::write_all(2, digits.get(at..).unwrap_or_default());
}
