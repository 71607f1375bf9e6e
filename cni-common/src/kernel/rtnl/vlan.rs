//! VLANs of bridge ports.

use netlink_packet_route::link::{
    AfSpecBridge, BridgeVlanInfo, BridgeVlanInfoFlags, LinkAttribute, LinkExtentMask, LinkMessage,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::RouteSocket;
use crate::kernel::Outcome;

/// A VLAN of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortVlan {
    /// 1 to 4094.
    pub id: u16,
    /// What comes in without a tag belongs to it, and it leaves without one (PVID, egress untagged).
    pub untagged: bool,
}

impl RouteSocket {
    /// Adds VLANs to a port, in the order given.
    ///
    /// # Errors
    /// EOPNOTSUPP when the kernel has no VLAN filtering, and any other refusal.
    pub fn add_vlans(&mut self, index: u32, vlans: &[PortVlan]) -> Outcome<()> {
        if vlans.is_empty() {
            return Ok(());
        }
        let message = message(index, vlans);
        self.connection
            .request(RouteNetlinkMessage::SetLink(message), 0)
            .map(|_| ())
            .map_err(|e| e.asked(format!("vlan add dev {index}")))
    }

    /// Takes a VLAN from a port; succeeds when it does not have it.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn delete_vlan(&mut self, index: u32, id: u16) -> Outcome<()> {
        let message = message(index, &[PortVlan { id, untagged: false }]);
        match self.connection.request(RouteNetlinkMessage::DelLink(message), 0) {
            Ok(_) => Ok(()),
            Err(error) if error.is_gone() => Ok(()),
            Err(error) => Err(error.asked(format!("vlan del {id} dev {index}"))),
        }
    }

    /// The VLANs of a port. A list over all ports: not for the way of ADD.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn vlans(&mut self, index: u32) -> Outcome<Vec<PortVlan>> {
        let mut query = LinkMessage::default();
        query.header.interface_family = AddressFamily::Bridge;
        query.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::Brvlan]));
        let replies = self
            .connection
            .dump(&RouteNetlinkMessage::GetLink(query))
            .map_err(|e| e.asked("list bridge VLANs"))?;
        let mut vlans = Vec::new();
        for reply in replies {
            let RouteNetlinkMessage::NewLink(link) = reply else { continue };
            if link.header.index != index {
                continue;
            }
            for attribute in link.attributes {
                let LinkAttribute::AfSpecBridge(specs) = attribute else { continue };
                vlans.extend(specs.iter().filter_map(|spec| match spec {
                    AfSpecBridge::VlanInfo(info) => Some(PortVlan {
                        id: info.vid,
                        untagged:
                            info.flags.contains(BridgeVlanInfoFlags::Pvid | BridgeVlanInfoFlags::Untagged),
                    }),
                    _ => None,
                }));
            }
        }
        vlans.sort_unstable();
        Ok(vlans)
    }
}

fn message(index: u32, vlans: &[PortVlan]) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.interface_family = AddressFamily::Bridge;
    message.header.index = index;
    let infos = vlans.iter().map(|vlan| {
        let flags = match vlan.untagged {
            true => BridgeVlanInfoFlags::Pvid | BridgeVlanInfoFlags::Untagged,
            false => BridgeVlanInfoFlags::empty(),
        };
        AfSpecBridge::VlanInfo(BridgeVlanInfo { flags, vid: vlan.id })
    });
    message.attributes.push(LinkAttribute::AfSpecBridge(infos.collect()));
    message
}
