//! Keys of bridge with values that cannot be, and things that are in the way.

use serde_json::{Value, json};

use crate::confs::{addresses, layer2, merged, plain};
use crate::harness::{Node, Side, Test, leases, on_node, with_previous};

use super::Row;

/// Key by key: what ADD refuses, CHECK and STATUS refuse too.
pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, code, words, keys) in [
        ("bridge_a_number", 6, &["bridge"][..], json!({ "bridge": 5 })),
        ("bridge_dots", 7, &["bridge", ".."], json!({ "bridge": ".." })),
        ("bridge_slash", 7, &["bridge", "a/b"], json!({ "bridge": "a/b" })),
        ("bridge_16_characters", 7, &["bridge", "15"], json!({ "bridge": "0123456789abcdef" })),
        ("is_gateway_text", 6, &["isGateway"], json!({ "isGateway": "true" })),
        ("ip_masq_number", 6, &["ipMasq"], json!({ "ipMasq": 1 })),
        ("mtu_text", 6, &["mtu"], json!({ "mtu": "1500" })),
        ("mtu_fraction", 6, &["mtu"], json!({ "mtu": 1500.5 })),
        ("mtu_negative", 7, &["mtu", "-1"], json!({ "mtu": -1 })),
        ("mtu_too_small", 7, &["mtu", "67"], json!({ "mtu": 67 })),
        ("mtu_too_large", 7, &["mtu", "70000"], json!({ "mtu": 70000 })),
        ("mtu_huge", 7, &["mtu"], json!({ "mtu": 4_294_967_296_u64 })),
        ("vlan_negative", 7, &["vlan", "-1"], json!({ "vlan": -1 })),
        ("vlan_4095", 7, &["vlan", "4095"], json!({ "vlan": 4095 })),
        ("vlan_text", 6, &["vlan"], json!({ "vlan": "100" })),
        ("trunk_not_a_list", 6, &["vlanTrunk"], json!({ "vlanTrunk": 5 })),
        ("trunk_id_0", 7, &["vlanTrunk", "id"], json!({ "vlanTrunk": [{ "id": 0 }] })),
        ("trunk_id_5000", 7, &["vlanTrunk", "5000"], json!({ "vlanTrunk": [{ "id": 5000 }] })),
        ("trunk_no_max", 7, &["vlanTrunk", "maxID"], json!({ "vlanTrunk": [{ "minID": 5 }] })),
        ("trunk_no_min", 7, &["vlanTrunk", "minID"], json!({ "vlanTrunk": [{ "maxID": 5 }] })),
        ("trunk_turned", 7, &["vlanTrunk"], json!({ "vlanTrunk": [{ "minID": 9, "maxID": 5 }] })),
        ("backend_unknown", 7, &["ipMasqBackend", "pf"], json!({ "ipMasq": true, "ipMasqBackend": "pf" })),
        (
            "hairpin_and_promisc",
            7,
            &["hairpinMode", "promiscMode"],
            json!({ "hairpinMode": true, "promiscMode": true }),
        ),
        (
            "no_interface_but_ipam",
            7,
            &["disableContainerInterface", "ipam"],
            json!({ "disableContainerInterface": true }),
        ),
        ("mac_garbage", 7, &["mac", "zz:zz"], json!({ "runtimeConfig": { "mac": "zz:zz" } })),
        ("mac_multicast", 7, &["mac", "01:"], json!({ "args": { "cni": { "mac": "01:00:00:00:00:01" } } })),
        ("mac_zero", 7, &["mac"], json!({ "runtimeConfig": { "mac": "00:00:00:00:00:00" } })),
        ("ipam_text", 6, &["ipam"], json!({ "ipam": "host-local" })),
        ("ipam_type_number", 6, &["ipam"], json!({ "ipam": { "type": 5 } })),
        ("ipam_type_a_path", 7, &["ipam"], json!({ "ipam": { "type": "../host-local" } })),
        ("dns_text", 6, &["dns"], json!({ "dns": "1.1.1.1" })),
    ] {
        for verb in ["ADD", "CHECK", "STATUS"] {
            let keys = keys.clone();
            // STATUS may say 50, "an ADD would fail now", with the reason.
            let codes = if verb == "STATUS" { vec![code, 50] } else { vec![code] };
            rows.push(Row::new(
                format!("bridge::{verb}_{name}").to_lowercase(),
                &codes,
                words,
                move |_, pod| {
                    let base =
                        if name == "no_interface_but_ipam" { plain() } else { merged(&plain(), &json!({})) };
                    let conf = with_previous(&merged(&base, &keys), &previous(pod.netns()));
                    Side::Ours.bridge().attach(verb, &conf, pod)
                },
            ));
        }
    }
    rows.push(Row::new("bridge::check_without_previous_result", &[7], &["prevResult"], |_, pod| {
        Side::Ours.bridge().attach("CHECK", &plain(), pod)
    }));
    rows.push(Row::new("bridge::check_with_broken_previous_result", &[6], &["prevResult"], |_, pod| {
        Side::Ours.bridge().attach("CHECK", &with_previous(&plain(), &json!({ "ips": 5 })), pod)
    }));
    rows.push(Row::new("bridge::the_bridge_is_no_bridge", &[102], &["cni0", "bridge"], |node, pod| {
        node.ip("link add cni0 type veth peer name other");
        Side::Ours.bridge().attach("ADD", &layer2(), pod)
    }));
    rows.push(Row::new("bridge::interface_is_there", &[102], &["eth0"], |_, pod| {
        pod.ip("link add eth0 type veth peer name other");
        Side::Ours.bridge().attach("ADD", &plain(), pod)
    }));
    rows.push(Row::new(
        "bridge::flannel_1850_other_address_on_the_bridge",
        &[102],
        &["10.99.0.1", "cni0", "forceAddress"],
        |node, pod| {
            node.ip("link add cni0 type bridge");
            node.ip("address add 10.99.0.1/24 dev cni0");
            Side::Ours.bridge().attach("ADD", &plain(), pod)
        },
    ));
    rows.push(Row::new(
        "bridge::other_ipv6_subnet_overlaps",
        &[102],
        &["fd00:88::5", "forceAddress"],
        |node, pod| {
            node.ip("link add cni0 type bridge");
            node.ip("address add fd00:88::5/48 dev cni0 nodad");
            let ipam = json!({ "type": "host-local", "subnet": "fd00:88::/64" });
            let mut conf = plain();
            conf["ipam"] = ipam;
            Side::Ours.bridge().attach("ADD", &conf, pod)
        },
    ));
    rows
}

