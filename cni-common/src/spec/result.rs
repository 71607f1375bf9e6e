//! The result of ADD, in every version of the specification.

use std::net::IpAddr;

use ipnetwork::IpNetwork;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::json::{self, Json};
use super::{CniError, SpecVersion};

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

/// Every key that any version of a result has.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawResult {
    interfaces: Vec<Interface>,
    ips: Vec<RawIp>,
    routes: Vec<RawRoute>,
    dns: Dns,
    ip4: Option<RawIp>,
    ip6: Option<RawIp>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawIp {
    interface: Option<i64>,
    address: Option<String>,
    ip: Option<String>,
    gateway: Option<String>,
    routes: Vec<RawRoute>,
}

/// A route as written in a configuration or a result.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RawRoute {
    dst: String,
    gw: Option<String>,
    mtu: Option<u32>,
    advmss: Option<u32>,
    priority: Option<u32>,
    table: Option<u32>,
    scope: Option<u8>,
}

fn address(key: &str, text: &str) -> Result<IpNetwork, CniError> {
    let parsed = if text.contains('/') { text.parse().ok() } else { None };
    parsed.ok_or_else(|| {
        CniError::decoding(format!("{key} {text:?} is not an address with prefix, like 10.1.2.3/24"))
    })
}

fn ip(key: &str, text: &str) -> Result<IpAddr, CniError> {
    text.parse().map_err(|_| CniError::decoding(format!("{key} {text:?} is not an IP address")))
}

impl TryFrom<RawRoute> for Route {
    type Error = CniError;

    fn try_from(raw: RawRoute) -> Result<Self, CniError> {
        let dst = address("route dst", &raw.dst)?;
        let dst = IpNetwork::new(dst.network(), dst.prefix()).unwrap_or(dst);
        let gw = raw.gw.as_deref().filter(|g| !g.is_empty()).map(|g| ip("route gw", g)).transpose()?;
        if gw.is_some_and(|gw| gw.is_ipv4() != dst.is_ipv4()) {
            return Err(CniError::config(format!("route {dst} has a gw of the other address family")));
        }
        let RawRoute { mtu, advmss, priority, table, scope, .. } = raw;
        // Zero stands for "not set", as in the reference's `omitempty` fields.
        let set = |v: Option<u32>| v.filter(|v| *v != 0);
        Ok(Route { dst, gw, mtu: set(mtu), advmss: set(advmss), priority: set(priority), table, scope })
    }
}

impl Route {
    /// Reads a list of routes from a configuration.
    ///
    /// # Errors
    /// Code 6 or 7, naming the route.
    pub fn read_list(json: &Json) -> Result<Vec<Route>, CniError> {
        let (raw, _): (Vec<RawRoute>, _) = json::read(json).map_err(CniError::decoding)?;
        raw.into_iter().map(Route::try_from).collect()
    }

    fn to_value(&self) -> Value {
        let mut map = Map::new();
        map.insert("dst".into(), self.dst.to_string().into());
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                map.insert(key.into(), value);
            }
        };
        put("gw", self.gw.map(|g| g.to_string().into()));
        put("mtu", self.mtu.map(Value::from));
        put("advmss", self.advmss.map(Value::from));
        put("priority", self.priority.map(Value::from));
        put("table", self.table.map(Value::from));
        put("scope", self.scope.map(Value::from));
        Value::Object(map)
    }
}

impl RawIp {
    fn into_config(self, text: Option<String>) -> Result<IpConfig, CniError> {
        let address = address("address", &text.unwrap_or_default())?;
        let gateway = self.gateway.filter(|g| !g.is_empty()).map(|g| ip("gateway", &g)).transpose()?;
        if gateway.is_some_and(|g| g.is_ipv4() != address.is_ipv4()) {
            return Err(CniError::decoding(format!("address {address} has a gateway of the other family")));
        }
        let interface = self.interface.and_then(|i| u32::try_from(i).ok());
        Ok(IpConfig { interface, address, gateway })
    }
}

impl CniResult {
    /// Reads a result written in `version`.
    ///
    /// # Errors
    /// Code 6, naming what is wrong.
    pub fn read(json: &Json, version: SpecVersion) -> Result<Self, CniError> {
        let (raw, _): (RawResult, _) = json::read(json).map_err(CniError::decoding)?;
        let routes = |raw: Vec<RawRoute>| raw.into_iter().map(Route::try_from).collect::<Result<Vec<_>, _>>();
        if version >= SpecVersion::V030 {
            let ips = raw.ips.into_iter().map(|mut raw| {
                let text = raw.address.take();
                raw.into_config(text)
            });
            let ips = ips.collect::<Result<_, _>>()?;
            return Ok(CniResult {
                interfaces: raw.interfaces,
                ips,
                routes: routes(raw.routes)?,
                dns: raw.dns,
            });
        }
        let mut result = CniResult { dns: raw.dns, ..CniResult::default() };
        for mut old in [raw.ip4, raw.ip6].into_iter().flatten() {
            result.routes.extend(routes(std::mem::take(&mut old.routes))?);
            let text = old.ip.take();
            result.ips.push(old.into_config(text)?);
        }
        Ok(result)
    }

