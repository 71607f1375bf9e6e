//! The gateway's address on the bridge.

use std::fmt;

use ipnetwork::IpNetwork;

use crate::kernel::{Errno, KernelError, Node, Outcome, Side};
use crate::plan::{Applied, Drift, Resource, Scope};
use crate::spec::IfName;

/// The address by which pods reach the node.
#[derive(Clone, Debug)]
pub struct GatewayAddress {
    /// The bridge, or the node's end of a VLAN.
    pub link: IfName,
    /// The gateway with the length of its subnet's prefix.
    pub address: IpNetwork,
    /// Remove addresses that are in the way (`forceAddress`).
    pub force: bool,
}

impl fmt::Display for GatewayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host addr add {} dev {}   (shared)", self.address, self.link)
    }
}

impl GatewayAddress {
    /// As in the reference: a bridge has one IPv4 address, and IPv6 addresses whose subnets do not overlap.
    fn is_in_the_way(&self, other: &IpNetwork) -> bool {
        if self.address.is_ipv4() != other.is_ipv4() {
            return false;
        }
        self.address.is_ipv4() || self.address.contains(other.ip()) || other.contains(self.address.ip())
    }

    fn conflict(&self, other: &IpNetwork) -> KernelError {
        let hint = format!(
            "{} already has {other}, left by an earlier configuration or another program; remove it with 'ip addr \
             del {other} dev {}', set \"forceAddress\": true, or give this network another \"bridge\"",
            self.link, self.link
        );
        KernelError {
            hint: Some(hint),
            ..KernelError::new(format!("addr add {}", self.address), Errno::EEXIST)
        }
    }
}

impl Resource for GatewayAddress {
    fn scope(&self) -> Scope {
        Scope::Shared
    }

    fn apply(&self, node: &mut Node) -> Outcome<Applied> {
        let index = node.host_link(&self.link)?.index;
        let host = node.route(Side::Host)?;
        let present = host.addresses(index)?;
        if present.iter().any(|a| a.address == self.address) {
            return Ok(Applied::Unchanged);
        }
        for other in present.iter().map(|a| a.address).filter(|other| self.is_in_the_way(other)) {
            if !self.force {
                return Err(self.conflict(&other));
            }
            host.delete_address(index, other)?;
        }
        match node.add_address(Side::Host, index, self.address)? {
            true => Ok(Applied::Created),
            false => Ok(Applied::Unchanged),
        }
    }

    fn check(&self, node: &mut Node) -> Outcome<Option<Drift>> {
        let Some(link) = node.seen_link(Side::Host, &self.link)? else {
            return Ok(Some(Drift(format!("{} does not exist", self.link))));
        };
        let present = node.seen_addresses(Side::Host, link.index)?;
        let found = present.iter().any(|a| a.address == self.address);
        Ok((!found).then(|| Drift("the address is not there".into())))
    }

    /// Only for rollback, and only while nobody else has come to use it.
    fn remove(&self, node: &mut Node) -> Outcome<()> {
        let host = node.route(Side::Host)?;
        let Some(link) = host.link(&self.link)? else { return Ok(()) };
        if host.ports(link.index)? > 0 {
            return Ok(());
        }
        host.delete_address(link.index, self.address)
    }
}