/// A result as ADD would give it, for CHECKs that must not come that far.
fn previous(netns: &str) -> Value {
    json!({
        "cniVersion": "1.1.0",
        "interfaces": [
            { "name": "cni0", "mac": "0a:58:0a:58:00:01" },
            { "name": "veth00000000001", "mac": "0a:58:0a:58:00:02" },
            { "name": "eth0", "mac": "0a:58:0a:58:00:03", "sandbox": netns }
        ],
        "ips": [{ "interface": 2, "address": "10.88.0.2/16", "gateway": "10.88.0.1" }],
        "routes": [{ "dst": "0.0.0.0/0" }], "dns": {}
    })
}

pub fn tests() -> Vec<Test> {
    let mut tests =
        crate::node_tests![repeated_add_leaves_the_first_alone, cni_155_retry_names_the_same_cause];
    let named = || on_node(missing_vlan_filtering_is_named);
    tests.push(Test::new("missing_vlan_filtering_is_named", named).vlan_filtering(false));
    tests
}

/// The obligatory undo of the second ADD must not free what the first one made.
fn repeated_add_leaves_the_first_alone(node: &Node) {
    let (bridge, pod) = (Side::Ours.bridge(), node.pod("a"));
    let conf = merged(&plain(), &json!({ "ipMasq": true }));
    let first = bridge.added(&conf, &pod);
    let before = node.snapshot();
    bridge.add(&conf, &pod).failed().code(102).says(&["eth0"]);
    before.assert_same(&node.snapshot(), "the repeated ADD");
    bridge.check(&conf, &first, &pod).ok();
}

/// plugins#29, cni#155: a failed ADD leaves no half-made pair, so its retry fails for the same reason.
fn cni_155_retry_names_the_same_cause(node: &Node) {
    let bridge = Side::Ours.bridge();
    // One usable address.
    let conf = merged(&plain(), &json!({ "ipam": { "rangeStart": "10.88.0.2", "rangeEnd": "10.88.0.2" } }));
    let first = bridge.added(&conf, &node.pod("a"));
    assert_eq!(addresses(&first), ["10.88.0.2"]);
    let late = node.pod("b");
    let before = node.snapshot();
    let error = bridge.add(&conf, &late).failed().code(104);
    let again = bridge.add(&conf, &late).failed().code(104);
    assert_eq!(error.msg, again.msg);
    before.assert_same(&node.snapshot(), "ADD without an address left");
}

/// On a kernel without VLAN filtering the missing option is named before anything is made.
fn missing_vlan_filtering_is_named(node: &Node) {
    let (bridge, pod) = (Side::Ours.bridge(), node.pod("a"));
    let before = node.kernel();
    for keys in [json!({ "vlan": 100 }), json!({ "vlanTrunk": [{ "id": 100 }] })] {
        bridge.add(&merged(&plain(), &keys), &pod).failed().says(&["CONFIG_BRIDGE_VLAN_FILTERING"]);
        before.assert_same(&node.kernel(), "ADD with a VLAN");
        assert_eq!(leases::taken("net1"), Vec::<String>::new());
    }
}
