//! Gateways and default routes, as the reference calculates them.

use std::net::IpAddr;

use cni_common::driver::Addressing;
use cni_common::spec::{CniError, Code, IpConfig, Route};
use ipnetwork::IpNetwork;

use crate::config::Bridge;

/// The addressing with gateways and default routes filled in.
pub(crate) fn complete(config: &Bridge, addressing: &Addressing) -> Addressing {
    let mut addressing = addressing.clone();
    if !config.is_gateway {
        return addressing;
    }
    let mut has_default = [false; 2];
    for index in 0..addressing.ips.len() {
        let Some(ip) = addressing.ips.get_mut(index) else { break };
        let gateway = *ip.gateway.get_or_insert(first_address(&ip.address));
        let Some(has_default) = has_default.get_mut(usize::from(gateway.is_ipv6())) else { break };
        if !config.is_default_gateway || *has_default {
            continue;
        }
        *has_default = true;
        let is_default =
            |r: &Route| r.dst.prefix() == 0 && r.dst.is_ipv4() == gateway.is_ipv4() && r.gw.is_some();
        if !addressing.routes.iter().any(is_default) {
            addressing.routes.push(Route::new(everything(gateway), Some(gateway)));
        }
    }
    addressing
}

/// The next hop of a route that names none: the first gateway of its family.
pub(crate) fn next_hop(route: &Route, ips: &[IpConfig]) -> Option<IpAddr> {
    route.gw.or_else(|| ips.iter().filter_map(|ip| ip.gateway).find(|gw| gw.is_ipv4() == route.dst.is_ipv4()))
}

/// The gateway's address with the subnet's prefix.
///
/// # Errors
/// Code 103 when the IPAM plugin named a gateway of the other family.
pub(crate) fn gateway_address(ip: &IpConfig) -> Result<Option<IpNetwork>, CniError> {
    let Some(gateway) = ip.gateway else { return Ok(None) };
    IpNetwork::new(gateway, ip.address.prefix()).map(Some).map_err(|e| {
        CniError::new(Code::IPAM, format!("gateway {gateway} does not fit the address {}: {e}", ip.address))
    })
}

/// 0.0.0.0/0 or ::/0.
fn everything(like: IpAddr) -> IpNetwork {
    let any: IpAddr = match like {
        IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    // A prefix of 0 is valid for both families.
    IpNetwork::new(any, 0).unwrap_or(IpNetwork::from(any))
}

/// The address after the subnet's own: the reference's gateway where none is given.
fn first_address(address: &IpNetwork) -> IpAddr {
    match address {
        IpNetwork::V4(net) => IpAddr::V4((u32::from(net.network()).wrapping_add(1)).into()),
        IpNetwork::V6(net) => IpAddr::V6((u128::from(net.network()).wrapping_add(1)).into()),
    }
}
