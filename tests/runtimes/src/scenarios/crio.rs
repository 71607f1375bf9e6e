//! The sequence that CRI-O uses, by the reference's own library: ADD and CHECK at once, GC over every network
//! of the folder, STATUS, DEL twice.

use std::fs::{self, File};

use serde_json::{Value, json};

use crate::accounting::{Account, assert_whole};
use crate::confs::{bridge, list, with};
use crate::cri::{Answer, Client};
use crate::node::Node;
use crate::programs::Side;
use crate::run::{Run, Scenario};

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "libcni::crio",
        about: "ADD then CHECK, GC with lists, with null and without, STATUS, DEL twice; two runtimes on one node",
        work: crio,
    }]
}

/// A runtime: its name is the folder of its cache. CRI-O and podman do not know each other's attachments.
struct Runtime<'n> {
    client: Client,
    node: &'n Node,
    cache: &'static str,
}

impl Runtime<'_> {
    fn ask(&mut self, op: &str, network: &str, container: &str, more: &Value) -> Answer {
        let mut request = json!({
            "op": op, "conf": format!("/etc/cni/net.d/{network}.conflist"), "cache": format!("/var/lib/cni/{}", self.cache),
            "container": container, "netns": format!("/run/netns/{container}"),
        });
        for (key, value) in more.as_object().unwrap() {
            request[key] = value.clone();
        }
        self.client.ask(request)
    }

    /// ADD, and CHECK at once; returns the addresses.
    fn add(&mut self, network: &str, container: &str) -> Vec<String> {
        self.node.sh(&format!("ip netns add {container}"));
        let result = self.ask("add", network, container, &json!({})).ok();
        self.ask("check", network, container, &json!({})).ok();
        let ips = result["ips"].as_array().into_iter().flatten();
        ips.filter_map(|ip| Some(ip["address"].as_str()?.split('/').next()?.to_owned())).collect()
    }

    fn gc(&mut self, network: &str, valid: &[&str]) {
        let valid: Vec<Value> = valid.iter().map(|c| json!({ "containerID": c, "ifname": "eth0" })).collect();
        self.ask("gc", network, "", &json!({ "valid": valid })).ok();
    }

    fn del(&mut self, network: &str, container: &str) {
        self.ask("del", network, container, &json!({})).ok();
        self.node.sh(&format!("ip netns del {container}"));
        self.ask("del", network, container, &json!({ "netns": "" })).ok();
    }
}

fn client(node: &Node) -> Client {
    let log = File::options().append(true).create(true).open(node.dir.join("log/libcni")).unwrap();
    Client::start(&mut node.command("/run/programs/bin/libcni"), log)
}

fn crio(run: &mut Run) {
    let node = Node::new(run, "crio", Side::Ours);
    let own = with(&bridge(&["10.90.0.0/24", "fd00:90::/64"]), &json!({ "macspoofchk": true }));
    let other = with(&bridge(&["10.91.0.0/24"]), &json!({ "bridge": "cni1" }));
    for (network, bridge) in [("pods", &own), ("other", &other)] {
        let conf = with(&list("1.1.0", bridge), &json!({ "name": network }));
        node.write(&format!("net.d/{network}.conflist"), &conf.to_string());
    }
    let mut crio = Runtime { client: client(&node), node: &node, cache: "crio" };
    let mut podman = Runtime { client: client(&node), node: &node, cache: "podman" };

    crio.ask("status", "pods", "", &json!({})).ok();
    let mut addresses: Vec<Vec<String>> = (0..6).map(|i| crio.add("pods", &format!("pod{i}"))).collect();
    addresses.push(podman.add("other", "guest"));
    let before = assert_whole(&node, &addresses);
    run.say(format!("7 times ADD and CHECK at once: {}", before.summary()));

    // At its start CRI-O sweeps each network of the folder; it has no pod on the other one.
    let mine: Vec<String> = (0..6).map(|i| format!("pod{i}")).collect();
    let mine: Vec<&str> = mine.iter().map(String::as_str).collect();
    crio.gc("pods", &mine);
    crio.ask("gc", "other", "", &json!({ "valid": null })).ok();
    crio.ask("gc", "other", "", &json!({ "noList": true })).ok();
    assert_eq!(Account::take(&node).lines(), before.lines(), "GC took something of the living");
    podman.ask("check", "other", "guest", &json!({})).ok();
    run.say("GC with all of its own, null and no list for the other network: nothing of the living taken");

    // Two pods went while CRI-O was down, one of them with its cache.
    node.sh("ip netns del pod4; ip netns del pod5");
    fs::remove_file(node.dir.join("var/cni/crio/results/pods-pod5-eth0")).unwrap();
    crio.gc("pods", &mine[..4]);
    addresses.drain(4..6);
    let account = assert_whole(&node, &addresses);
    run.say(format!("GC after two pods went unseen: {}", account.summary()));

    crio.ask("status", "pods", "", &json!({})).ok();
    mine[..4].iter().for_each(|pod| crio.del("pods", pod));
    podman.del("other", "guest");
    run.report.close("libcni 1.3.0", "as CRI-O", Side::Ours, &node);
    run.say("STATUS, DEL twice each: nothing left");
}
