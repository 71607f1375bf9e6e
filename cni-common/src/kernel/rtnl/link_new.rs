//! Making and deleting links.

use std::os::fd::{AsRawFd, BorrowedFd};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoBridge, InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};

use super::RouteSocket;
use crate::kernel::Outcome;
use crate::spec::{IfName, MacAddr};

/// A bridge to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeSpec {
    /// Name.
    pub name: IfName,
    /// Its own address from the start, so that neither udev nor the lowest port changes it (systemd#21185).
    pub mac: MacAddr,
    /// MTU in bytes; none leaves it to the kernel.
    pub mtu: Option<u32>,
    /// Filter by VLAN.
    pub vlan_filtering: bool,
}

/// A veth pair to be made, both ends in place.
#[derive(Debug)]
pub struct VethSpec<'a> {
    /// Name of the end in the socket's namespace.
    pub name: &'a IfName,
    /// Its address; none leaves it to the kernel.
    pub mac: Option<MacAddr>,
    /// Name of the other end.
    pub peer: &'a IfName,
    /// Its address.
    pub peer_mac: Option<MacAddr>,
    /// Its namespace; none for the socket's own.
    pub peer_netns: Option<BorrowedFd<'a>>,
    /// MTU of both ends in bytes; none leaves it to the kernel.
    pub mtu: Option<u32>,
}

impl RouteSocket {
    /// Makes a bridge and switches it on.
    ///
    /// # Errors
    /// EEXIST when there is a link of that name, and any other refusal.
    pub fn create_bridge(&mut self, spec: &BridgeSpec) -> Outcome<()> {
        let mut message = named(&spec.name, Some(spec.mac), spec.mtu);
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        let mut info = vec![LinkInfo::Kind(InfoKind::Bridge)];
        if spec.vlan_filtering {
            info.push(LinkInfo::Data(InfoData::Bridge(vec![InfoBridge::VlanFiltering(true)])));
        }
        message.attributes.push(LinkAttribute::LinkInfo(info));
        self.create(message, format!("link add {} type bridge", spec.name))
    }

    /// Makes a veth pair by one message. Neither end is up: `IFF_UP` in it fails with ENOTCONN.
    ///
    /// # Errors
    /// EEXIST when one of the names is taken, and any other refusal.
    pub fn create_veth(&mut self, spec: &VethSpec<'_>) -> Outcome<()> {
        let mut peer = named(spec.peer, spec.peer_mac, spec.mtu);
        if let Some(netns) = spec.peer_netns {
            peer.attributes.push(LinkAttribute::NetNsFd(netns.as_raw_fd()));
        }
        let mut message = named(spec.name, spec.mac, spec.mtu);
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]));
        self.create(message, format!("link add {} type veth peer {}", spec.name, spec.peer))
    }

    fn create(&mut self, message: LinkMessage, what: String) -> Outcome<()> {
        self.connection
            .request(RouteNetlinkMessage::NewLink(message), NLM_F_CREATE | NLM_F_EXCL)
            .map(|_| ())
            .map_err(|e| e.asked(what))
    }

    /// Deletes a link, a veth with its other end; returns whether it was there. The kernel answers when
    /// nothing refers to the link any more, which takes it some 20 ms.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn delete_link(&mut self, name: &IfName) -> Outcome<bool> {
        let message = named(name, None, None);
        match self.connection.request(RouteNetlinkMessage::DelLink(message), 0) {
            Ok(_) => Ok(true),
            Err(error) if error.is_gone() => Ok(false),
            Err(error) => Err(error.asked(format!("link del {name}"))),
        }
    }
}

/// A message that names a link and sets what is given.
pub(super) fn named(name: &IfName, mac: Option<MacAddr>, mtu: Option<u32>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::IfName(name.to_string()));
    message.attributes.extend(mac.map(|mac| LinkAttribute::Address(mac.0.to_vec())));
    message.attributes.extend(mtu.map(LinkAttribute::Mtu));
    message
}
