//! Changing links that are there.

use netlink_packet_core::DefaultNla;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    AfSpecInet, AfSpecUnspec, InfoBridgePort, InfoPortData, InfoPortKind, LinkAttribute, LinkFlags, LinkInfo,
    LinkMessage,
};

use super::RouteSocket;
use super::link_new::named;
use crate::kernel::Outcome;
use crate::spec::{IfName, MacAddr};

/// linux/if_link.h: `IFLA_INET6_ADDR_GEN_MODE`, and its value for "none".
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const IN6_ADDR_GEN_MODE_NONE: u8 = 1;
/// linux/if_link.h `IFLA_INET_CONF`; linux/ip.h `IPV4_DEVCONF_ARP_NOTIFY`.
const IFLA_INET_CONF: u16 = 1;
const IPV4_DEVCONF_ARP_NOTIFY: u16 = 22;
/// linux/netlink.h
const NLA_F_NESTED: u16 = 0x8000;

/// Changes to one link, made by one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkChange {
    /// Switch on or off.
    pub up: Option<bool>,
    /// Set or clear the promiscuous flag.
    pub promiscuous: Option<bool>,
    /// Make it a port of the bridge with this index.
    pub master: Option<u32>,
    /// Set the alias.
    pub alias: Option<String>,
    /// Set the hardware address.
    pub mac: Option<MacAddr>,
    /// Make no IPv6 address for it: a bridge's port has no use for one.
    pub no_ipv6_address: bool,
    /// Sysctl `arp_notify`, without leaving for the namespace.
    pub arp_notify: bool,
}

impl LinkChange {
    /// Switch on, and nothing else.
    pub fn up() -> Self {
        LinkChange { up: Some(true), ..LinkChange::default() }
    }

    /// Switch off, and nothing else.
    pub fn down() -> Self {
        LinkChange { up: Some(false), ..LinkChange::default() }
    }
}

impl RouteSocket {
    /// Changes a link.
    ///
    /// # Errors
    /// ENODEV when it is not there, and any other refusal.
    pub fn change_link(&mut self, name: &IfName, change: &LinkChange) -> Outcome<()> {
        let mut message = named(name, change.mac, None);
        let mut flag = |flag, on| {
            message.header.change_mask |= flag;
            if on {
                message.header.flags |= flag;
            }
        };
        if let Some(on) = change.up {
            flag(LinkFlags::Up, on);
        }
        if let Some(on) = change.promiscuous {
            flag(LinkFlags::Promisc, on);
        }
        message.attributes.extend(change.master.map(LinkAttribute::Controller));
        message.attributes.extend(change.alias.clone().map(LinkAttribute::IfAlias));
        let families = families(change);
        if !families.is_empty() {
            message.attributes.push(LinkAttribute::AfSpecUnspec(families));
        }
        self.set(message, format!("link set {name}"))
    }

    /// Sets hairpin and isolation of a bridge's port.
    ///
    /// # Errors
    /// ENODEV when it is not there, EOPNOTSUPP when it is no port, and any other refusal.
    pub fn change_port(&mut self, name: &IfName, hairpin: bool, isolated: bool) -> Outcome<()> {
        let mut message = named(name, None, None);
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::PortKind(InfoPortKind::Bridge),
            LinkInfo::PortData(InfoPortData::BridgePort(vec![
                InfoBridgePort::HairpinMode(hairpin),
                InfoBridgePort::Isolated(isolated),
            ])),
        ]));
        self.set(message, format!("link set {name} type bridge_slave"))
    }

    fn set(&mut self, message: LinkMessage, what: String) -> Outcome<()> {
        // RTM_NEWLINK without NLM_F_CREATE changes; unlike RTM_SETLINK it takes port settings.
        self.connection
            .request(RouteNetlinkMessage::NewLink(message), 0)
            .map(|_| ())
            .map_err(|e| e.asked(what))
    }
}

fn families(change: &LinkChange) -> Vec<AfSpecUnspec> {
    let mut families = Vec::new();
    if change.arp_notify {
        let one = DefaultNla::new(IPV4_DEVCONF_ARP_NOTIFY, 1u32.to_ne_bytes().to_vec());
        families.push(AfSpecUnspec::Inet(vec![AfSpecInet::Other(nested(IFLA_INET_CONF, &one))]));
    }
    if change.no_ipv6_address {
        let none = DefaultNla::new(IFLA_INET6_ADDR_GEN_MODE, vec![IN6_ADDR_GEN_MODE_NONE]);
        families.push(AfSpecUnspec::Inet6(vec![netlink_packet_route::link::AfSpecInet6::Other(none)]));
    }
    families
}

fn nested(kind: u16, inner: &DefaultNla) -> DefaultNla {
    use netlink_packet_core::Emitable;
    let mut bytes = vec![0; inner.buffer_len()];
    inner.emit(&mut bytes);
    DefaultNla::new(kind | NLA_F_NESTED, bytes)
}
