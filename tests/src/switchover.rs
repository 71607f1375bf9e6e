//! Switch-over on a node full of pods: what the reference made, ours checks, deletes and sweeps; and back.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::confs::{addresses, dual, layer2, masquerade, merged, plain};
use crate::harness::packets::exchange;
use crate::harness::{
    Call, Node, Output, Plugin, Pod, Side, Snapshot, Test, leases, on_node, with_key, with_previous,
};

/// A way in which nodes masquerade or check.
#[derive(Clone)]
struct Kind {
    name: &'static str,
    conf: Value,
    /// Which iptables the node has.
    iptables: &'static str,
}

fn kinds() -> Vec<Kind> {
    let nftables = json!({ "ipMasqBackend": "nftables" });
    let kind = |name, conf, iptables| Kind { name, conf, iptables };
    vec![
        kind("plain", plain(), "iptables-nft"),
        kind("layer2", layer2(), "iptables-nft"),
        kind("iptables_nft", masquerade(), "iptables-nft"),
        kind("iptables_legacy", masquerade(), "iptables-legacy"),
        kind("nftables", merged(&masquerade(), &nftables), "iptables-nft"),
        kind("spoof_check", merged(&plain(), &json!({ "macspoofchk": true })), "iptables-nft"),
        kind("dual_iptables_nft", dual(), "iptables-nft"),
        kind("dual_iptables_legacy", dual(), "iptables-legacy"),
        kind("dual_nftables", merged(&dual(), &nftables), "iptables-nft"),
        kind("dual_spoof_check", merged(&dual(), &json!({ "macspoofchk": true })), "iptables-nft"),
    ]
}

type Scenario = fn(&Node, &Kind);

pub fn tests() -> Vec<Test> {
    let scenarios: Vec<(&str, Scenario)> = vec![
        ("their_add_our_check", their_add_our_check),
        ("their_add_our_del", |node, kind| their_add_our_del(node, kind, |call, _| call)),
        ("their_add_our_del_without_namespace", |node, kind| {
            their_add_our_del(node, kind, |call, _| call.env("CNI_NETNS", ""));
        }),
        ("their_add_our_del_after_the_namespace_died", |node, kind| {
            their_add_our_del(node, kind, |call, pod| {
                pod.destroy();
                call
            });
        }),
        ("their_add_our_gc", their_add_our_gc),
        ("our_add_their_del", our_add_their_del),
        ("half_and_half", half_and_half),
    ];
    let mut tests = Vec::new();
    for (name, scenario) in scenarios {
        for kind in kinds() {
            tests.push(Test::new(format!("{name}::{}", kind.name), move || {
                on_node(|node| scenario(node, &kind));
            }));
        }
    }
    tests
}

/// PATH on which `iptables` and its kin are of one variant.
fn path_of(kind: &Kind) -> String {
    let folder = "/run/work/variant";
    if fs::create_dir(folder).is_ok() {
        for (name, v6) in [("iptables", ""), ("ip6tables", "6")] {
            for suffix in ["", "-save", "-restore"] {
                let variant = kind.iptables.replacen("ip", &format!("ip{v6}"), 1);
                symlink(format!("/usr/sbin/{variant}{suffix}"), format!("{folder}/{name}{suffix}")).unwrap();
            }
        }
    }
    format!("{folder}:{}", std::env::var("PATH").unwrap_or_default())
}

/// A plugin that runs on the kind's node.
struct Runner<'a> {
    plugin: Plugin,
    kind: &'a Kind,
}

impl Runner<'_> {
    fn call(&self, verb: &str, conf: &Value, pod: &Pod) -> Call {
        self.plugin.attach(verb, conf, pod).env("PATH", &path_of(self.kind))
    }
    fn added(&self, pod: &Pod) -> Value {
        self.call("ADD", &self.kind.conf, pod).run().ok().json()
    }
    fn check(&self, result: &Value, pod: &Pod) -> Output {
        self.call("CHECK", &with_previous(&self.kind.conf, result), pod).run()
    }
    fn del(&self, result: &Value, pod: &Pod) -> Output {
        self.call("DEL", &with_previous(&self.kind.conf, result), pod).run()
    }
    fn gc(&self, list: &[&Pod]) -> Output {
        let list: Vec<Value> =
            list.iter().map(|p| json!({ "containerID": p.id, "ifname": p.ifname })).collect();
        let conf = with_key(&self.kind.conf, "cni.dev/valid-attachments", list);
        self.plugin.call("GC", &conf).env("PATH", &path_of(self.kind)).run()
    }
}

fn runners(kind: &Kind) -> (Runner<'_>, Runner<'_>) {
    let runner = |side: Side| Runner { plugin: side.bridge(), kind };
    (runner(Side::Ours), runner(Side::Theirs))
}

