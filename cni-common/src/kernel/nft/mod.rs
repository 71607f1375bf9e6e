//! nf_tables over netlink; no program is run.
//!
//! Reading is by name, one object at a time, and needs no privilege beyond that of the namespace; a list
//! is asked for only where said. What is not there is `None` or an empty list, also when the kernel has no
//! nf_tables at all. Writing is by [transactions](NftSocket::commit).

mod answer;
mod change;
mod commit;
mod decode;
mod explain;
mod expr;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod idle;
mod key;
mod matching;
mod message;
mod object;
mod read;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod told;
mod userdata;

use nix::errno::Errno;

use super::netlink::Connection;
use super::{KernelError, Outcome};

pub use change::Change;
pub use expr::{Base, Expr, MetaKey, Reg, Verdict};
pub use key::{Key, KeyType};
pub use matching::{destination_outside, family_of, port_and_source_not_in, port_in, source_in};
pub use object::{ChainState, Element, Family, Hook, Look, Place, Rule, Table, TableState};

/// linux/netlink.h
const NETLINK_NETFILTER: isize = 12;

/// A socket to nf_tables in the node's namespace.
///
/// Closing it after something was deleted, by whomever, waits until the kernel has freed that (14 to 30 ms, RCU).
/// So it is opened once, and after a deletion [closed late](NftSocket::wait_until_idle).
pub struct NftSocket {
    connection: Connection,
    deleted: bool,
}

impl std::fmt::Debug for NftSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NftSocket")
    }
}

impl NftSocket {
    /// # Errors
    /// EPROTONOSUPPORT when the kernel has no nfnetlink.
    pub fn open() -> Outcome<Self> {
        let hint = |error: KernelError| match error.errno {
            Errno::EPROTONOSUPPORT => KernelError {
                hint: Some(
                    "the kernel has no nfnetlink: CONFIG_NETFILTER_NETLINK and CONFIG_NF_TABLES".into(),
                ),
                ..error.asked("open netfilter socket")
            },
            _ => error,
        };
        Ok(NftSocket { connection: Connection::open(NETLINK_NETFILTER).map_err(hint)?, deleted: false })
    }
}
