//! CHECK never fails on a healthy pod, whatever others did to the node and to the pod.

use serde_json::{Value, json};

use crate::confs::{addresses, dual, host_link, layer2, masquerade, merged, plain};
use crate::harness::{Node, Pod, Side, Test, on_node, with_previous};

/// What happened between ADD and CHECK, none of it the pod's fault.
type Event = fn(&Node, &Pod, &Value);

pub fn tests() -> Vec<Test> {
    let events: Vec<(&str, Event)> = vec![
        ("nothing", |_, _, _| {}),
        ("second_pod", |node, _, _| drop(Side::Ours.bridge().added(&masquerade(), &node.pod("b")))),
        ("second_pod_came_and_went", |node, _, _| {
            let b = node.pod("b");
            Side::Ours.bridge().added(&masquerade(), &b);
            Side::Ours.bridge().del(&masquerade(), &b).ok();
        }),
        ("other_plugins_interface", |_, pod, _| {
            drop(pod.sh("ip link add eth5 type veth peer name eth6; ip link set eth5 up"));
        }),
        ("other_plugins_address", |_, pod, _| drop(pod.ip("addr add 10.88.99.99/32 dev eth0"))),
        ("other_plugins_route", |_, pod, _| {
            drop(pod.sh(
                "ip route add 10.7.0.0/16 via 10.88.0.1; ip route add 10.8.0.0/16 via 10.88.0.1 table 77",
            ));
        }),
        ("second_default_route", |_, pod, _| {
            drop(pod.ip("route add default via 10.88.0.1 dev eth0 metric 500"));
        }),
        ("tuning_of_the_pod", |_, pod, _| {
            drop(pod.sh("sysctl -qw net.ipv4.conf.eth0.rp_filter=2; ip link set eth0 txqueuelen 500; ip link set eth0 allmulticast on"));
        }),
        ("other_port_of_the_bridge", |node, _, _| {
            drop(node.sh(
                "ip link add x0 type veth peer name x1; ip link set x0 master cni0 up; ip link set x1 up",
            ));
        }),
        ("second_address_of_the_bridge", |node, _, _| drop(node.ip("addr add 10.77.0.1/24 dev cni0"))),
        ("foreign_rules", |node, _, _| {
            drop(node.sh("iptables -t nat -A POSTROUTING -j ACCEPT; nft add table inet x"));
        }),
        ("link_alias", |node, _, result| {
            drop(node.sh(&format!("ip link set {} alias pod", host_link(result))));
        }),
        ("bridge_promisc_by_a_sniffer", |node, _, _| drop(node.ip("link set cni0 promisc on"))),
        ("neighbours", |node, _, result| {
            drop(
                node.sh(&format!(
                    "ip neigh replace {} lladdr 0a:00:00:00:00:01 dev cni0",
                    addresses(result)[0]
                )),
            );
        }),
    ];
    let mut tests = Vec::new();
    for (name, event) in events {
        tests.push(Test::new(format!("after::{name}"), move || {
            on_node(|node| {
                let (bridge, pod) = (Side::Ours.bridge(), node.pod("a"));
                let result = bridge.added(&masquerade(), &pod);
                event(node, &pod, &result);
                bridge.check(&masquerade(), &result, &pod).ok();
            });
        }));
    }
    for version in ["0.4.0", "1.0.0", "1.1.0"] {
        for (name, base) in [("masquerade", masquerade()), ("dual", dual()), ("layer2", layer2())] {
            tests.push(Test::new(format!("version_{}_{name}", version.replace('.', "_")), move || {
                on_node(|node| {
                    let conf = merged(&base, &json!({ "cniVersion": version }));
                    let (bridge, pod) = (Side::Ours.bridge(), node.pod("a"));
                    let result = bridge.added(&conf, &pod);
                    assert_eq!(result["cniVersion"], version);
                    bridge.check(&conf, &result, &pod).ok();
                });
            }));
        }
    }
    tests.push(
        Test::new("vlan_gateway_after_a_second_pod", || on_node(vlan_gateway_after_a_second_pod))
            .vlan_filtering(true),
    );
    tests.extend(crate::node_tests![
        result_with_more_of_the_chain,
        route_in_another_table,
        every_key_at_once,
        result_without_macs,
        adopted_bridge_with_ports
    ]);
    tests
}