/// What outlives a pod, apart from what is shared: our tables, our index, the lock that somebody made first.
fn lasting(snapshot: Snapshot) -> Snapshot {
    let shared = [
        "/.index ",
        "/lock ",
        "nft table",
        "nft chain inet trestle",
        "nft chain bridge trestle",
        "nft set",
        "nft rule inet trestle",
        "nft rule bridge trestle",
    ];
    let mut snapshot = snapshot
        .without_cursors()
        .only(|fact| !shared.iter().any(|s| fact.contains(s)) && !is_base_chain(fact));
    snapshot.0.retain(|place, _| place != "pod a");
    snapshot
}

/// Chains that iptables shows once anybody has looked.
fn is_base_chain(fact: &str) -> bool {
    fact.contains("tables-") && fact.contains(" nat :") && fact.ends_with(" ACCEPT")
}

/// The namespace's links go a moment after it.
#[track_caller]
fn same_again(node: &Node, before: &Snapshot, what: &str) {
    for _ in 0..20 {
        if *before == lasting(node.snapshot()) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    before.assert_same(&lasting(node.snapshot()), what);
}

/// A pod that the reference made is healthy until somebody breaks it; then CHECK sees that too.
fn their_add_our_check(node: &Node, kind: &Kind) {
    let (ours, theirs) = runners(kind);
    let pods = [node.pod("keeper"), node.pod("a")];
    let results = pods.clone().map(|pod| theirs.added(&pod));
    // Without an address of its own the bridge took another MAC when the second pod came.
    for (pod, result) in pods.iter().zip(&results) {
        ours.check(result, pod).ok();
    }
    pods[1].sh("ip link set eth0 down");
    ours.check(&results[1], &pods[1]).failed().code(100);
    ours.check(&results[0], &pods[0]).ok();
}

fn their_add_our_del(node: &Node, kind: &Kind, change: fn(Call, &Pod) -> Call) {
    let (ours, theirs) = runners(kind);
    let (keeper, pod) = (node.pod("keeper"), node.pod("a"));
    let kept = theirs.added(&keeper);
    let before = lasting(node.snapshot());
    let result = theirs.added(&pod);
    let call = ours.call("DEL", &with_previous(&kind.conf, &result), &pod);
    change(call, &pod).run().ok();
    // Their link has a random name: without the namespace it is found by nobody, and goes with it.
    if pod.path.exists() {
        pod.destroy();
    }
    same_again(node, &before, "their ADD and our DEL");
    ours.del(&kept, &keeper).ok();
    assert_eq!(leases::taken("net1"), Vec::<String>::new());
}

fn their_add_our_gc(node: &Node, kind: &Kind) {
    let (ours, theirs) = runners(kind);
    let (keeper, pod) = (node.pod("keeper"), node.pod("a"));
    let kept = theirs.added(&keeper);
    let before = lasting(node.snapshot());
    theirs.added(&pod);
    ours.gc(&[&keeper, &pod]).ok();
    assert_eq!(leases::taken("net1").len(), 2 * addresses(&kept).len(), "GC took a living pod's lease");
    // Their link cannot be told from others'; it goes with its namespace.
    pod.destroy();
    ours.gc(&[&keeper]).ok();
    same_again(node, &before, "their ADD and our GC");
}

/// Their DEL does not know our rules; the next GC or ADD of ours sees to those.
fn our_add_their_del(node: &Node, kind: &Kind) {
    let (ours, theirs) = runners(kind);
    let (keeper, pod) = (node.pod("keeper"), node.pod("a"));
    let kept = ours.added(&keeper);
    let before = lasting(node.snapshot());
    let result = ours.added(&pod);
    theirs.del(&result, &pod).ok();
    let links = |s: &Snapshot| s.clone().only(|fact| !fact.starts_with("nft element"));
    links(&before).assert_same(&links(&lasting(node.snapshot())), "our ADD and their DEL");
    ours.gc(&[&keeper]).ok();
    same_again(node, &before, "our ADD, their DEL and our GC");
    ours.check(&kept, &keeper).ok();
}

/// Both at once on one bridge and one dataDir.
fn half_and_half(node: &Node, kind: &Kind) {
    let (ours, theirs) = runners(kind);
    let pods: Vec<Pod> = (0..4).map(|i| node.pod(&format!("p{i}"))).collect();
    let side = |i: usize| if i.is_multiple_of(2) { &theirs } else { &ours };
    let results: Vec<Value> = pods.iter().enumerate().map(|(i, pod)| side(i).added(pod)).collect();
    let all: Vec<String> = results.iter().flat_map(addresses).collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "an address was given twice: {all:?}");
    for i in [1, 3] {
        ours.check(&results[i], &pods[i]).ok();
    }
    if let (Some(to), true) = (addresses(&results[1]).first(), kind.conf["portIsolation"].is_null()) {
        exchange(&pods[0].udp(to), &pods[1].udp(to), to);
    }
    // Each pod goes through the other side than it came by.
    for (i, (pod, result)) in pods.iter().zip(&results).enumerate() {
        side(i + 1).del(result, pod).ok();
    }
    ours.gc(&[]).ok();
    assert_eq!(leases::taken("net1"), Vec::<String>::new());
    node.kernel().assert_none(&["link veth", "nft element", "-j CNI-", "macspoofchk"]);
}