    /// Reads the text that an IPAM plugin printed; its own `cniVersion` decides, else `version`.
    ///
    /// # Errors
    /// Code 6.
    pub fn from_answer(text: &[u8], version: SpecVersion) -> Result<Self, CniError> {
        let json = Json::parse(text).map_err(CniError::decoding)?;
        let version = match json.get("cniVersion").and_then(Json::as_str) {
            Some(text) => SpecVersion::parse(text)?,
            None => version,
        };
        Self::read(&json, version)
    }

    /// The text in `version`, keys in the reference's order.
    pub fn to_json(&self, version: SpecVersion) -> String {
        let mut map = Map::new();
        map.insert("cniVersion".into(), version.as_str().into());
        if version < SpecVersion::V030 {
            self.put_old(&mut map);
        } else {
            self.put_lists(&mut map, version);
        }
        // The reference leaves out an empty one from 1.0.0 on.
        if version < SpecVersion::V100 || !self.dns.is_empty() {
            map.insert("dns".into(), json!(self.dns));
        }
        json::pretty(&Value::Object(map))
    }

    fn put_lists(&self, map: &mut Map<String, Value>, version: SpecVersion) {
        let mut put = |key: &str, list: Vec<Value>| {
            if !list.is_empty() {
                map.insert(key.into(), Value::Array(list));
            }
        };
        put("interfaces", self.interfaces.iter().map(|i| json!(i)).collect());
        put("ips", self.ips.iter().map(|i| i.to_value(version)).collect());
        put("routes", self.routes.iter().map(Route::to_value).collect());
    }

    /// 0.1.0 and 0.2.0: one address of each family, routes inside.
    fn put_old(&self, map: &mut Map<String, Value>) {
        for (key, v4) in [("ip4", true), ("ip6", false)] {
            let Some(first) = self.ips.iter().find(|i| i.address.is_ipv4() == v4) else { continue };
            let mut old = Map::new();
            old.insert("ip".into(), first.address.to_string().into());
            if let Some(gateway) = first.gateway {
                old.insert("gateway".into(), gateway.to_string().into());
            }
            let routes: Vec<_> =
                self.routes.iter().filter(|r| r.dst.is_ipv4() == v4).map(Route::to_value).collect();
            if !routes.is_empty() {
                old.insert("routes".into(), Value::Array(routes));
            }
            map.insert(key.into(), Value::Object(old));
        }
    }
}

impl IpConfig {
    fn to_value(&self, version: SpecVersion) -> Value {
        let mut map = Map::new();
        if version < SpecVersion::V100 {
            map.insert("version".into(), if self.address.is_ipv4() { "4" } else { "6" }.into());
        }
        if let Some(index) = self.interface {
            map.insert("interface".into(), index.into());
        }
        map.insert("address".into(), self.address.to_string().into());
        if let Some(gateway) = self.gateway {
            map.insert("gateway".into(), gateway.to_string().into());
        }
        Value::Object(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> CniResult {
        CniResult {
            interfaces: vec![Interface {
                name: "eth0".into(),
                sandbox: "/run/netns/x".into(),
                ..Interface::default()
            }],
            ips: vec![
                IpConfig {
                    interface: Some(0),
                    address: "10.1.2.3/24".parse().unwrap(),
                    gateway: "10.1.2.1".parse().ok(),
                },
                IpConfig { interface: Some(0), address: "fd00::3/64".parse().unwrap(), gateway: None },
            ],
            routes: vec![Route { mtu: Some(1400), ..Route::new("0.0.0.0/0".parse().unwrap(), None) }],
            dns: Dns::default(),
        }
    }

    #[test]
    fn every_version_reads_what_it_writes() {
        for version in SpecVersion::ALL {
            let text = sample().to_json(version);
            let read = CniResult::from_answer(text.as_bytes(), SpecVersion::V110).unwrap();
            let mut expected = sample();
            if version < SpecVersion::V030 {
                expected.interfaces.clear();
                expected.ips.iter_mut().for_each(|ip| ip.interface = None);
            }
            assert_eq!(read, expected, "{version}");
            assert_eq!(
                text.contains("\"version\""),
                (SpecVersion::V030..SpecVersion::V100).contains(&version)
            );
        }
    }

    #[test]
    fn bad_results_name_what_is_wrong() {
        let read = |text: &str| CniResult::from_answer(text.as_bytes(), SpecVersion::V110).unwrap_err().msg;
        assert!(read(r#"{"ips": [{"address": "10.1.2.3"}]}"#).contains("10.1.2.3"));
        assert!(read(r#"{"ips": [{}]}"#).contains("address"));
        assert!(read(r#"{"ips": [{"address": "10.1.2.3/33"}]}"#).contains("10.1.2.3/33"));
        assert!(read(r#"{"ips": [{"address": "10.1.2.3/24", "gateway": "fd00::1"}]}"#).contains("family"));
        assert!(read(r#"{"routes": [{"dst": "x"}]}"#).contains("dst"));
        assert!(read("garbage").contains("line 1"));
    }
}
