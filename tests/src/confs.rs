//! The configurations that tests start from.

use serde_json::{Value, json};

/// The network's name in every test that does not need another.
pub const NETWORK: &str = "net1";

/// A bridge with gateway, IPv4, no masquerade.
pub fn plain() -> Value {
    json!({
        "cniVersion": "1.1.0", "name": NETWORK, "type": "bridge", "bridge": "cni0", "isGateway": true,
        "ipam": {
            "type": "host-local", "subnet": "10.88.0.0/16",
            "routes": [{ "dst": "0.0.0.0/0" }]
        }
    })
}

/// [`plain`] with masquerade.
pub fn masquerade() -> Value {
    merged(&plain(), &json!({ "ipMasq": true }))
}

/// Both families, default gateway, masquerade.
pub fn dual() -> Value {
    json!({
        "cniVersion": "1.1.0", "name": NETWORK, "type": "bridge", "bridge": "cni0",
        "isDefaultGateway": true, "ipMasq": true,
        "ipam": {
            "type": "host-local",
            "ranges": [[{ "subnet": "10.88.0.0/16" }], [{ "subnet": "fd00:88::/64" }]]
        }
    })
}

/// Layer 2 only.
pub fn layer2() -> Value {
    json!({ "cniVersion": "1.1.0", "name": NETWORK, "type": "bridge", "bridge": "cni0" })
}

/// host-local called directly, with these keys in `ipam`.
pub fn host_local(ipam: &Value) -> Value {
    let mut conf = json!({
        "cniVersion": "1.1.0", "name": NETWORK, "type": "host-local", "ipam": { "type": "host-local" }
    });
    merge(&mut conf["ipam"], ipam);
    conf
}

/// `base` with the keys of `more`; nested objects are merged, anything else replaced.
pub fn merged(base: &Value, more: &Value) -> Value {
    let mut conf = base.clone();
    merge(&mut conf, more);
    conf
}

fn merge(base: &mut Value, more: &Value) {
    let (Some(old), Some(new)) = (base.as_object_mut(), more.as_object()) else {
        more.clone_into(base);
        return;
    };
    for (key, value) in new {
        match old.get_mut(key) {
            Some(place) if place.is_object() && value.is_object() => merge(place, value),
            _ => {
                old.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The addresses of a result, without prefix.
pub fn addresses(result: &Value) -> Vec<String> {
    let ips = result["ips"].as_array().into_iter().flatten();
    ips.map(|ip| ip["address"].as_str().unwrap().split('/').next().unwrap().to_owned()).collect()
}

/// The name of the host's end of the pair in a result.
pub fn host_link(result: &Value) -> String {
    let links = result["interfaces"].as_array().unwrap();
    let link = links.iter().find(|l| {
        l["sandbox"].as_str().unwrap_or("").is_empty() && l["name"].as_str().unwrap().starts_with("veth")
    });
    link.unwrap_or_else(|| panic!("no host link in {result}"))["name"].as_str().unwrap().to_owned()
}

/// The MAC of the interface with this name in a result.
pub fn mac_of(result: &Value, name: &str) -> String {
    let links = result["interfaces"].as_array().unwrap();
    let link = links.iter().find(|l| l["name"] == name).unwrap_or_else(|| panic!("no {name} in {result}"));
    link["mac"].as_str().unwrap().to_owned()
}
