//! Reading a result: `prevResult`, and the answer of an IPAM plugin.

use std::net::IpAddr;

use ipnetwork::IpNetwork;
use serde::Deserialize;

use super::{CniResult, Dns, Interface, IpConfig, Route};
use crate::spec::json::{self, Json};
use crate::spec::{CniError, SpecVersion};

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
}
