//! Many at once: shared things made once, addresses never twice.

use std::collections::BTreeSet;

use serde_json::json;

use crate::confs::{addresses, dual, host_local, mac_of, masquerade, merged};
use crate::harness::{Node, Output, Pod, Side, Test, leases, with_key};

pub fn tests() -> Vec<Test> {
    crate::node_tests![
        thirty_first_adds_return_one_mac,
        a_hundred_host_local_adds_are_distinct,
        adds_and_dels_at_once_leave_nothing,
        one_attachment_added_twice_at_once_exists_once,
        last_addresses_go_to_as_many_pods,
        add_meets_gc_of_the_others
    ]
}

/// Runs `work` for every pod at once.
fn at_once<T: Send>(pods: &[Pod], work: impl Fn(&Pod) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = pods.iter().map(|pod| scope.spawn(|| work(pod))).collect();
        threads.into_iter().map(|t| t.join().unwrap_or_else(|p| std::panic::resume_unwind(p))).collect()
    })
}

fn pods(node: &Node, count: usize) -> Vec<Pod> {
    (0..count).map(|i| node.pod(&format!("p{i}"))).collect()
}

fn thirty_first_adds_return_one_mac(node: &Node) {
    let (bridge, conf, pods) = (Side::Ours.bridge(), dual(), pods(node, 30));
    let results = at_once(&pods, |pod| bridge.added(&conf, pod));
    let macs: BTreeSet<String> = results.iter().map(|r| mac_of(r, "cni0")).collect();
    assert_eq!(macs.len(), 1, "{macs:?}");
    let ips: BTreeSet<String> = results.iter().flat_map(addresses).collect();
    assert_eq!(ips.len(), 60);
    for (pod, result) in pods.iter().zip(&results) {
        bridge.check(&conf, result, pod).ok();
    }
    assert_eq!(node.sh("ip -j link show type bridge").json().as_array().unwrap().len(), 1);
}

fn a_hundred_host_local_adds_are_distinct(node: &Node) {
    let plugin = Side::Ours.host_local();
    let conf =
        host_local(&json!({ "ranges": [[{ "subnet": "10.88.0.0/16" }], [{ "subnet": "fd00::/64" }]] }));
    // host-local never looks into the namespace.
    let shared = node.pod("p");
    let pods: Vec<Pod> = (0..100).map(|i| shared.with_id(&format!("c{i}"))).collect();
    let results = at_once(&pods, |pod| plugin.added(&conf, pod));
    let ips: BTreeSet<String> = results.iter().flat_map(addresses).collect();
    assert_eq!(ips.len(), 200);
    let taken: BTreeSet<String> = leases::taken("net1").into_iter().collect();
    assert_eq!(taken, ips, "a lease is lost or was never returned");
    at_once(&pods, |pod| plugin.check(&conf, &json!({}), pod).ok());
    at_once(&pods, |pod| plugin.del(&conf, pod).ok());
    assert_eq!(leases::taken("net1"), Vec::<String>::new());
}

fn adds_and_dels_at_once_leave_nothing(node: &Node) {
    let (bridge, conf) = (Side::Ours.bridge(), merged(&dual(), &json!({ "macspoofchk": true })));
    let pods = pods(node, 16);
    bridge.added(&conf, &pods[0]);
    bridge.del(&conf, &pods[0]).ok();
    let before = node.snapshot().without_cursors();
    at_once(&pods, |pod| {
        for _ in 0..3 {
            let result = bridge.added(&conf, pod);
            bridge.check(&conf, &result, pod).ok();
            bridge.del(&conf, pod).ok();
        }
    });
    before.assert_same(&node.snapshot().without_cursors(), "48 ADDs and DELs");
}

fn one_attachment_added_twice_at_once_exists_once(node: &Node) {
    let (bridge, conf, pod) = (Side::Ours.bridge(), masquerade(), node.pod("a"));
    let twice = vec![pod.clone(); 4];
    let outputs: Vec<Output> = at_once(&twice, |pod| bridge.add(&conf, pod));
    let (good, bad): (Vec<Output>, Vec<Output>) = outputs.into_iter().partition(|o| o.code == Some(0));
    assert_eq!(good.len(), 1, "{} ADDs of one attachment succeeded", good.len());
    bad.into_iter().for_each(|o| drop(o.failed()));
    let result = good[0].json();
    bridge.check(&conf, &result, &pod).ok();
    assert_eq!(leases::taken("net1"), addresses(&result));
}

/// Six ask for the five addresses that are left.
fn last_addresses_go_to_as_many_pods(node: &Node) {
    let (bridge, pods) = (Side::Ours.bridge(), pods(node, 6));
    let conf = merged(&masquerade(), &json!({ "ipam": { "subnet": "10.88.0.0/29" } }));
    let outputs = at_once(&pods, |pod| bridge.add(&conf, pod));
    let (good, bad): (Vec<Output>, Vec<Output>) = outputs.into_iter().partition(|o| o.code == Some(0));
    assert_eq!((good.len(), bad.len()), (5, 1));
    bad.into_iter().for_each(|o| drop(o.failed().code(104)));
    assert_eq!(leases::taken("net1").len(), 5);
}

/// A DEL sweep of strangers runs while pods are being added: nobody loses anything.
fn add_meets_gc_of_the_others(node: &Node) {
    let (bridge, conf, pods) = (Side::Ours.bridge(), dual(), pods(node, 8));
    let gc = with_key(&conf, "cni.dev/valid-attachments", serde_json::Value::Null);
    let results = std::thread::scope(|scope| {
        let sweeper = scope.spawn(|| (0..10).for_each(|_| drop(bridge.call("GC", &gc).run().ok())));
        let results = at_once(&pods, |pod| bridge.added(&conf, pod));
        sweeper.join().unwrap_or_else(|p| std::panic::resume_unwind(p));
        results
    });
    for (pod, result) in pods.iter().zip(&results) {
        bridge.check(&conf, result, pod).ok();
    }
}
