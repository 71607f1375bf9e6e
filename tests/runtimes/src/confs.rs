//! Network configurations that nodes are given.

use serde_json::{Value, json};

/// The network's name, and so the name of the folder of its leases.
pub const NETWORK: &str = "pods";

/// A list of bridge and portmap, as in `conf/containerd.conflist`.
pub fn list(version: &str, bridge: &Value) -> Value {
    json!({
        "cniVersion": version,
        "name": NETWORK,
        "plugins": [bridge, { "type": "portmap", "capabilities": { "portMappings": true } }],
    })
}

/// Masqueraded pods with addresses from these ranges, one range set each.
pub fn bridge(subnets: &[&str]) -> Value {
    let ranges: Vec<Value> = subnets.iter().map(|subnet| json!([{ "subnet": subnet }])).collect();
    let routes: Vec<Value> = subnets
        .iter()
        .map(|subnet| json!({ "dst": if subnet.contains(':') { "::/0" } else { "0.0.0.0/0" } }))
        .collect();
    json!({
        "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
        "ipam": { "type": "host-local", "ranges": ranges, "routes": routes },
    })
}

/// `base` with some keys changed.
pub fn with(base: &Value, keys: &Value) -> Value {
    let mut changed = base.clone();
    for (key, value) in keys.as_object().unwrap() {
        changed[key] = value.clone();
    }
    changed
}
