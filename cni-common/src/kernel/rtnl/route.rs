//! Routes.

use std::net::IpAddr;

use ipnetwork::IpNetwork;
use netlink_packet_core::{NLM_F_APPEND, NLM_F_CREATE};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteMetric, RouteProtocol, RouteScope,
    RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;

use super::RouteSocket;
use crate::kernel::Outcome;
use crate::spec::Route;

/// linux/rtnetlink.h
const RT_TABLE_MAIN: u32 = 254;

/// A route as the kernel has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelRoute {
    /// Destination, next hop and the fields of the specification. Scope is always told.
    pub route: Route,
    /// Next hops of a route that has several.
    pub hops: Vec<Option<IpAddr>>,
}

impl RouteSocket {
    /// Adds a route through a link. As in the reference (ECMP), a second one with another next hop
    /// stands beside the first; the very same one is left as it is.
    ///
    /// # Errors
    /// The kernel's refusal; ENETUNREACH when the next hop is in no subnet of the link.
    pub fn add_route(&mut self, index: u32, route: &Route) -> Outcome<()> {
        let mut message = RouteMessage::default();
        message.header.address_family = family(&route.dst);
        message.header.destination_prefix_length = route.dst.prefix();
        message.header.protocol = RouteProtocol::Boot;
        message.header.kind = RouteType::Unicast;
        message.header.scope = route.scope.map_or(RouteScope::Universe, RouteScope::from);
        let table = route.table.unwrap_or(RT_TABLE_MAIN);
        message.header.table = u8::try_from(table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
        let attributes = &mut message.attributes;
        attributes.push(RouteAttribute::Table(table));
        attributes.push(RouteAttribute::Oif(index));
        if route.dst.prefix() > 0 {
            attributes.push(RouteAttribute::Destination(route.dst.ip().into()));
        }
        attributes.extend(route.gw.map(|gw| RouteAttribute::Gateway(gw.into())));
        attributes.extend(route.priority.map(RouteAttribute::Priority));
        let metrics: Vec<_> = route
            .mtu
            .map(RouteMetric::Mtu)
            .into_iter()
            .chain(route.advmss.map(RouteMetric::Advmss))
            .collect();
        if !metrics.is_empty() {
            attributes.push(RouteAttribute::Metrics(metrics));
        }
        match self.connection.request(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_APPEND) {
            Ok(_) => Ok(()),
            Err(error) if error.errno == Errno::EEXIST => Ok(()),
            Err(error) => Err(error.asked(format!("route add {}", route.dst))),
        }
    }

    /// All routes of the main and further tables, but not what the kernel made for its own addresses.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn routes(&mut self) -> Outcome<Vec<KernelRoute>> {
        let mut routes = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut query = RouteMessage::default();
            query.header.address_family = family;
            let replies = match self.connection.dump(&RouteNetlinkMessage::GetRoute(query)) {
                Ok(replies) => replies,
                // No IPv6 in this kernel.
                Err(error) if error.errno == Errno::EOPNOTSUPP => continue,
                Err(error) => return Err(error.asked("list routes")),
            };
            routes.extend(replies.into_iter().filter_map(|reply| match reply {
                RouteNetlinkMessage::NewRoute(message) => read(&message),
                _ => None,
            }));
        }
        Ok(routes)
    }
}

fn family(dst: &IpNetwork) -> AddressFamily {
    if dst.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some((*ip).into()),
        RouteAddress::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}

pub(super) fn read(message: &RouteMessage) -> Option<KernelRoute> {
    if message.header.kind != RouteType::Unicast {
        return None;
    }
    let any: IpAddr = match message.header.address_family {
        AddressFamily::Inet => std::net::Ipv4Addr::UNSPECIFIED.into(),
        _ => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let mut dst = any;
    let mut route = Route::new(IpNetwork::new(any, 0).ok()?, None);
    route.scope = Some(message.header.scope.into());
    route.table = Some(message.header.table.into());
    let mut hops = Vec::new();
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => dst = ip(address)?,
            RouteAttribute::Gateway(address) => route.gw = ip(address),
            RouteAttribute::Table(table) => route.table = Some(*table),
            RouteAttribute::Priority(metric) => route.priority = Some(*metric),
            RouteAttribute::Metrics(metrics) => {
                for metric in metrics {
                    match metric {
                        RouteMetric::Mtu(mtu) => route.mtu = Some(*mtu),
                        RouteMetric::Advmss(mss) => route.advmss = Some(*mss),
                        _ => {}
                    }
                }
            }
            RouteAttribute::MultiPath(all) => {
                hops = all
                    .iter()
                    .map(|hop| {
                        hop.attributes.iter().find_map(|a| match a {
                            RouteAttribute::Gateway(address) => ip(address),
                            _ => None,
                        })
                    })
                    .collect();
            }
            _ => {}
        }
    }
    route.dst = IpNetwork::new(dst, message.header.destination_prefix_length).ok()?;
    Some(KernelRoute { route, hops })
}
