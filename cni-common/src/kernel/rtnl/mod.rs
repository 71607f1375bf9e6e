//! rtnetlink: links, addresses, routes, bridge VLANs.

mod address;
mod farewell;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod link;
mod link_change;
mod link_new;
mod only_end;
mod route;
mod vlan;
mod wait;

use super::Outcome;
use super::netlink::Connection;

pub use address::Address;
pub use link::{Link, Port};
pub use link_change::LinkChange;
pub use link_new::{BridgeSpec, VethSpec};
pub use route::KernelRoute;
pub use vlan::PortVlan;

/// linux/netlink.h
const NETLINK_ROUTE: isize = 0;

/// A socket to rtnetlink in one namespace.
pub struct RouteSocket {
    connection: Connection,
}

impl std::fmt::Debug for RouteSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RouteSocket")
    }
}

impl RouteSocket {
    /// A socket in the namespace that the calling thread is in.
    ///
    /// # Errors
    /// Those of socket(2).
    pub fn open() -> Outcome<Self> {
        let mut connection = Connection::open(NETLINK_ROUTE)?;
        // The kernel filters lists by what we ask for, instead of returning all (linux/rtnetlink.h).
        connection
            .socket()
            .set_netlink_get_strict_chk(true)
            .map_err(|e| super::KernelError::from_io("ask for strict checks", &e))?;
        Ok(RouteSocket { connection })
    }
}
