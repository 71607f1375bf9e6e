//! Drift sweep: each resource of a plan broken by one command, and CHECK names exactly its line.

use serde_json::{Value, json};

use crate::confs::{addresses, dual, host_link, layer2, mac_of, masquerade, merged, plain};
use crate::harness::{Node, Pod, Side, Test, leases, on_node, with_previous};

/// Where a command runs.
#[derive(Clone, Copy)]
enum At {
    Host,
    Pod,
}
use At::{Host, Pod as Inside};

/// One broken thing.
struct Row {
    name: &'static str,
    conf: Value,
    at: At,
    /// `{veth}`, `{ip}`, `{ip6}`, `{mac}` and `{brmac}` stand for what ADD returned.
    command: &'static str,
    /// How the line of the plan begins that CHECK must name.
    line: &'static str,
    /// What differs, somewhere in the message.
    words: &'static [&'static str],
}

pub fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> =
        rows().into_iter().map(|row| Test::new(format!("sweep::{}", row.name), move || on_node(|node| sweep(node, &row)))).collect();
    tests.extend(crate::node_tests![several_drifts_are_all_listed, a_lost_lease_is_named, check_changes_nothing]);
    tests
}

fn rows() -> Vec<Row> {
    let row = |name, conf: Value, at, command, line, words| Row { name, conf, at, command, line, words };
    let hairpin = merged(&plain(), &json!({ "hairpinMode": true }));
    let isolated = merged(&plain(), &json!({ "portIsolation": true }));
    let promisc = merged(&plain(), &json!({ "promiscMode": true }));
    let mtu = merged(&plain(), &json!({ "mtu": 1400 }));
    let mac = merged(&plain(), &json!({ "runtimeConfig": { "mac": "0a:58:0a:58:00:77" } }));
    let spoof = merged(&plain(), &json!({ "macspoofchk": true }));
    let iptables = merged(&masquerade(), &json!({ "ipMasqBackend": "iptables" }));
    let routes = merged(&plain(), &json!({ "ipam": { "routes": [
        { "dst": "0.0.0.0/0", "mtu": 1300, "advmss": 1200, "priority": 50 },
        { "dst": "10.5.0.0/16", "gw": "10.88.0.1" },
        { "dst": "10.6.0.0/16", "gw": "10.88.0.1", "table": 100 }
    ] } }));
    vec![
        row("bridge_gone", plain(), Host, "ip link del cni0", "host link add cni0 type bridge", &["does not exist"]),
        row("bridge_down", plain(), Host, "ip link set cni0 down", "host link add cni0 type bridge", &["down"]),
        row("bridge_mac", plain(), Host, "ip link set cni0 address 0a:00:00:00:00:99", "host link add cni0 type bridge mac {brmac}", &["0a:00:00:00:00:99"]),
        row("bridge_promisc_off", promisc, Host, "ip link set cni0 promisc off", "host link add cni0 type bridge", &["promisc"]),
        row("gateway_address", plain(), Host, "ip addr del 10.88.0.1/16 dev cni0", "host addr add 10.88.0.1/16 dev cni0", &[]),
        row("gateway_address_v6", dual(), Host, "ip addr del fd00:88::1/64 dev cni0", "host addr add fd00:88::1/64 dev cni0", &[]),
        row("forwarding_off", plain(), Host, "sysctl -qw net.ipv4.ip_forward=0", "host sysctl net/ipv4/ip_forward=1", &["0"]),
        row("forwarding_off_v6", dual(), Host, "sysctl -qw net.ipv6.conf.all.forwarding=0", "host sysctl net/ipv6/conf/all/forwarding=1", &["0"]),
        row("pair_gone", layer2(), Host, "ip link del {veth}", "container link add eth0 type veth mac {mac} peer host {veth}", &["does not exist"]),
        row("pair_gone_from_inside", layer2(), Inside, "ip link del eth0", "container link add eth0 type veth mac {mac} peer host {veth}", &["does not exist"]),
        row("pair_renamed", layer2(), Host, "ip link set {veth} down; ip link set {veth} name other", "container link add eth0 type veth mac {mac} peer host {veth}", &[]),
        row("container_link_down", layer2(), Inside, "ip link set eth0 down", "container link set eth0 up", &["down"]),
        row("host_link_down", layer2(), Host, "ip link set {veth} down", "host link set {veth}", &["down"]),
        row("container_mac", mac, Inside, "ip link set eth0 address 0a:00:00:00:00:99", "container link add eth0 type veth mac 0a:58:0a:58:00:77", &["0a:00:00:00:00:99"]),
        row("container_mac_as_returned", plain(), Inside, "ip link set eth0 address 0a:00:00:00:00:99", "container link add eth0 type veth", &["0a:00:00:00:00:99"]),
        row("container_mtu", mtu.clone(), Inside, "ip link set eth0 mtu 1300", "container link add eth0 type veth", &["mtu", "1300"]),
        row("host_mtu", mtu, Host, "ip link set {veth} mtu 1300", "container link add eth0 type veth", &["mtu", "1300"]),
        row("port_left_the_bridge", layer2(), Host, "ip link set {veth} nomaster", "host link set {veth} master cni0", &[]),
        row("port_in_another_bridge", layer2(), Host, "ip link add other type bridge; ip link set {veth} master other", "host link set {veth} master cni0", &[]),
        row("hairpin_off", hairpin, Host, "bridge link set dev {veth} hairpin off", "host link set {veth} master cni0 hairpin on", &["hairpin"]),
        row("hairpin_on", plain(), Host, "bridge link set dev {veth} hairpin on", "host link set {veth} master cni0 hairpin off", &["hairpin"]),
        row("isolation_off", isolated, Host, "bridge link set dev {veth} isolated off", "host link set {veth} master cni0 hairpin off isolated on", &["isolat"]),
        row("address_gone", dual(), Inside, "ip -6 addr del {ip6}/64 dev eth0", "container addr add {ip6}/64 dev eth0", &[]),
        row("address_gone_v4", without_routes(), Inside, "ip addr del {ip}/16 dev eth0", "container addr add {ip}/16 dev eth0", &[]),
        row("address_other_prefix", without_routes(), Inside, "ip addr del {ip}/16 dev eth0; ip addr add {ip}/24 dev eth0", "container addr add {ip}/16 dev eth0", &[]),
        row("default_route_gone", plain(), Inside, "ip route del default", "container route add default via 10.88.0.1 dev eth0", &[]),
        row("default_route_elsewhere", plain(), Inside, "ip route replace default via 10.88.0.9", "container route add default via 10.88.0.1 dev eth0", &[]),
        row("default_route_v6_gone", dual(), Inside, "ip -6 route del default", "container route add default via fd00:88::1 dev eth0", &[]),
        row("route_gone", routes.clone(), Inside, "ip route del 10.5.0.0/16", "container route add 10.5.0.0/16 via 10.88.0.1 dev eth0", &[]),
        row("route_gone_from_its_table", routes.clone(), Inside, "ip route del 10.6.0.0/16 table 100", "container route add 10.6.0.0/16 via 10.88.0.1 dev eth0 table 100", &[]),
        row("route_other_mtu", routes.clone(), Inside, "ip route replace default via 10.88.0.1 dev eth0 mtu 1200 advmss 1200 metric 50", "container route add default via 10.88.0.1 dev eth0 mtu 1300", &[]),
        row("route_other_priority", routes, Inside, "ip route del default; ip route add default via 10.88.0.1 dev eth0 mtu 1300 advmss 1200 metric 60", "container route add default via 10.88.0.1 dev eth0", &[]),
        row("masquerade_table_gone", masquerade(), Host, "nft delete table inet trestle", "host masquerade {ip} outside 10.88.0.0/16", &["table", "missing"]),
        row("masquerade_address_gone", masquerade(), Host, SET_ELEMENT_GONE, "host masquerade {ip} outside 10.88.0.0/16", &["{ip}"]),
        row("masquerade_rule_gone", masquerade(), Host, "nft -j list table inet trestle | grep -o '\"chain\": *\"[^\"]*\"' | head -1 | cut -d'\"' -f4 | xargs nft flush chain inet trestle", "host masquerade {ip} outside 10.88.0.0/16", &["rule"]),
        row("masquerade_table_dormant", masquerade(), Host, "nft 'add table inet trestle { flags dormant; }'", "host masquerade {ip} outside 10.88.0.0/16", &["dormant"]),
        row("masquerade_v6_gone", dual(), Host, SET_ELEMENT_GONE_V6, "host masquerade {ip6} outside fd00:88::/64", &["{ip6}"]),
        row("iptables_masquerade_gone", iptables, Host, "iptables -t nat -F POSTROUTING", "host iptables masquerade {ip} outside 10.88.0.0/16", &[]),
        row("spoof_check_gone", spoof, Host, "nft -j list ruleset | grep -o '\"table\": *{\"family\": *\"bridge\", *\"name\": *\"[^\"]*\"' | head -1 | sed 's/.*\"name\": *\"//; s/\"$//' | xargs nft delete table bridge", "host spoof-check", &[]),
    ]
}

