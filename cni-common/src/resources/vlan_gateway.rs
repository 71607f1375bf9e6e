//! The node's own place in a VLAN of the bridge, where its gateway address is.

use std::fmt;

use crate::kernel::rtnl::{Link, LinkChange, PortVlan, VethSpec};
use crate::kernel::{Errno, Node, Outcome, Side};
use crate::plan::{Applied, Drift, Resource, Scope};
use crate::spec::IfName;

/// A veth pair of the node: one end a port in the VLAN, the other named `BRIDGE.VLAN` as in the reference.
#[derive(Clone, Debug)]
pub struct VlanGateway {
    /// The end that carries the gateway address.
    pub link: IfName,
    /// The end that is a port of the bridge.
    pub port: IfName,
    /// The bridge.
    pub bridge: IfName,
    /// 1 to 4094.
    pub vlan: u16,
    /// The VLAN that the bridge gave to the port stays.
    pub keep_default_vlan: bool,
    /// MTU in bytes.
    pub mtu: Option<u32>,
}

impl fmt::Display for VlanGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { link, port, bridge, vlan, .. } = self;
        write!(
            f,
            "host link add {link} type veth peer {port} master {bridge} vlan {vlan} pvid untagged up   (shared)"
        )
    }
}

impl VlanGateway {
    /// The port of the pair, whoever made it and whatever it is called.
    fn port_of(node: &mut Node, link: &Link) -> Outcome<Option<Link>> {
        match link.peer {
            Some(index) => node.route(Side::Host)?.link_by_index(index),
            None => Ok(None),
        }
    }

    fn vlan(&self) -> PortVlan {
        PortVlan { id: self.vlan, untagged: true }
    }

    /// Brings both ends to where they belong; finishes what a killed ADD began.
    fn finish(&self, node: &mut Node, link: &Link) -> Outcome<()> {
        let bridge = node.host_link(&self.bridge)?;
        let port = Self::port_of(node, link)?;
        let host = node.route(Side::Host)?;
        if let Some(port) = port
            && let Ok(name) = IfName::parse(&port.name)
            && (port.master != Some(bridge.index) || !port.up)
        {
            let change = LinkChange { master: Some(bridge.index), ..LinkChange::up() };
            host.change_link(&name, &change)?;
            if bridge.default_pvid != 0 && !self.keep_default_vlan {
                host.delete_vlan(port.index, bridge.default_pvid)?;
            }
            host.add_vlans(port.index, &[self.vlan()])?;
        }
        if !link.up {
            host.change_link(&self.link, &LinkChange::up())?;
        }
        Ok(())
    }
}

impl Resource for VlanGateway {
    fn scope(&self) -> Scope {
        Scope::Shared
    }

    fn apply(&self, node: &mut Node) -> Outcome<Applied> {
        let mut applied = Applied::Unchanged;
        if node.route(Side::Host)?.link(&self.link)?.is_none() {
            let spec = VethSpec {
                name: &self.port,
                mac: None,
                peer: &self.link,
                peer_mac: None,
                peer_netns: None,
                mtu: self.mtu,
            };
            match node.route(Side::Host)?.create_veth(&spec) {
                Ok(()) => applied = Applied::Created,
                Err(error) if error.errno == Errno::EEXIST => {}
                Err(error) => return Err(error),
            }
        }
        let link = node.existing_link(Side::Host, &self.link)?;
        if let Err(error) = self.finish(node, &link) {
            if applied == Applied::Created {
                let _ = self.remove(node);
            }
            return Err(error);
        }
        node.note_host_link(&self.link, link);
        Ok(applied)
    }

    fn check(&self, node: &mut Node) -> Outcome<Option<Drift>> {
        let Some(link) = node.seen_link(Side::Host, &self.link)? else {
            return Ok(Some(Drift(format!("{} does not exist", self.link))));
        };
        let bridge = node.seen_link(Side::Host, &self.bridge)?;
        let port = Self::port_of(node, &link)?;
        let Some(port) = port.filter(|p| p.master.is_some() && p.master == bridge.map(|b| b.index)) else {
            return Ok(Some(Drift(format!("its other end is not a port of {}", self.bridge))));
        };
        let vlans = node.route(Side::Host)?.vlans(port.index)?;
        let drift = if !link.up || !port.up {
            Some("it is down".to_owned())
        } else if !vlans.contains(&self.vlan()) {
            Some(format!("its port is not in vlan {}", self.vlan))
        } else {
            None
        };
        Ok(drift.map(Drift))
    }

    /// Only for rollback of an ADD that made it.
    fn remove(&self, node: &mut Node) -> Outcome<()> {
        node.route(Side::Host)?.delete_link(&self.link).map(|_| ())
    }
}
