//! nf_tables over netlink; no program is run.

use super::Outcome;
use super::netlink::Connection;

/// linux/netlink.h
const NETLINK_NETFILTER: isize = 12;

/// A socket to nf_tables in the node's namespace.
pub struct NftSocket {
    connection: Connection,
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
        Ok(NftSocket { connection: Connection::open(NETLINK_NETFILTER)? })
    }
}