/// Deletes the pod's address from whatever set of the table has it.
const SET_ELEMENT_GONE: &str = "for s in $(nft -j list sets inet | tr '{' '\\n' | grep -o '\"name\": *\"[^\"]*\"' | cut -d'\"' -f4 | sort -u); do nft delete element inet trestle $s '{ {ip} }' 2>/dev/null || true; done";
const SET_ELEMENT_GONE_V6: &str = "for s in $(nft -j list sets inet | tr '{' '\\n' | grep -o '\"name\": *\"[^\"]*\"' | cut -d'\"' -f4 | sort -u); do nft delete element inet trestle $s '{ {ip6} }' 2>/dev/null || true; done";

fn without_routes() -> Value {
    merged(&plain(), &json!({ "ipam": { "routes": [] } }))
}

/// ADD, CHECK is content, break it, CHECK names the line.
fn sweep(node: &Node, row: &Row) {
    let (bridge, pod) = (Side::Ours.bridge(), node.pod("a"));
    let result = bridge.added(&row.conf, &pod);
    bridge.check(&row.conf, &result, &pod).ok();
    let fill = filler(&result);
    let command = fill(row.command);
    let before = node.kernel();
    match row.at {
        Host => node.sh(&command),
        Inside => pod.sh(&command),
    };
    assert!(before != node.kernel(), "`{command}` changed nothing");
    let error = bridge.check(&row.conf, &result, &pod).failed().code(100);
    let line = fill(row.line);
    assert!(error.msg.contains(&line), "the message does not name {line:?}: {error:?}");
    let words: Vec<String> = row.words.iter().map(|w| fill(w)).collect();
    assert!(words.iter().all(|w| error.msg.contains(w)), "the message does not say {words:?}: {error:?}");
    let others: Vec<&str> = error.details.lines().filter(|l| is_plan_line(l) && !l.contains(&line)).collect();
    // What goes with the broken thing may be named after it, never before.
    let expected = consequences(row.name);
    let unexpected: Vec<_> = others.iter().filter(|l| !expected.iter().any(|e| l.contains(&fill(e)))).collect();
    assert!(unexpected.is_empty(), "CHECK also names {unexpected:#?}");
}