/// Plugins after us add interfaces, addresses and routes to the result that CHECK is handed.
fn result_with_more_of_the_chain(node: &Node) {
    let (bridge, pod, conf) = (Side::Ours.bridge(), node.pod("a"), dual());
    let mut result = bridge.added(&conf, &pod);
    pod.sh(
        "ip link add net9 type veth peer name net8; ip addr add 10.50.0.2/24 dev net9; ip link set net9 up",
    );
    result["interfaces"].as_array_mut().unwrap().push(json!({ "name": "net9", "sandbox": pod.netns() }));
    let index = result["interfaces"].as_array().unwrap().len() - 1;
    result["ips"].as_array_mut().unwrap().push(json!({ "interface": index, "address": "10.50.0.2/24" }));
    result["dns"] = json!({ "nameservers": ["1.1.1.1"] });
    bridge.check(&conf, &result, &pod).ok();
}

fn route_in_another_table(node: &Node) {
    let conf = merged(
        &plain(),
        &json!({ "ipam": { "routes": [
        { "dst": "0.0.0.0/0" }, { "dst": "10.5.0.0/16", "gw": "10.88.0.1", "table": 100, "priority": 7, "mtu": 1300, "advmss": 1200 },
        { "dst": "10.6.0.0/16", "scope": 0 }
    ] } }),
    );
    let (bridge, pod) = (Side::Ours.bridge(), node.pod("a"));
    let result = bridge.added(&conf, &pod);
    assert!(pod.sh("ip route show table 100").contains("10.5.0.0/16"));
    bridge.check(&conf, &result, &pod).ok();
}

fn vlan_gateway_after_a_second_pod(node: &Node) {
    let conf = merged(&plain(), &json!({ "vlan": 100 }));
    let (bridge, a, b) = (Side::Ours.bridge(), node.pod("a"), node.pod("b"));
    let first = bridge.added(&conf, &a);
    let second = bridge.added(&conf, &b);
    bridge.check(&conf, &first, &a).ok();
    bridge.check(&conf, &second, &b).ok();
}

fn every_key_at_once(node: &Node) {
    let conf = merged(
        &dual(),
        &json!({
            "mtu": 1400, "hairpinMode": true, "portIsolation": true, "macspoofchk": true, "enabledad": true, "forceAddress": true,
            "runtimeConfig": { "mac": "0a:58:0a:58:00:09" }, "dns": { "nameservers": ["1.1.1.1"] },
            "ipam": { "routes": [{ "dst": "10.5.0.0/16", "mtu": 1300 }, { "dst": "fd05::/48", "priority": 9 }] }
        }),
    );
    let (bridge, pod) = (Side::Ours.bridge(), node.pod("a"));
    let result = bridge.added(&conf, &pod);
    bridge.check(&conf, &result, &pod).ok();
    bridge.del(&conf, &pod).ok();
}

/// A runtime that keeps less than it was told.
fn result_without_macs(node: &Node) {
    let (bridge, pod, conf) = (Side::Ours.bridge(), node.pod("a"), dual());
    let mut result = bridge.added(&conf, &pod);
    for link in result["interfaces"].as_array_mut().unwrap() {
        link.as_object_mut().unwrap().remove("mac");
    }
    bridge.attach("CHECK", &with_previous(&conf, &result), &pod).run().ok();
}

fn adopted_bridge_with_ports(node: &Node) {
    node.sh("ip link add cni0 type bridge; ip link add p0 type veth peer name p1; ip link set p0 address fe:ff:ff:ff:ff:fe; ip link set p0 master cni0 up; ip link set p1 up");
    let (bridge, conf) =
        (Side::Ours.bridge(), merged(&plain(), &json!({ "isGateway": false, "ipam": { "routes": [] } })));
    let (a, b) = (node.pod("a"), node.pod("b"));
    let first = bridge.added(&conf, &a);
    let second = bridge.added(&conf, &b);
    bridge.check(&conf, &first, &a).ok();
    bridge.check(&conf, &second, &b).ok();
}
