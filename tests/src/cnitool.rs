//! cnitool v1.3.0: every verb, chains, and every configuration that the project ships.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::confs::{dual, merged, plain};
use crate::harness::packets::{PATIENCE, receive};
use crate::harness::{Node, Side, Snapshot, Test, leases, on_node, output};

const CONF_DIR: &str = "/run/work/net.d";

pub fn tests() -> Vec<Test> {
    let mut tests = crate::node_tests![
        every_verb_of_a_list_of_one,
        chain_with_tuning_portmap_and_firewall,
        gc_deletes_what_is_cached,
        status_fails_with_our_reason,
        check_after_drift_names_the_line
    ];
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../conf"));
    let mut files: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "conflist"));
    files.sort();
    for path in files {
        let name = path.file_stem().unwrap().to_string_lossy().replace(['-', '.'], "_");
        let text = fs::read_to_string(&path).unwrap();
        let needs_vlan = ["\"vlan\"", "\"vlanTrunk\""].iter().any(|key| text.contains(key));
        let trial = Test::new(format!("shipped::{name}"), move || on_node(|node| shipped(node, &path)));
        tests.push(if needs_vlan { trial.vlan_filtering(true) } else { trial });
    }
    tests
}

/// Puts a list of plugins where cnitool looks.
fn install(plugins: &[Value]) {
    let mut first = plugins[0].clone();
    let top = first.as_object_mut().unwrap();
    let (name, version) = (top.remove("name").unwrap(), top.remove("cniVersion").unwrap());
    let list: Vec<Value> = std::iter::once(first).chain(plugins[1..].iter().cloned()).collect();
    write(&json!({ "name": name, "cniVersion": version, "plugins": list }));
}

fn write(list: &Value) {
    fs::create_dir_all(CONF_DIR).unwrap();
    fs::write(format!("{CONF_DIR}/10-net.conflist"), list.to_string()).unwrap();
}