/// Lines that are not as planned either when this is broken, because the kernel took them along.
fn consequences(name: &str) -> &'static [&'static str] {
    match name {
        "bridge_gone" => &["host addr add 10.88.0.1/16", "host link set {veth} master cni0", "host sysctl"],
        "pair_gone" | "pair_gone_from_inside" | "pair_renamed" => &["host link set {veth}", "container link set eth0 up"],
        "container_link_down" => &["host link set {veth}"],
        _ => &[],
    }
}

fn is_plan_line(line: &str) -> bool {
    line.starts_with("host ") || line.starts_with("container ")
}

/// Puts what ADD returned into a text.
fn filler(result: &Value) -> impl Fn(&str) -> String {
    let ips = addresses(result);
    let find = |v6: bool| ips.iter().find(|ip| ip.contains(':') == v6).cloned().unwrap_or_default();
    let values = [
        ("{veth}", host_link(result)),
        ("{ip}", find(false)),
        ("{ip6}", find(true)),
        ("{mac}", mac_of(result, "eth0")),
        ("{brmac}", mac_of(result, "cni0")),
    ];
    move |text| values.iter().fold(text.to_owned(), |text, (key, value)| text.replace(key, value))
}

fn several_drifts_are_all_listed(node: &Node) {
    let (bridge, pod) = (Side::Ours.bridge(), node.pod("a"));
    let conf = masquerade();
    let result = bridge.added(&conf, &pod);
    let veth = host_link(&result);
    node.sysctl("net/ipv4/ip_forward");
    node.set_sysctl("net/ipv4/ip_forward", "0");
    node.sh(&format!("bridge link set dev {veth} hairpin on"));
    pod.ip("route del default");
    let error = bridge.check(&conf, &result, &pod).failed().code(100);
    let lines: Vec<&str> = error.details.lines().filter(|l| is_plan_line(l)).collect();
    for expected in ["host sysctl net/ipv4/ip_forward=1", &format!("host link set {veth} master cni0"), "container route add default"] {
        assert!(lines.iter().any(|l| l.starts_with(expected)), "{expected:?} is missing in {lines:#?}");
    }
    assert_eq!(lines.len(), 3, "{lines:#?}");
}

/// The lease is part of what CHECK vouches for: without it the address may be given to another.
fn a_lost_lease_is_named(node: &Node) {
    let (bridge, pod) = (Side::Ours.bridge(), node.pod("a"));
    let result = bridge.added(&plain(), &pod);
    let address = addresses(&result).remove(0);
    std::fs::remove_file(leases::lease("net1", &address)).unwrap();
    let error = bridge.check(&plain(), &result, &pod).failed();
    assert!(error.msg.contains(&address) || error.details.contains(&address) || error.msg.contains("lease"), "{error:?}");
    error.code(100);
}

fn check_changes_nothing(node: &Node) {
    let (bridge, pod) = (Side::Ours.bridge(), node.pod("a"));
    for conf in [dual(), layer2()] {
        let other: &Pod = &pod.with_ifname(if conf == layer2() { "eth1" } else { "eth0" });
        let result = bridge.added(&conf, other);
        let before = node.snapshot();
        bridge.attach("CHECK", &with_previous(&conf, &result), other).run().ok();
        before.assert_same(&node.snapshot(), "CHECK");
    }
}
