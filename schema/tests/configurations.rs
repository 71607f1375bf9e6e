//! The ready configurations satisfy the schemas, and wrong ones do not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod subset;

use std::fs;

use serde_json::{Value, json};
use subset::errors;
use trestle_schema::{bridge, host_local};

/// Every plugin of every list in conf, as it gets it on stdin, with the file's name.
fn plugins() -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(trestle_schema::folder().join("..")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "conflist") {
            continue;
        }
        let list: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for plugin in list["plugins"].as_array().unwrap() {
            let mut plugin = plugin.clone();
            plugin["name"] = list["name"].clone();
            plugin["cniVersion"] = list["cniVersion"].clone();
            all.push((path.file_name().unwrap().to_string_lossy().into_owned(), plugin));
        }
    }
    all
}

#[test]
fn ready_configurations_of_bridge_are_valid() {
    let schema = bridge().json;
    let mut seen = 0;
    for (file, plugin) in plugins().iter().filter(|(_, plugin)| plugin["type"] == "bridge") {
        assert_eq!(errors(&schema, plugin), Vec::<String>::new(), "{file}");
        seen += 1;
    }
    assert!(seen >= 10, "{seen}");
}

#[test]
fn ready_configurations_of_host_local_are_valid() {
    let schema = host_local().json;
    let mut seen = 0;
    for (file, plugin) in plugins().iter().filter(|(_, plugin)| plugin["ipam"]["type"] == "host-local") {
        assert_eq!(errors(&schema, plugin), Vec::<String>::new(), "{file}");
        seen += 1;
    }
    assert!(seen >= 10, "{seen}");
}

#[test]
fn wrong_configurations_are_not_valid() {
    let good = json!({ "cniVersion": "1.1.0", "name": "n", "type": "bridge", "vlan": 7, "other": [1] });
    assert_eq!(errors(&bridge().json, &good), Vec::<String>::new());
    for (key, value) in [
        ("cniVersion", json!("1.2.0")),
        ("name", json!("../n")),
        ("type", json!("macvlan")),
        ("bridge", json!("0123456789abcdef")),
        ("isGateway", json!("true")),
        ("ipMasqBackend", json!("ebpf")),
        ("mtu", json!(70000)),
        ("vlan", json!(4095)),
        ("vlanTrunk", json!([{ "minID": 0 }])),
        ("logLevel", json!("loud")),
        ("dns", json!({ "nameservers": "192.0.2.1" })),
        ("runtimeConfig", json!({ "mac": 5 })),
    ] {
        let mut bad = good.clone();
        bad[key] = value;
        assert_eq!(errors(&bridge().json, &bad).len(), 1, "{key}");
    }
}

#[test]
fn wrong_ranges_are_not_valid() {
    let valid =
        |ipam: Value| errors(&host_local().json, &json!({ "type": "bridge", "ipam": ipam })).is_empty();
    assert!(valid(json!({ "type": "host-local", "ranges": [[{ "subnet": "10.88.0.0/16" }]] })));
    assert!(!valid(json!({ "type": "static" })));
    assert!(!valid(json!({ "subnet": "10.88.0.0/16" })));
    assert!(!valid(json!({ "type": "host-local", "ranges": [{ "subnet": "10.88.0.0/16" }] })));
    assert!(!valid(json!({ "type": "host-local", "routes": [{ "dst": "0.0.0.0/0", "mtu": "1400" }] })));
    assert!(!valid(json!({ "type": "host-local", "routes": [{ "dst": "0.0.0.0/0", "scope": 300 }] })));
}
