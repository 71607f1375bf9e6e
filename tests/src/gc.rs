//! GC: a list, the empty one included, is the runtime's word; no list frees only what is dead.

use std::fs;

use serde_json::{Value, json};

use crate::confs::{addresses, dual, layer2, masquerade, merged};
use crate::harness::{Node, Pod, Side, Snapshot, Test, leases, on_node, with_key};

const KEY: &str = "cni.dev/valid-attachments";
const OTHER_KEY: &str = "cni.dev/attachments";

fn attachment(id: &str, ifname: &str) -> Value {
    json!({ "containerID": id, "ifname": ifname })
}

/// Everything that a pod of the network owns somewhere.
fn network() -> Value {
    merged(&dual(), &json!({ "macspoofchk": true }))
}

fn gc(conf: &Value) -> crate::harness::Output {
    Side::Ours.bridge().call("GC", conf).run()
}

fn lasting(snapshot: Snapshot) -> Snapshot {
    let mut snapshot = snapshot.without_cursors();
    snapshot.0.retain(|place, _| matches!(place.as_str(), "host" | "files" | "pod a"));
    snapshot
}

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    let a = || attachment("a", "eth0");
    for (name, keys, survivors) in [
        ("list_of_all", json!({ KEY: [a(), attachment("b", "eth0")] }), 2),
        ("list_of_one", json!({ KEY: [a()] }), 1),
        ("list_of_one_under_the_other_key", json!({ OTHER_KEY: [a()] }), 1),
        ("list_of_one_under_both_keys", json!({ KEY: [a()], OTHER_KEY: [a()] }), 1),
        ("list_names_another_interface", json!({ KEY: [a(), attachment("b", "eth1")] }), 1),
        ("list_names_strangers", json!({ KEY: [a(), attachment("stranger", "eth0")] }), 1),
        ("empty_list", json!({ KEY: [] }), 0),
        ("empty_list_under_the_other_key", json!({ OTHER_KEY: [] }), 0),
        ("cni_1086_null_frees_nothing_alive", json!({ KEY: null }), 2),
        ("null_under_both_keys", json!({ KEY: null, OTHER_KEY: null }), 2),
        ("no_key", json!({}), 2),
    ] {
        tests
            .push(Test::new(format!("table::{name}"), move || on_node(|node| table(node, &keys, survivors))));
    }
    tests.extend(crate::node_tests![
        null_frees_what_is_dead,
        other_networks_stay,
        cursor_and_lock_are_no_leases,
        old_leases_without_interface,
        bad_lists_are_refused_and_nothing_goes,
        the_delegated_plugin_is_asked,
        an_ipam_that_fails_does_not_stop_it,
        layer2_network,
        host_local_alone
    ]);
    tests
}

/// Pods `a` and `b` live; after GC exactly the first `survivors` of them do, and their things with them.
fn table(node: &Node, keys: &Value, survivors: usize) {
    let (bridge, conf) = (Side::Ours.bridge(), network());
    // What is shared stays for good: a pod that came and went has made it.
    let zero = node.pod("zero");
    bridge.added(&conf, &zero);
    bridge.del(&conf, &zero).ok();
    zero.destroy();
    node.pod("a");
    let mut states = vec![lasting(node.snapshot())];
    let mut results = Vec::new();
    for name in ["a", "b"] {
        let pod = Pod { id: name.into(), ifname: "eth0".into(), path: format!("/run/netns/{name}").into() };
        let pod = if name == "b" { node.pod("b") } else { pod };
        results.push((bridge.added(&conf, &pod), pod));
        states.push(lasting(node.snapshot()));
    }
    gc(&merged(&conf, keys)).ok();
    // With the last address its set and rule may go as well, or stay for the next pod.
    let state = |s: Snapshot| {
        if survivors == 0 { s.only(|f| !f.starts_with("nft rule") && !f.starts_with("nft set")) } else { s }
    };
    let expected = state(states.swap_remove(survivors));
    expected.assert_same(&state(lasting(node.snapshot())), "GC");
    for (result, pod) in &results[..survivors] {
        bridge.check(&conf, result, pod).ok();
    }
    gc(&merged(&conf, keys)).ok();
    expected.assert_same(&state(lasting(node.snapshot())), "the second GC");
}

/// A pod whose namespace died, with no DEL ever coming.
fn null_frees_what_is_dead(node: &Node) {
    let (bridge, conf) = (Side::Ours.bridge(), network());
    let (a, b) = (node.pod("a"), node.pod("b"));
    let kept = bridge.added(&conf, &a);
    let before = lasting(node.snapshot());
    bridge.added(&conf, &b);
    b.destroy();
    node.await_pairs(1);
    gc(&with_key(&conf, KEY, Value::Null)).ok();
    before.assert_same(&lasting(node.snapshot()), "a dead pod and GC");
    bridge.check(&conf, &kept, &a).ok();
}

fn other_networks_stay(node: &Node) {
    let bridge = Side::Ours.bridge();
    let other = merged(
        &network(),
        &json!({
            "name": "net2", "bridge": "cni1",
            "ipam": { "ranges": [[{ "subnet": "10.99.0.0/16" }], [{ "subnet": "fd00:99::/64" }]] }
        }),
    );
    let (a, b) = (node.pod("a"), node.pod("b"));
    let kept = bridge.added(&other, &a);
    bridge.added(&network(), &b);
    gc(&with_key(&network(), KEY, json!([]))).ok();
    assert_eq!(leases::taken("net1"), Vec::<String>::new());
    assert_eq!(leases::taken("net2").len(), 2);
    bridge.check(&other, &kept, &a).ok();
}

