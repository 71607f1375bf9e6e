//! IPv6 addresses that the kernel has taken but not yet finished.
//!
//! An address with `IFA_F_NODAD` is there at once, but its local route, without which nothing that is sent
//! to it arrives, is made by a work queue (net/ipv6/addrconf.c `addrconf_dad_work`), which tells of it by
//! a notification. Many can be awaited together, while other things are done.

use std::net::IpAddr;
use std::time::Instant;

use super::Outcome;
use super::rtnl::RouteSocket;

/// Addresses of one namespace that are not finished.
#[derive(Debug)]
pub(super) struct PendingAddresses {
    events: RouteSocket,
    waiting: Vec<(u32, IpAddr)>,
}

impl PendingAddresses {
    /// Begins to listen, in the namespace of the calling thread; before the first address is added.
    pub(super) fn listen() -> Outcome<Self> {
        Ok(PendingAddresses { events: RouteSocket::address_events()?, waiting: Vec::new() })
    }

    /// An address that was added to the link of this index.
    pub(super) fn push(&mut self, index: u32, address: IpAddr) {
        self.waiting.push((index, address));
    }

    /// Waits until all are finished; false when the deadline came first.
    pub(super) fn wait(&mut self, deadline: Instant) -> Outcome<bool> {
        while !self.waiting.is_empty() {
            match self.events.next_address(deadline)? {
                None => return Ok(false),
                Some(ready) => self.waiting.retain(|waiting| *waiting != ready),
            }
        }
        Ok(true)
    }
}
