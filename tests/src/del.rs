//! DEL leaves nothing, whatever is already gone, and however often it is called.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::confs::{addresses, dual, host_link, layer2, masquerade, merged, plain};
use crate::harness::{
    Call, Node, Plugin, Pod, Side, Snapshot, Test, WORK_DIR, leases, on_node, with_previous,
};

/// What was done to the node or to the call before DEL.
struct Condition {
    name: &'static str,
    /// Breaks something on the node.
    damage: fn(&Node, &Pod, &Value),
    /// How the runtime calls.
    call: fn(&Plugin, &Value, &Value, &Pod) -> Call,
}

fn nothing(_: &Node, _: &Pod, _: &Value) {}

fn as_runtime(plugin: &Plugin, conf: &Value, result: &Value, pod: &Pod) -> Call {
    plugin.attach("DEL", &with_previous(conf, result), pod)
}

fn without_result(plugin: &Plugin, conf: &Value, _: &Value, pod: &Pod) -> Call {
    plugin.attach("DEL", conf, pod)
}

fn conditions() -> Vec<Condition> {
    let row = |name, damage, call| Condition { name, damage, call };
    vec![
        row("with_result", nothing, as_runtime),
        row("without_result", nothing, without_result),
        row("plugins_810_netns_empty", nothing, |p, c, r, pod| as_runtime(p, c, r, pod).env("CNI_NETNS", "")),
        row("netns_empty_without_result", nothing, |p, c, r, pod| {
            without_result(p, c, r, pod).env("CNI_NETNS", "")
        }),
        row("netns_unset", nothing, |p, c, r, pod| without_result(p, c, r, pod).without("CNI_NETNS")),
        row("netns_gone", |_, pod, _| pod.destroy(), as_runtime),
        row("netns_gone_without_result", |_, pod, _| pod.destroy(), without_result),
        row(
            "netns_path_is_a_file",
            |_, pod, _| {
                // After a reboot the mount is gone and its file is left.
                pod.destroy();
                fs::write(&pod.path, "").unwrap();
            },
            without_result,
        ),
        row("netns_is_another_pods", nothing, |p, c, r, pod| {
            as_runtime(p, c, r, pod).env("CNI_NETNS", "/run/netns/keeper")
        }),
        row("link_gone", |_, pod, _| drop(pod.ip("link del eth0")), as_runtime),
        row(
            "link_renamed",
            |_, pod, _| drop(pod.sh("ip link set eth0 down; ip link set eth0 name net0")),
            as_runtime,
        ),
        row(
            "port_left_the_bridge",
            |node, _, result| drop(node.ip(&format!("link set {} nomaster", host_link(result)))),
            as_runtime,
        ),
        row("address_gone", |_, pod, _| drop(pod.ip("addr flush dev eth0")), as_runtime),
        row("result_of_another_version", nothing, |p, c, r, pod| {
            as_runtime(
                p,
                &merged(c, &json!({ "cniVersion": "1.0.0" })),
                &merged(r, &json!({ "cniVersion": "1.0.0" })),
                pod,
            )
        }),
        row("projectcalico_254_ranges_broken", nothing, |p, c, r, pod| {
            let mut conf = c.clone();
            if conf["ipam"].is_object() {
                conf["ipam"]["subnet"] = "not a subnet".into();
                conf["ipam"]["ranges"] = json!([[{ "subnet": "10.0.0.1/8", "rangeStart": "x" }]]);
            }
            as_runtime(p, &conf, r, pod)
        }),
        row("no_ranges_left", nothing, |p, c, r, pod| {
            let mut conf = c.clone();
            if conf["ipam"].is_object() {
                conf["ipam"] = json!({ "type": "host-local" });
            }
            as_runtime(p, &conf, r, pod)
        }),
    ]
}

fn networks() -> Vec<(&'static str, Value)> {
    vec![
        ("plain", plain()),
        ("masquerade", masquerade()),
        ("dual", dual()),
        ("layer2", layer2()),
        ("iptables", merged(&masquerade(), &json!({ "ipMasqBackend": "iptables" }))),
        ("spoof", merged(&plain(), &json!({ "macspoofchk": true }))),
    ]
}

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for (network, conf) in networks() {
        for condition in conditions() {
            let conf = conf.clone();
            tests.push(Test::new(format!("leaves_nothing::{network}_{}", condition.name), move || {
                on_node(|node| leaves_nothing(node, &conf, &condition));
            }));
        }
    }
    tests.extend(crate::node_tests![
        of_an_attachment_that_never_was,
        bridge_gone,
        data_dir_gone,
        rules_gone,
        foreign_things_stay,
        only_its_own_interface_goes,
        host_local_twice_without_ranges,
        a_kubelets_three_dels
    ]);
    tests
}

/// The places that outlive a pod.
fn lasting(snapshot: Snapshot) -> Snapshot {
    let mut snapshot = snapshot.without_cursors();
    snapshot.0.retain(|place, _| matches!(place.as_str(), "host" | "files" | "pod keeper"));
    snapshot
}

/// A pod that stays holds everything shared; whatever the other one added must be gone after its DEL.
fn leaves_nothing(node: &Node, conf: &Value, condition: &Condition) {
    let bridge = Side::Ours.bridge();
    let keeper = node.pod("keeper");
    let kept = bridge.added(conf, &keeper);
    let pod = node.pod("a");
    let before = lasting(node.snapshot());
    let result = bridge.added(conf, &pod);
    (condition.damage)(node, &pod, &result);
    (condition.call)(&bridge, conf, &result, &pod).run().ok();
    same_again(node, &before, "ADD and DEL");
    (condition.call)(&bridge, conf, &result, &pod).run().ok();
    same_again(node, &before, "the second DEL");
    bridge.check(conf, &kept, &keeper).ok();
    // The attachment can be made again.
    if pod.path.exists() && condition.name != "netns_path_is_a_file" {
        let again = pod.with_ifname("eth7");
        bridge.added(conf, &again);
        bridge.del(conf, &again).ok();
    }
}

