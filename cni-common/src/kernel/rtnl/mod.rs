//! rtnetlink: links, addresses, routes, neighbours.

use super::Outcome;
use super::netlink::Connection;

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
    /// # Errors
    /// Those of socket(2).
    pub fn open() -> Outcome<Self> {
        Ok(RouteSocket { connection: Connection::open(0)? })
    }
}