fn cursor_and_lock_are_no_leases(node: &Node) {
    let (bridge, conf) = (Side::Ours.bridge(), masquerade_plain());
    let a = node.pod("a");
    bridge.added(&conf, &a);
    gc(&with_key(&conf, KEY, json!([]))).ok();
    let files = node.snapshot();
    assert!(
        files.has("networks/net1/lock") && files.has("networks/net1/last_reserved_ip.0"),
        "{:#?}",
        files.0["files"]
    );
    // Round robin goes on.
    let next = bridge.added(&conf, &node.pod("b"));
    assert_eq!(addresses(&next), ["10.88.0.3"]);
}

fn masquerade_plain() -> Value {
    masquerade()
}

fn old_leases_without_interface(node: &Node) {
    let plugin = Side::Ours.host_local();
    let conf = crate::confs::host_local(&json!({ "subnet": "10.88.0.0/24" }));
    plugin.added(&conf, &node.pod("z"));
    for (address, text) in
        [("10.88.0.50", "old-alive"), ("10.88.0.51", "old-dead"), ("10.88.0.52", "a\r\neth0")]
    {
        fs::write(leases::lease("net1", address), text).unwrap();
    }
    let list = json!([attachment("old-alive", "eth0"), attachment("a", "eth0")]);
    plugin.call("GC", &with_key(&conf, KEY, list)).run().ok();
    assert_eq!(leases::taken("net1"), ["10.88.0.50", "10.88.0.52"]);
}

fn bad_lists_are_refused_and_nothing_goes(node: &Node) {
    let (bridge, conf) = (Side::Ours.bridge(), network());
    bridge.added(&conf, &node.pod("a"));
    let before = node.snapshot();
    for list in [
        json!("none"),
        json!({}),
        json!([5]),
        json!([{ "containerID": "../a", "ifname": "eth0" }]),
        json!([{ "containerID": "a" }]),
        json!([{ "containerID": 7, "ifname": "eth0" }]),
    ] {
        let error = gc(&with_key(&conf, KEY, list.clone())).failed();
        assert!(matches!(error.code, 4 | 6 | 7), "{list}: {error:?}");
        before.assert_same(&node.snapshot(), &format!("GC with {list}"));
    }
}

fn the_delegated_plugin_is_asked(node: &Node) {
    let (bridge, conf) = (Side::Ours.bridge(), network());
    let seen = fake_ipam(node, "exit 0");
    bridge
        .call("GC", &with_key(&fake_conf(), KEY, json!([])))
        .env("CNI_PATH", "/run/work/plugins")
        .run()
        .ok();
    let text = fs::read_to_string(seen).unwrap();
    assert!(text.contains("GC") && text.contains(KEY), "{text}");
    let _ = conf;
}

fn an_ipam_that_fails_does_not_stop_it(node: &Node) {
    let bridge = Side::Ours.bridge();
    let conf = network();
    let a = node.pod("a");
    bridge.added(&conf, &a);
    fake_ipam(node, r#"echo '{"cniVersion": "1.1.0", "code": 142, "msg": "not today"}'; exit 1"#);
    let conf = merged(&fake_conf(), &json!({ KEY: [], "macspoofchk": true }));
    let error = bridge.call("GC", &conf).env("CNI_PATH", "/run/work/plugins").run().failed();
    assert!(error.msg.contains("not today") || error.details.contains("not today"), "{error:?}");
    node.kernel().assert_none(&["link veth", "nft element"]);
}

fn fake_conf() -> Value {
    json!({ "cniVersion": "1.1.0", "name": "net1", "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true,
            "ipam": { "type": "fake" } })
}

/// A plugin that notes verb and stdin, then runs `script`. Gives the note's path.
fn fake_ipam(_: &Node, script: &str) -> &'static str {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir_all("/run/work/plugins").unwrap();
    let text = format!("#!/bin/sh\n(echo $CNI_COMMAND; cat) >/run/work/seen\n{script}\n");
    fs::write("/run/work/plugins/fake", text).unwrap();
    fs::set_permissions("/run/work/plugins/fake", fs::Permissions::from_mode(0o755)).unwrap();
    "/run/work/seen"
}

fn layer2_network(node: &Node) {
    let (bridge, conf) = (Side::Ours.bridge(), layer2());
    let (a, b) = (node.pod("a"), node.pod("b"));
    let kept = bridge.added(&conf, &a);
    let before = lasting(node.snapshot());
    bridge.added(&conf, &b);
    gc(&with_key(&conf, KEY, json!([attachment("a", "eth0")]))).ok();
    before.assert_same(&lasting(node.snapshot()), "GC");
    bridge.check(&conf, &kept, &a).ok();
}

fn host_local_alone(node: &Node) {
    let plugin = Side::Ours.host_local();
    let conf = crate::confs::host_local(
        &json!({ "ranges": [[{ "subnet": "10.88.0.0/24" }], [{ "subnet": "fd00::/64" }]] }),
    );
    for name in ["a", "b", "c"] {
        plugin.added(&conf, &node.pod(name));
    }
    plugin.call("GC", &conf).run().ok();
    assert_eq!(leases::taken("net1").len(), 6, "without a list");
    plugin.call("GC", &with_key(&conf, KEY, json!([attachment("b", "eth0")]))).run().ok();
    assert_eq!(leases::taken("net1"), ["10.88.0.3", "fd00::3"]);
    plugin.call("GC", &with_key(&conf, KEY, json!([]))).run().ok();
    assert_eq!(leases::taken("net1"), Vec::<String>::new());
    // A network that never was.
    plugin.call("GC", &merged(&conf, &json!({ "name": "net9", KEY: [] }))).run().ok();
}
