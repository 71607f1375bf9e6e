//! The floor: what one pod costs when nothing is done but the job itself.
//!
//! It sends the fewest netlink messages that make (or remove) what `bridge` and `host-local` make, checks nothing,
//! parses no configuration, and knows beforehand every name and address, from its arguments (`key=value`). The
//! harness measures it beside the real programs: what it takes is what the kernel and starting a process take.
//!
//! `no_main`: the C library calls `main`, so that Rust's own start-up (a signal stack, a poll of the standard
//! descriptors) is not counted as part of the floor.

#![cfg_attr(not(test), no_main)]
// Under test the harness has the entry, and nothing here is reached from it.
#![cfg_attr(test, allow(dead_code))]

mod add;
mod file;
mod message;
mod peak;
mod remove;
mod socket;
mod verify;

use nix::libc;
use std::ffi::CStr;

/// What went wrong, said once on standard error before exit 1.
pub struct Fail(pub &'static str);

/// The arguments, each `key=value`; looked up by walking, since there are ten at most.
#[derive(Clone, Copy)]
pub struct Args {
    first: *const *const libc::c_char,
    count: usize,
}

impl Args {
    /// Argument number `at`, as the kernel handed it over.
    fn raw(self, at: usize) -> Option<&'static CStr> {
        if at >= self.count {
            return None;
        }
        // SAFETY: `at` is below argc, and argv's strings live as long as the process.
        Some(unsafe { CStr::from_ptr(*self.first.add(at)) })
    }

    /// The value of `key`, still with its final zero byte.
    pub fn c_str(self, key: &str) -> Result<&'static CStr, Fail> {
        for at in 2..self.count {
            let bytes = self.raw(at).map(CStr::to_bytes_with_nul).unwrap_or_default();
            if let Some(value) = bytes.strip_prefix(key.as_bytes()).and_then(|rest| rest.strip_prefix(b"=")) {
                return CStr::from_bytes_with_nul(value).map_err(|_| Fail("argument"));
            }
        }
        Err(Fail("an argument is missing"))
    }

    /// The value of `key` as text.
    pub fn text(self, key: &str) -> Result<&'static str, Fail> {
        self.c_str(key)?.to_str().map_err(|_| Fail("argument is not UTF-8"))
    }

    /// The value of `key` as whatever it parses to.
    pub fn parsed<T: std::str::FromStr>(self, key: &str) -> Result<T, Fail> {
        self.text(key)?.parse().map_err(|_| Fail("argument does not parse"))
    }
}

fn run(args: Args) -> Result<(), Fail> {
    match args.raw(1).map(CStr::to_bytes) {
        Some(b"add-plain") => add::add(args, add::Extra::Nothing),
        Some(b"add-masq") => add::add(args, add::Extra::Masquerade),
        Some(b"add-dual") => add::add(args, add::Extra::Ipv6),
        Some(b"del-ack") => remove::until_acknowledged(args),
        Some(b"del-gone") => remove::until_gone(args),
        Some(b"del-again") => remove::again(args),
        Some(b"check") => verify::check(args),
        Some(b"status") => verify::status(args),
        Some(b"ipam-add") => file::lease(args),
        Some(b"ipam-del") => file::release(args),
        Some(b"ipam-check") => file::look(args),
        Some(b"peak") => peak::run(args),
        _ => Err(Fail(
            "verbs: add-plain add-masq add-dual del-ack del-gone del-again check status ipam-* peak",
        )),
    }
}

/// Entered from the C library.
#[cfg(not(test))]
#[unsafe(no_mangle)]
pub extern "C" fn main(count: libc::c_int, first: *const *const libc::c_char) -> libc::c_int {
    let args = Args { first, count: usize::try_from(count).unwrap_or_default() };
    match run(args) {
        Ok(()) => 0,
        Err(Fail(what)) => {
            for part in [b"trestle-floor: ".as_slice(), what.as_bytes(), b"\n"] {
                file::write_all(2, part);
            }
            1
        }
    }
}
