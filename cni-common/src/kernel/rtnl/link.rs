//! What the kernel tells of a link.

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    BridgePortState, InfoBridge, InfoBridgePort, InfoData, InfoKind, InfoPortData, LinkAttribute,
    LinkExtentMask, LinkFlags, LinkInfo, LinkMessage, State,
};

use super::RouteSocket;
use crate::kernel::Outcome;
use crate::spec::{IfName, MacAddr};

/// A link as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Index in its namespace.
    pub index: u32,
    /// Name.
    pub name: String,
    /// `veth`, `bridge`, ...; empty for a physical one.
    pub kind: String,
    /// Hardware address.
    pub mac: Option<MacAddr>,
    /// MTU in bytes.
    pub mtu: u32,
    /// Switched on (`IFF_UP`).
    pub up: bool,
    /// Able to pass packets (RFC 2863 operational state "up").
    pub operational: bool,
    /// Promiscuous by its own flag.
    pub promiscuous: bool,
    /// Index of the bridge it is a port of.
    pub master: Option<u32>,
    /// Index of a veth's other end, in that end's namespace.
    pub peer: Option<u32>,
    /// The alias, where we keep the owner tag.
    pub alias: String,
    /// Settings of a bridge's port.
    pub port: Option<Port>,
    /// A bridge filters by VLAN.
    pub vlan_filtering: bool,
    /// The VLAN that a bridge gives to a new port; 0 for none.
    pub default_pvid: u16,
}

/// Settings of a bridge's port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// Sends back through the port it came from.
    pub hairpin: bool,
    /// Talks only to ports that are not isolated.
    pub isolated: bool,
    /// Forwards.
    pub forwarding: bool,
}

impl Link {
    pub(super) fn from_message(message: LinkMessage) -> Self {
        let flags = message.header.flags;
        let mut link = Link {
            index: message.header.index,
            up: flags.contains(LinkFlags::Up),
            promiscuous: flags.contains(LinkFlags::Promisc),
            ..Link::default()
        };
        for attribute in message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name = name,
                LinkAttribute::Address(bytes) => link.mac = bytes.try_into().ok().map(MacAddr),
                LinkAttribute::Mtu(mtu) => link.mtu = mtu,
                LinkAttribute::OperState(state) => link.operational = state == State::Up,
                LinkAttribute::Controller(index) => link.master = Some(index).filter(|i| *i != 0),
                LinkAttribute::Link(index) => link.peer = Some(index),
                LinkAttribute::IfAlias(alias) => link.alias = alias,
                LinkAttribute::LinkInfo(infos) => infos.into_iter().for_each(|info| link.take_info(info)),
                _ => {}
            }
        }
        link
    }

    fn take_info(&mut self, info: LinkInfo) {
        match info {
            LinkInfo::Kind(kind) => self.kind = kind_name(&kind),
            LinkInfo::Data(InfoData::Bridge(data)) => {
                for item in data {
                    match item {
                        InfoBridge::VlanFiltering(on) => self.vlan_filtering = on,
                        InfoBridge::VlanDefaultPvid(id) => self.default_pvid = id,
                        _ => {}
                    }
                }
            }
            LinkInfo::PortData(InfoPortData::BridgePort(data)) => {
                let mut port = Port::default();
                for item in data {
                    match item {
                        InfoBridgePort::HairpinMode(on) => port.hairpin = on,
                        InfoBridgePort::Isolated(on) => port.isolated = on,
                        InfoBridgePort::State(state) => {
                            port.forwarding = state == BridgePortState::Forwarding;
                        }
                        _ => {}
                    }
                }
                self.port = Some(port);
            }
            _ => {}
        }
    }
}

fn kind_name(kind: &InfoKind) -> String {
    match kind {
        InfoKind::Bridge => "bridge".to_owned(),
        InfoKind::Veth => "veth".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// Asks for a link without its counters, which nobody here reads.
fn query(attribute: Option<LinkAttribute>, index: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.attributes.extend(attribute);
    message.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    message
}

impl RouteSocket {
    fn get(&mut self, message: LinkMessage) -> Outcome<Option<Link>> {
        let [answer] = self.connection.ask([RouteNetlinkMessage::GetLink(message)])?;
        match answer {
            Ok(Some(RouteNetlinkMessage::NewLink(link))) => Ok(Some(Link::from_message(link))),
            Ok(_) => Ok(None),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The link of that name. On kernels from 6.8 on, asking also brings its operational state up to date.
    ///
    /// # Errors
    /// The kernel's refusal; a missing link is `Ok(None)`.
    pub fn link(&mut self, name: &IfName) -> Outcome<Option<Link>> {
        self.get(query(Some(LinkAttribute::IfName(name.to_string())), 0))
            .map_err(|e| e.asked(format!("get link {name}")))
    }

    /// The link of that index.
    ///
    /// # Errors
    /// The kernel's refusal; a missing link is `Ok(None)`.
    pub fn link_by_index(&mut self, index: u32) -> Outcome<Option<Link>> {
        self.get(query(None, index)).map_err(|e| e.asked(format!("get link {index}")))
    }

    /// All links. Not for the way of ADD: it costs by the number of links.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn links(&mut self) -> Outcome<Vec<Link>> {
        let replies = self
            .connection
            .dump(&RouteNetlinkMessage::GetLink(query(None, 0)))
            .map_err(|e| e.asked("list links"))?;
        let links = replies.into_iter().filter_map(|reply| match reply {
            RouteNetlinkMessage::NewLink(link) => Some(Link::from_message(link)),
            _ => None,
        });
        Ok(links.collect())
    }

    /// How many ports a bridge has. A list: not for the way of ADD.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn ports(&mut self, bridge: u32) -> Outcome<usize> {
        let mut query = query(None, 0);
        query.attributes.push(LinkAttribute::Controller(bridge));
        let replies = self
            .connection
            .dump(&RouteNetlinkMessage::GetLink(query))
            .map_err(|e| e.asked(format!("list ports of link {bridge}")))?;
        let is_port = |reply: &RouteNetlinkMessage| match reply {
            RouteNetlinkMessage::NewLink(link) => {
                link.attributes.contains(&LinkAttribute::Controller(bridge))
            }
            _ => false,
        };
        Ok(replies.iter().filter(|reply| is_port(reply)).count())
    }
}