/// Runs `cnitool VERB NETWORK NETNS`; gives success, stdout and stderr.
fn cnitool(verb: &str, network: &str, netns: &str, more: &[(&str, &str)]) -> (bool, String, String) {
    let mut command = Command::new(Side::Theirs.folder().join("cnitool"));
    command.args([verb, network, netns]).env("CNI_PATH", Side::Ours.cni_path()).env("NETCONFPATH", CONF_DIR);
    command.envs(more.iter().copied());
    let output = output(&mut command, b"", &format!("cnitool {verb}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

/// The same, and it must succeed.
#[track_caller]
fn good(verb: &str, network: &str, netns: &str) -> String {
    let (ok, stdout, stderr) = cnitool(verb, network, netns, &[]);
    assert!(ok, "cnitool {verb} {network} failed: {stderr}{stdout}");
    stdout
}

/// What must be as before: kernel and leases.
fn state(node: &Node) -> Snapshot {
    node.snapshot().without_cursors()
}

fn every_verb_of_a_list_of_one(node: &Node) {
    install(&[dual()]);
    let (a, b) = (node.pod("a"), node.pod("b"));
    good("add", "net1", b.netns());
    let before = state(node);
    good("status", "net1", a.netns());
    let result: Value = serde_json::from_str(&good("add", "net1", a.netns())).unwrap();
    assert_eq!(result["cniVersion"], "1.1.0");
    good("check", "net1", a.netns());
    good("del", "net1", a.netns());
    good("del", "net1", a.netns());
    before.assert_same(&state(node), "cnitool add and del");
    good("gc", "net1", b.netns());
    assert_eq!(leases::taken("net1"), Vec::<String>::new());
    node.kernel().assert_none(&["link veth"]);
}

fn chain_with_tuning_portmap_and_firewall(node: &Node) {
    let outside = node.outside();
    install(&[
        merged(&plain(), &json!({ "isDefaultGateway": true, "ipMasq": true, "ipam": { "routes": [] } })),
        json!({ "type": "tuning", "sysctl": { "net.ipv4.conf.eth0.arp_filter": "1" } }),
        json!({ "type": "portmap", "capabilities": { "portMappings": true }, "snat": true }),
        json!({ "type": "firewall", "backend": "iptables" }),
    ]);
    let pod = node.pod("a");
    let socket = pod.udp("10.88.0.2");
    let port = socket.local_addr().unwrap().port();
    let ports =
        format!(r#"{{"portMappings": [{{"hostPort": 8080, "containerPort": {port}, "protocol": "udp"}}]}}"#);
    let with_ports = [("CAP_ARGS", ports.as_str())];
    let (ok, _, stderr) = cnitool("add", "net1", pod.netns(), &with_ports);
    assert!(ok, "{stderr}");
    // A host outside reaches the pod through the node's port.
    let target = std::net::SocketAddr::new("192.0.2.1".parse().unwrap(), 8080);
    outside.udp("192.0.2.1").send_to(b"hello", target).unwrap();
    let (text, _) = receive(&socket, PATIENCE).expect("through the mapped port");
    assert_eq!(text, b"hello");
    let (ok, _, stderr) = cnitool("check", "net1", pod.netns(), &with_ports);
    assert!(ok, "CHECK of the chain: {stderr}");
    let (ok, _, stderr) = cnitool("del", "net1", pod.netns(), &with_ports);
    assert!(ok, "{stderr}");
    node.kernel().assert_none(&["10.88.0.2"]);
}

/// libcni deletes what it has cached, then calls GC.
fn gc_deletes_what_is_cached(node: &Node) {
    install(&[merged(&dual(), &json!({ "macspoofchk": true }))]);
    let pods = [node.pod("a"), node.pod("b"), node.pod("c")];
    pods.iter().for_each(|pod| drop(good("add", "net1", pod.netns())));
    // One whose cache was lost with the runtime's disk.
    node.sh("rm /var/lib/cni/results/*c-eth0 2>/dev/null || rm -f $(ls -t /var/lib/cni/results/* | head -1)");
    // cnitool hands no list on, so of the forgotten one only what is dead goes.
    pods[2].destroy();
    node.await_pairs(2);
    good("gc", "net1", pods[0].netns());
    assert_eq!(leases::taken("net1"), Vec::<String>::new());
    node.kernel().assert_none(&["link veth", "nft element"]);
}

fn status_fails_with_our_reason(node: &Node) {
    install(&[merged(&plain(), &json!({ "ipam": { "subnet": "10.88.0.0/30" } }))]);
    let (a, b) = (node.pod("a"), node.pod("b"));
    good("add", "net1", a.netns());
    let (ok, _, stderr) = cnitool("status", "net1", a.netns(), &[]);
    assert!(!ok && stderr.contains("10.88.0.1-10.88.0.2"), "{stderr}");
    let (ok, _, stderr) = cnitool("add", "net1", b.netns(), &[]);
    assert!(!ok && stderr.contains("10.88.0.1-10.88.0.2"), "{stderr}");
}

fn check_after_drift_names_the_line(node: &Node) {
    install(&[plain()]);
    let pod = node.pod("a");
    good("add", "net1", pod.netns());
    pod.ip("route del default");
    let (ok, _, stderr) = cnitool("check", "net1", pod.netns(), &[]);
    assert!(!ok && stderr.contains("container route add default via 10.88.0.1 dev eth0"), "{stderr}");
}

/// ADD, CHECK, DEL of a configuration in conf/.
fn shipped(node: &Node, path: &Path) {
    let list: Value = serde_json::from_str(&fs::read_to_string(path).unwrap())
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    write(&list);
    let network = list["name"].as_str().unwrap();
    let (first, second) = (node.pod("a"), node.pod("b"));
    good("add", network, first.netns());
    // What a chain did inside the second pod goes with that pod.
    let state = |node: &Node| {
        let mut state = state(node);
        state.0.remove("pod b");
        state
    };
    let before = state(node);
    good("add", network, second.netns());
    if list["cniVersion"].as_str().unwrap() >= "0.4.0" {
        good("check", network, first.netns());
        good("check", network, second.netns());
    }
    if list["cniVersion"] == "1.1.0" {
        good("status", network, first.netns());
    }
    good("del", network, second.netns());
    before.assert_same(&state(node), "add and del");
    good("del", network, first.netns());
}
