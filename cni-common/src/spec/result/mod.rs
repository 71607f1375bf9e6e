//! The result of ADD, in every version of the specification.

mod read;
#[cfg(test)]
mod tests;
mod write;

use std::net::IpAddr;

use ipnetwork::IpNetwork;
use serde::{Deserialize, Serialize};

/// What ADD achieved; also `prevResult`, and the answer of an IPAM plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CniResult {
    /// Links made or used, on the node and in the container.
    pub interfaces: Vec<Interface>,
    /// Addresses.
    pub ips: Vec<IpConfig>,
    /// Routes in the container.
    pub routes: Vec<Route>,
    /// Handed through to the runtime.
    pub dns: Dns,
}

/// A link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its hardware address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mac: String,
    /// Its MTU in bytes, if told (specification 1.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Path of the namespace it is in; empty for the node's own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sandbox: String,
}

/// An address and its gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpConfig {
    /// Index in [`CniResult::interfaces`].
    pub interface: Option<u32>,
    /// The address with the length of its subnet's prefix.
    pub address: IpNetwork,
    /// The gateway of that subnet.
    pub gateway: Option<IpAddr>,
}

/// A route in the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Destination.
    pub dst: IpNetwork,
    /// Next hop; none means the gateway of the address of that family.
    pub gw: Option<IpAddr>,
    /// Path MTU in bytes (specification 1.1).
    pub mtu: Option<u32>,
    /// Maximal segment size to advertise, in bytes (specification 1.1).
    pub advmss: Option<u32>,
    /// Metric (specification 1.1).
    pub priority: Option<u32>,
    /// Routing table (specification 1.1).
    pub table: Option<u32>,
    /// Scope as in rtnetlink(7): 0 global, 253 link (specification 1.1).
    pub scope: Option<u8>,
}

/// Resolver settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dns {
    /// Addresses of name servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nameservers: Vec<String>,
    /// The local domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Search domains.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
    /// Options of the resolver.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

impl Dns {
    /// Nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Dns::default()
    }
}

impl Route {
    /// A route with no more than a destination and a next hop.
    pub fn new(dst: IpNetwork, gw: Option<IpAddr>) -> Self {
        Route { dst, gw, mtu: None, advmss: None, priority: None, table: None, scope: None }
    }
}
