//! Writing a result.

use serde_json::{Map, Value, json};

use super::{CniResult, IpConfig, Route};
use crate::spec::{SpecVersion, json};

impl CniResult {
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

impl Route {
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
