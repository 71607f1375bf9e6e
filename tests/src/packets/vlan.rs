//! VLANs by packets: who is in one reaches its members and its gateway, and nobody else. Needs a kernel whose
//! bridges filter VLANs.

use serde_json::{Value, json};

use crate::confs::{layer2, merged, plain};
use crate::harness::packets::{SILENCE, delivered, exchange};
use crate::harness::{Node, Pod, Side, Test, on_node};

pub fn tests() -> Vec<Test> {
    let needs = |name: &str, test: fn(&Node)| Test::new(name, move || on_node(test)).vlan_filtering(true);
    vec![
        needs("vlans_are_separate_and_reach_their_own_gateway", separate),
        needs("a_vlan_trunk_carries_the_vlans_it_names", trunk),
    ]
}

/// A layer-2 pod with an address of its own in 10.50.0.0/24.
fn pod(node: &Node, name: &str, keys: &Value, address: &str) -> Pod {
    let pod = node.pod(name);
    Side::Ours.bridge().added(&merged(&layer2(), keys), &pod);
    pod.ip(&format!("addr add {address}/24 dev eth0"));
    pod
}

fn separate(node: &Node) {
    let a = pod(node, "a", &json!({ "vlan": 100 }), "10.50.0.1");
    let b = pod(node, "b", &json!({ "vlan": 100 }), "10.50.0.2");
    let other = pod(node, "other", &json!({ "vlan": 200 }), "10.50.0.3");
    assert_eq!(exchange(&a.udp("10.50.0.2"), &b.udp("10.50.0.2"), "10.50.0.2").to_string(), "10.50.0.1");
    assert_eq!(delivered(&a.udp("10.50.0.3"), &other.udp("10.50.0.3"), "10.50.0.3", SILENCE), None);

    // With a gateway: the node is in the VLAN by an interface of its own.
    let conf = merged(&plain(), &json!({ "vlan": 300, "isGateway": true }));
    let inside = node.pod("inside");
    Side::Ours.bridge().added(&conf, &inside);
    let gateway = "10.88.0.1";
    exchange(&inside.udp(gateway), &node.udp(gateway), gateway);
}

fn trunk(node: &Node) {
    let router = node.pod("router");
    let keys = json!({ "vlanTrunk": [{ "minID": 100, "maxID": 101 }, { "id": 200 }] });
    Side::Ours.bridge().added(&merged(&layer2(), &keys), &router);
    for (vlan, address) in [(101, "10.50.0.1"), (102, "10.51.0.1")] {
        router.ip(&format!("link add link eth0 name eth0.{vlan} type vlan id {vlan}"));
        router.ip(&format!("addr add {address}/24 dev eth0.{vlan}"));
        router.ip(&format!("link set eth0.{vlan} up"));
    }
    let member = pod(node, "member", &json!({ "vlan": 101 }), "10.50.0.2");
    exchange(&member.udp("10.50.0.1"), &router.udp("10.50.0.1"), "10.50.0.1");

    // 102 is not in the trunk.
    let stranger = pod(node, "stranger", &json!({ "vlan": 102 }), "10.51.0.2");
    assert_eq!(delivered(&stranger.udp("10.51.0.1"), &router.udp("10.51.0.1"), "10.51.0.1", SILENCE), None);
}
