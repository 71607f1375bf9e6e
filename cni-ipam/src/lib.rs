//! The `host-local` plugin: IP addresses from local ranges, with leases on disk in the reference's format.
//!
//! [`run`] serves every verb and can be called from another plugin's process as well as from the program
//! `host-local`: it has no state of its own, prints nothing, and changes nothing but the network's lease
//! directory.

mod add;
mod address;
mod check;
pub mod config;
mod host;
mod index;
mod life;
mod range;
mod release;
mod resolv;
mod status;
mod store;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use cni_common::spec::{CniError, CniResult, Request, Verb};

pub use host::Host;
#[cfg(feature = "fuzzing")]
pub use index::fuzzing;

/// Serves one call. ADD gives a result, the other verbs none.
///
/// # Errors
/// Code 4 for `CNI_ARGS`; 5 when a file or directory cannot be used; 6 and 7 for the configuration; 11 when
/// the lock of the network was held for longer than `CNI_LOCK_TIMEOUT`; 50 when STATUS finds that an ADD
/// would fail; 100 when CHECK finds a lease missing; 102 when the attachment has a lease already or the
/// address wanted is another's; 104 when no address is left.
pub fn run(request: &Request) -> Result<Option<CniResult>, CniError> {
    run_on(&Host::from_env(), request)
}

/// Serves one call in given surroundings.
///
/// # Errors
/// As [`run`].
pub fn run_on(host: &Host, request: &Request) -> Result<Option<CniResult>, CniError> {
    match request.verb {
        Verb::Add => add::add(request, host).map(Some),
        Verb::Check => check::check(request, host).map(|()| None),
        Verb::Del => release::del(request, host).map(|()| None),
        Verb::Gc => release::gc(request, host).map(|()| None),
        Verb::Status => status::status(request, host).map(|()| None),
        Verb::Version => Ok(None),
    }
}
