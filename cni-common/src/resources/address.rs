//! Addresses of the container.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use ipnetwork::IpNetwork;

use crate::kernel::rtnl::LinkChange;
use crate::kernel::{Node, Outcome, Side};
use crate::plan::{Applied, Drift, Resource};
use crate::spec::{IfName, MacAddr};

/// Longest wait for duplicate address detection (`enabledad`), as in the reference.
const DAD_LIMIT: Duration = Duration::from_secs(5);
/// Longest wait for the kernel to finish an IPv6 address; it needs microseconds.
const ADDRESS_LIMIT: Duration = Duration::from_secs(5);

/// An address of the container's link.
#[derive(Clone, Debug)]
pub struct ContainerAddress {
    /// The link.
    pub link: IfName,
    /// The address.
    pub address: IpNetwork,
    /// Wait for duplicate address detection.
    pub dad: bool,
}

impl fmt::Display for ContainerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "container addr add {} dev {}", self.address, self.link)
    }
}

impl Resource for ContainerAddress {
    fn apply(&self, node: &mut Node) -> Outcome<Applied> {
        let index = node.container_index(&self.link)?;
        if !self.dad {
            let added = node.add_address(Side::Container, index, self.address)?;
            return Ok(if added { Applied::Created } else { Applied::Unchanged });
        }
        let added = node.route(Side::Container)?.add_address(index, self.address, true)?;
        if self.address.is_ipv6() {
            node.wait_address_usable(index, self.address, DAD_LIMIT)?;
        }
        Ok(if added { Applied::Created } else { Applied::Unchanged })
    }

    fn check(&self, node: &mut Node) -> Outcome<Option<Drift>> {
        let Some(link) = node.seen_link(Side::Container, &self.link)? else {
            return Ok(Some(Drift(format!("{} does not exist", self.link))));
        };
        let present = node.seen_addresses(Side::Container, link.index)?;
        let drift = match present.iter().find(|a| a.address == self.address) {
            None => Some("the address is not there"),
            Some(address) if address.duplicate => Some("the address is in use elsewhere (duplicate address)"),
            Some(_) => None,
        };
        Ok(drift.map(|why| Drift(why.into())))
    }

    /// It goes with the link.
    fn remove(&self, _: &mut Node) -> Outcome<()> {
        Ok(())
    }
}

/// The neighbours are told where the addresses live now: by gratuitous ARP and unsolicited neighbour
/// advertisements, sent by the kernel itself. It does so when a link's hardware address is set, also to
/// the one it has, if `arp_notify` and `ndisc_notify` are on. What it sends by itself when the link comes
/// up is too early: the bridge's port does not forward yet, and a pod that reuses an address would stay
/// unreachable until the neighbours' entries expire (plugins#858). A packet socket of our own would need
/// CAP_NET_RAW, and closing it costs 10 ms (the kernel waits for readers).
#[derive(Clone, Debug)]
pub struct Announcement {
    /// The container's link.
    pub link: IfName,
    /// Its hardware address.
    pub mac: MacAddr,
    /// What to announce.
    pub addresses: Vec<IpAddr>,
}

impl fmt::Display for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("container announce")?;
        self.addresses.iter().try_for_each(|a| write!(f, " {a}"))?;
        write!(f, " dev {}", self.link)
    }
}

impl Resource for Announcement {
    fn apply(&self, node: &mut Node) -> Outcome<Applied> {
        // What is announced must answer.
        if !node.finish_addresses(ADDRESS_LIMIT)? {
            tracing::warn!("the kernel has not finished the addresses yet");
        }
        let change = LinkChange { mac: Some(self.mac), ..LinkChange::default() };
        // The attachment works without it, only a reused address may answer late.
        if let Err(error) = node.route(Side::Container)?.change_link(&self.link, &change) {
            tracing::warn!(%error, "addresses not announced");
        }
        Ok(Applied::Unchanged)
    }

    fn check(&self, _: &mut Node) -> Outcome<Option<Drift>> {
        Ok(None)
    }

    fn remove(&self, _: &mut Node) -> Outcome<()> {
        Ok(())
    }
}
