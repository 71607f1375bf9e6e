//! Network configurations, as an administrator would write them.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// One network on one node.
#[derive(Clone, Debug)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its bridge.
    pub bridge: String,
    /// Second byte of its IPv4 subnet, `10.N.0.0/16`; also in its IPv6 subnet, `fd00:N::/64`.
    pub number: u8,
    /// With IPv6.
    pub dual: bool,
    /// Whether pods are masqueraded.
    pub masquerade: bool,
    /// The `ipMasqBackend` asked for, if any.
    pub backend: Option<&'static str>,
    /// Where its leases are.
    pub data: PathBuf,
    /// Third byte of the first address to give: lets two programs share a bridge without sharing addresses.
    pub first: u8,
}

impl Network {
    /// A network of this number whose leases are under `data`.
    pub fn new(name: &str, number: u8, data: &Path) -> Self {
        Self {
            name: name.to_owned(),
            bridge: format!("br-{name}"),
            number,
            dual: false,
            masquerade: false,
            backend: None,
            data: data.to_owned(),
            first: 0,
        }
    }

    /// The same with masquerade.
    pub fn masqueraded(mut self, backend: Option<&'static str>) -> Self {
        (self.masquerade, self.backend) = (true, backend);
        self
    }

    /// The same with IPv6.
    pub fn dual_stack(mut self) -> Self {
        self.dual = true;
        self
    }

    /// IPv4 gateway.
    pub fn gateway(&self) -> String {
        format!("10.{}.0.1", self.number)
    }

    /// IPv6 gateway.
    pub fn gateway6(&self) -> String {
        format!("fd00:{}::1", self.number)
    }

    /// The IPv4 address of a pod whose address we choose ourselves (the floor's).
    pub fn address(&self, pod: u16) -> String {
        let [high, low] = (pod + 2).to_be_bytes();
        format!("10.{}.{}.{low}", self.number, self.first.saturating_add(high))
    }

    /// The IPv6 address of such a pod.
    pub fn address6(&self, pod: u16) -> String {
        format!("fd00:{}::{:x}", self.number, pod + 2)
    }

    /// The configuration as a runtime hands it to the plugin.
    pub fn configuration(&self, previous: Option<&Value>) -> Value {
        let mut v4 = json!({"subnet": format!("10.{}.0.0/16", self.number), "gateway": self.gateway()});
        if self.first > 0 {
            insert(&mut v4, "rangeStart", json!(format!("10.{}.{}.0", self.number, self.first)));
        }
        let mut ranges = vec![json!([v4])];
        let mut routes = vec![json!({"dst": "0.0.0.0/0"})];
        if self.dual {
            ranges
                .push(json!([{"subnet": format!("fd00:{}::/64", self.number), "gateway": self.gateway6()}]));
            routes.push(json!({"dst": "::/0"}));
        }
        let mut configuration = json!({
            "cniVersion": "1.1.0", "name": self.name, "type": "bridge", "bridge": self.bridge,
            "isGateway": true, "ipMasq": self.masquerade, "hairpinMode": true,
            "ipam": {"type": "host-local", "ranges": ranges, "routes": routes, "dataDir": self.data},
        });
        if let Some(backend) = self.backend {
            insert(&mut configuration, "ipMasqBackend", json!(backend));
        }
        if let Some(previous) = previous {
            insert(&mut configuration, "prevResult", previous.clone());
        }
        configuration
    }
}

/// Puts a key in an object.
pub fn insert(object: &mut Value, key: &str, value: Value) {
    if let Some(map) = object.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_previous_result_and_a_backend_appear_only_when_given() {
        let plain = Network::new("a", 7, Path::new("/d"));
        let text = plain.configuration(None).to_string();
        assert!(!text.contains("prevResult") && !text.contains("ipMasqBackend") && !text.contains("::/0"));
        let full = plain.dual_stack().masqueraded(Some("nftables"));
        let value = full.configuration(Some(&json!({"ips": []})));
        assert_eq!(value["ipMasqBackend"], "nftables");
        assert_eq!(value["prevResult"], json!({"ips": []}));
        assert_eq!(value["ipam"]["ranges"].as_array().unwrap().len(), 2);
        assert_eq!(full.address(300), "10.7.1.46");
    }
}
