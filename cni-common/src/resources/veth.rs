//! The pair of links that joins a container to the node.

use std::fmt;

use crate::kernel::rtnl::VethSpec;
use crate::kernel::{Errno, KernelError, Node, Outcome, Side};
use crate::plan::{Applied, Drift, Resource};
use crate::spec::{IfName, MacAddr};

/// A veth pair, both ends made in place.
#[derive(Clone, Debug)]
pub struct VethPair {
    /// The node's end.
    pub host: IfName,
    /// Its address; not checked, for a bridge does not care.
    pub host_mac: Option<MacAddr>,
    /// The container's end.
    pub container: IfName,
    /// Its address.
    pub container_mac: Option<MacAddr>,
    /// MTU of both in bytes.
    pub mtu: Option<u32>,
}

impl fmt::Display for VethPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "container link add {} type veth", self.container)?;
        if let Some(mac) = self.container_mac {
            write!(f, " mac {mac}")?;
        }
        if let Some(mtu) = self.mtu {
            write!(f, " mtu {mtu}")?;
        }
        write!(f, " peer host {}", self.host)
    }
}

impl Resource for VethPair {
    fn apply(&self, node: &mut Node) -> Outcome<Applied> {
        let (host, netns) = node.host_and_container()?;
        let spec = VethSpec {
            name: &self.host,
            mac: self.host_mac,
            peer: &self.container,
            peer_mac: self.container_mac,
            peer_netns: Some(netns.fd()),
            mtu: self.mtu,
        };
        host.create_veth(&spec).map_err(|error| match error.errno {
            Errno::EEXIST => KernelError {
                hint: Some(format!(
                    "{} or {} is there already; run DEL for it first",
                    self.container, self.host
                )),
                ..error
            },
            _ => error,
        })?;
        Ok(Applied::Created)
    }

    fn check(&self, node: &mut Node) -> Outcome<Option<Drift>> {
        let missing =
            |side: &str, name: &IfName| Ok(Some(Drift(format!("{side} link {name} does not exist"))));
        let Some(inner) = node.seen_link(Side::Container, &self.container)? else {
            return missing("container", &self.container);
        };
        let Some(outer) = node.seen_link(Side::Host, &self.host)? else { return missing("host", &self.host) };
        let drift = if inner.kind != "veth" {
            Some(format!("{} is not a veth", self.container))
        } else if inner.peer != Some(outer.index) || outer.peer != Some(inner.index) {
            Some(format!("{} and {} are not ends of one pair", self.container, self.host))
        } else if let Some(mtu) = self.mtu
            && let Some(other) = [&inner, &outer].iter().find(|link| link.mtu != mtu)
        {
            Some(format!("the mtu of {} is {}", other.name, other.mtu))
        } else if let (Some(expected), Some(mac)) = (self.container_mac, inner.mac)
            && expected != mac
        {
            Some(format!("the mac of {} is {mac}", self.container))
        } else {
            None
        };
        Ok(drift.map(Drift))
    }

    fn remove(&self, node: &mut Node) -> Outcome<()> {
        node.route(Side::Host)?.delete_link(&self.host).map(|_| ())
    }
}
