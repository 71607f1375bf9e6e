//! Drift sweep: each resource of a plan broken by one command, and CHECK names exactly its line.

mod rows;

use serde_json::Value;

use crate::confs::{addresses, dual, host_link, layer2, mac_of, masquerade, plain};
use crate::harness::{Node, Pod, Side, Test, leases, on_node, with_previous};

use rows::{At, Row, rows};

pub fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> = rows()
        .into_iter()
        .map(|row| Test::new(format!("sweep::{}", row.name), move || on_node(|node| sweep(node, &row))))
        .collect();
    tests.extend(crate::node_tests![
        several_drifts_are_all_listed,
        a_lost_lease_is_named,
        check_changes_nothing
    ]);
    tests
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
        At::Host => node.sh(&command),
        At::Pod => pod.sh(&command),
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
    let unexpected: Vec<_> =
        others.iter().filter(|l| !expected.iter().any(|e| l.contains(&fill(e)))).collect();
    assert!(unexpected.is_empty(), "CHECK also names {unexpected:#?}");
}

/// Lines that are not as planned either when this is broken, because the kernel took them along.
fn consequences(name: &str) -> &'static [&'static str] {
    match name {
        "bridge_gone" => &["host addr add 10.88.0.1/16", "host link set {veth} master cni0", "host sysctl"],
        "pair_gone" | "pair_gone_from_inside" | "pair_renamed" => {
            &["host link set {veth}", "container link set eth0 up"]
        }
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
    for expected in [
        "host sysctl net/ipv4/ip_forward=1",
        &format!("host link set {veth} master cni0"),
        "container route add default",
    ] {
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
    assert!(
        error.msg.contains(&address) || error.details.contains(&address) || error.msg.contains("lease"),
        "{error:?}"
    );
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