/// A dying namespace takes its links along a little later; everything else must be right at once.
#[track_caller]
fn same_again(node: &Node, before: &Snapshot, what: &str) {
    let patience = Instant::now() + Duration::from_millis(200);
    while *before != lasting(node.snapshot()) && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(20));
    }
    before.assert_same(&lasting(node.snapshot()), what);
}

fn of_an_attachment_that_never_was(node: &Node) {
    let pod = node.pod("a");
    for (_, conf) in networks() {
        let before = node.kernel();
        Side::Ours.bridge().del(&conf, &pod).ok();
        before.assert_same(&node.kernel(), "DEL of nothing");
    }
    assert_eq!(leases::taken("net1"), Vec::<String>::new());
}

fn bridge_gone(node: &Node) {
    let (bridge, pod) = (Side::Ours.bridge(), node.pod("a"));
    bridge.added(&masquerade(), &pod);
    node.ip("link del cni0");
    bridge.del(&masquerade(), &pod).ok();
    node.kernel().assert_none(&["link veth"]);
    node.kernel().assert_none(&["nft element"]);
    assert_eq!(leases::taken("net1"), Vec::<String>::new());
}

fn data_dir_gone(node: &Node) {
    let (bridge, pod) = (Side::Ours.bridge(), node.pod("a"));
    bridge.added(&masquerade(), &pod);
    fs::remove_dir_all("/var/lib/cni").unwrap();
    bridge.del(&masquerade(), &pod).ok();
    node.kernel().assert_none(&["link veth"]);
}

fn rules_gone(node: &Node) {
    let (bridge, pod) = (Side::Ours.bridge(), node.pod("a"));
    let conf = merged(&masquerade(), &json!({ "macspoofchk": true }));
    bridge.added(&conf, &pod);
    node.sh("nft flush ruleset");
    bridge.del(&conf, &pod).ok();
    node.kernel().assert_none(&["link veth"]);
    assert_eq!(leases::taken("net1"), Vec::<String>::new());
}

/// Things of the same pod and of the node that others made are not ours to take.
fn foreign_things_stay(node: &Node) {
    let (bridge, pod) = (Side::Ours.bridge(), node.pod("a"));
    bridge.added(&masquerade(), &node.pod("keeper"));
    node.sh("nft add table inet other; nft add chain inet other c; nft add rule inet other c counter");
    node.ip("link add vethother type veth peer name other1");
    node.sh("iptables-nft -t nat -A POSTROUTING -s 10.88.0.3 -j ACCEPT");
    pod.ip("link add eth1 type veth peer name eth2");
    fs::create_dir_all("/var/lib/cni/networks/net2").unwrap();
    fs::write("/var/lib/cni/networks/net2/10.88.0.3", "a\r\neth0").unwrap();
    let before = node.snapshot().without_cursors();
    bridge.added(&masquerade(), &pod);
    bridge.del(&masquerade(), &pod).ok();
    before.assert_same(&node.snapshot().without_cursors(), "ADD and DEL beside others");
}

fn only_its_own_interface_goes(node: &Node) {
    let (bridge, pod) = (Side::Ours.bridge(), node.pod("a"));
    let second = pod.with_ifname("eth1");
    let first = bridge.added(&dual(), &pod);
    let before = lasting(node.snapshot());
    let other = merged(&dual(), &json!({ "isDefaultGateway": false, "isGateway": true }));
    bridge.added(&other, &second);
    bridge.del(&other, &second).ok();
    before.assert_same(&lasting(node.snapshot()), "the second interface");
    bridge.check(&dual(), &first, &pod).ok();
}

fn host_local_twice_without_ranges(node: &Node) {
    let plugin = Side::Ours.host_local();
    let conf = crate::confs::host_local(&json!({ "subnet": "10.88.0.0/24" }));
    let pod = node.pod("a");
    plugin.added(&conf, &pod);
    let bare = crate::confs::host_local(&json!({}));
    for _ in 0..2 {
        plugin.attach("DEL", &bare, &pod).env("CNI_NETNS", "").run().ok();
        assert_eq!(leases::taken("net1"), Vec::<String>::new());
    }
}

/// containerd#12130 and the design: one DEL with everything, two later with less, while the address may
/// already be another pod's.
fn a_kubelets_three_dels(node: &Node) {
    let (bridge, pod) = (Side::Ours.bridge(), node.pod("a"));
    let conf = merged(&dual(), &json!({ "ipMasq": true }));
    let result = bridge.added(&conf, &pod);
    as_runtime(&bridge, &conf, &result, &pod).run().ok();
    let heir = node.pod("b");
    let wish = format!("IgnoreUnknown=1;IP={}", addresses(&result)[0]);
    let inherited = bridge.attach("ADD", &conf, &heir).env("CNI_ARGS", &wish).run().ok().json();
    assert_eq!(addresses(&inherited)[0], addresses(&result)[0]);
    let before = node.snapshot();
    for _ in 0..2 {
        without_result(&bridge, &conf, &result, &pod).env("CNI_NETNS", "").run().ok();
        before.assert_same(&node.snapshot(), "a late DEL");
    }
    bridge.check(&conf, &inherited, &heir).ok();
    let _ = WORK_DIR;
}
