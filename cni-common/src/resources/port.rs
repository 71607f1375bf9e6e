//! The node's end as a port of the bridge.

use std::fmt;

use crate::kernel::rtnl::{LinkChange, PortVlan};
use crate::kernel::{Errno, KernelError, Node, Outcome, Side};
use crate::plan::{Applied, Drift, Resource};
use crate::spec::IfName;

/// A port of a bridge, and how it forwards.
#[derive(Clone, Debug)]
pub struct BridgePort {
    /// The link.
    pub link: IfName,
    /// The bridge.
    pub bridge: IfName,
    /// Sends back through the port it came from.
    pub hairpin: bool,
    /// Talks only to ports that are not isolated.
    pub isolated: bool,
    /// VLANs.
    pub vlans: Vec<PortVlan>,
    /// The VLAN that the bridge gave to the port stays.
    pub keep_default_vlan: bool,
    /// Written into the link's alias: the owner tag, and who it is for a person.
    pub alias: String,
}

impl fmt::Display for BridgePort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host link set {} master {}", self.link, self.bridge)?;
        write!(f, " hairpin {}", if self.hairpin { "on" } else { "off" })?;
        if self.isolated {
            f.write_str(" isolated on")?;
        }
        let mut rest = &self.vlans[..];
        while let Some((first, others)) = rest.split_first() {
            let run = others.iter().zip(1..).take_while(|(v, n)| {
                !first.untagged && !v.untagged && Some(v.id) == first.id.checked_add(*n)
            });
            let length = run.count();
            write!(f, " vlan {}", first.id)?;
            if let Some(last) = length.checked_sub(1).and_then(|l| others.get(l)) {
                write!(f, "-{}", last.id)?;
            }
            if first.untagged {
                f.write_str(" pvid untagged")?;
            }
            rest = others.get(length..).unwrap_or_default();
        }
        f.write_str(" up")
    }
}

impl BridgePort {
    fn refused(&self, error: KernelError) -> KernelError {
        let hint = match error.errno {
            Errno::EXFULL => {
                format!("{} has 1023 ports, the kernel's limit; use another bridge", self.bridge)
            }
            Errno::EOPNOTSUPP if !self.vlans.is_empty() => {
                "VLANs need a kernel with CONFIG_BRIDGE_VLAN_FILTERING".to_owned()
            }
            _ => return error,
        };
        KernelError { hint: Some(hint), ..error }
    }

    fn add_vlans(&self, node: &mut Node, default_pvid: u16) -> Outcome<()> {
        if self.vlans.is_empty() {
            return Ok(());
        }
        let index = node.existing_link(Side::Host, &self.link)?.index;
        let host = node.route(Side::Host)?;
        if default_pvid != 0 && !self.keep_default_vlan {
            host.delete_vlan(index, default_pvid)?;
        }
        host.add_vlans(index, &self.vlans)
    }
}

impl Resource for BridgePort {
    fn apply(&self, node: &mut Node) -> Outcome<Applied> {
        let bridge = node.host_link(&self.bridge)?;
        let change = LinkChange {
            master: Some(bridge.index),
            alias: Some(self.alias.clone()),
            no_ipv6_address: true,
            ..LinkChange::up()
        };
        let host = node.route(Side::Host)?;
        let changed = match host.change_link(&self.link, &change) {
            // The link has no IPv6 at all: by the kernel's boot options, or for its MTU.
            Err(error) if error.errno == Errno::EAFNOSUPPORT => {
                host.change_link(&self.link, &LinkChange { no_ipv6_address: false, ..change })
            }
            changed => changed,
        };
        changed.map_err(|e| self.refused(e))?;
        if self.hairpin || self.isolated {
            host.change_port(&self.link, self.hairpin, self.isolated)?;
        }
        self.add_vlans(node, bridge.default_pvid).map_err(|e| self.refused(e))?;
        Ok(Applied::Created)
    }

    fn check(&self, node: &mut Node) -> Outcome<Option<Drift>> {
        let Some(link) = node.seen_link(Side::Host, &self.link)? else {
            return Ok(Some(Drift("the link does not exist".into())));
        };
        let bridge = node.seen_link(Side::Host, &self.bridge)?;
        let port = link.port.unwrap_or_default();
        let state = |on: bool| if on { "on" } else { "off" };
        let drift = if bridge.is_none_or(|b| link.master != Some(b.index)) {
            Some(format!("it is not a port of {}", self.bridge))
        } else if !link.up {
            Some("it is down".to_owned())
        } else if port.hairpin != self.hairpin {
            Some(format!("hairpin is {}", state(port.hairpin)))
        } else if port.isolated != self.isolated {
            Some(format!("isolated is {}", state(port.isolated)))
        } else if !self.vlans.is_empty() {
            let now = node.route(Side::Host)?.vlans(link.index)?;
            self.vlans
                .iter()
                .find(|vlan| !now.contains(vlan))
                .map(|vlan| format!("vlan {} is not set", vlan.id))
        } else {
            None
        };
        Ok(drift.map(Drift))
    }

    /// A port goes with its link.
    fn remove(&self, _: &mut Node) -> Outcome<()> {
        Ok(())
    }
}
