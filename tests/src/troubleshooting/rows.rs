//! Each message of the page, and how one comes to see it.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;

use nix::fcntl::{Flock, FlockArg};
use serde_json::{Value, json};

use crate::confs::merged;
use crate::harness::{Node, Side, WORK_DIR};

use super::{conf, conf_with};

/// A message of the page.
pub struct Row {
    pub name: &'static str,
    /// How it begins; no other message does.
    pub begins: &'static str,
    /// Makes a plugin say it.
    pub provoke: fn(&Node) -> String,
    /// Only a kernel without VLAN filtering says it.
    pub without_vlan: bool,
}

pub fn rows() -> Vec<Row> {
    let row = |name, begins, provoke| Row { name, begins, provoke, without_vlan: false };
    let mut rows = vec![
        row("exhausted", "failed to allocate for range 0: no IP addresses", exhausted),
        row("exhausted_status", "an ADD would fail: no IP addresses", exhausted_status),
        row("interface_there", "eth0 already exists", |node| {
            let pod = node.pod("a");
            Side::Ours.bridge().added(&conf(), &pod);
            Side::Ours.bridge().add(&conf(), &pod).failed().code(102).msg
        }),
        row("link_of_an_earlier_add", "the node still has", |node| {
            Side::Ours.bridge().added(&conf(), &node.pod("a"));
            let again = node.pod("b").with_id("a");
            Side::Ours.bridge().add(&conf(), &again).failed().code(102).msg
        }),
        row("lease_there", "failed to allocate for range 0: 10.88.0.2 has been allocated", |node| {
            let pod = node.pod("a");
            Side::Ours.host_local().added(&conf(), &pod);
            Side::Ours.host_local().add(&conf(), &pod).failed().code(102).msg
        }),
        row("address_taken", "failed to allocate for range 0: requested IP address", |node| {
            Side::Ours.host_local().added(&conf(), &node.pod("a"));
            let wish = conf_with(&json!({ "args": { "cni": { "ips": ["10.88.0.2"] } } }));
            Side::Ours.host_local().add(&wish, &node.pod("b")).failed().code(102).msg
        }),
        row("other_address_on_the_bridge", "cannot host addr add", |node| {
            node.ip("link add cni0 type bridge");
            node.ip("addr add 10.1.0.1/24 dev cni0");
            Side::Ours.bridge().add(&conf(), &node.pod("a")).failed().code(102).msg
        }),
        row("bridge_is_no_bridge", "\"bridge\" is \"cni0\"", |node| {
            node.ip("link add cni0 type veth peer name other");
            Side::Ours.bridge().add(&conf(), &node.pod("a")).failed().code(102);
            status(&conf()).code(50).msg
        }),
        row("ipam_plugin_missing", "the IPAM plugin \"nobody\"", |node| {
            let conf = conf_with(&json!({ "ipam": { "type": "nobody" } }));
            Side::Ours.bridge().add(&conf, &node.pod("a")).failed().code(4).msg
        }),
        row("program_renamed", "this program is called", |node| {
            let mut plugin = Side::Ours.bridge();
            let renamed = std::path::Path::new(WORK_DIR).join("trestle2");
            fs::copy(&plugin.program, &renamed).unwrap();
            plugin.program = renamed;
            plugin.add(&conf(), &node.pod("a")).failed().code(4).msg
        }),
        row("version_unknown", "incompatible CNI versions", |node| {
            let conf = conf_with(&json!({ "cniVersion": "1.2.0" }));
            Side::Ours.bridge().add(&conf, &node.pod("a")).failed().code(1).msg
        }),
        row("version_without_status", "cniVersion 1.0.0 does not have STATUS", |_| {
            status(&conf_with(&json!({ "cniVersion": "1.0.0" }))).code(1).msg
        }),
        row("netns_gone", "invalid CNI_NETNS \"/run/netns/gone\"", |node| {
            let call = Side::Ours.bridge().attach("ADD", &conf(), &node.pod("a"));
            call.env("CNI_NETNS", "/run/netns/gone").run().failed().code(4).msg
        }),
        row("netns_of_the_node", "invalid CNI_NETNS \"/proc/self/ns/net\"", |node| {
            let call = Side::Ours.bridge().attach("ADD", &conf(), &node.pod("a"));
            call.env("CNI_NETNS", "/proc/self/ns/net").run().failed().code(4).msg
        }),
        row("lock_held", "the lock", lock_held),
        row("ipam_plugin_hangs", "the IPAM plugin /opt/cni/bin/slow", |node| {
            let call = ipam_plugin(node, "slow", "case $CNI_COMMAND in ADD) exec sleep 1000;; esac");
            call.env("CNI_PLUGIN_TIMEOUT", "1").run().failed().code(11).msg
        }),
        row("ipam_plugin_breaks_off", "the answer of the IPAM plugin", |node| {
            let call = ipam_plugin(node, "broken", "case $CNI_COMMAND in ADD) exit 3;; esac");
            call.run().failed().code(103).msg
        }),
        row("read_only_disk", "cannot make the directory", |node| {
            node.sh("mkdir -p /var/lib/cni/networks; mount -t tmpfs -o ro tmpfs /var/lib/cni/networks");
            Side::Ours.bridge().add(&conf(), &node.pod("a")).failed().code(5).msg
        }),
        row("no_net_admin", "cannot container link add", no_net_admin),
        row("no_iptables", "\"ipMasqBackend\" is \"iptables\"", |_| {
            let conf = conf_with(&json!({ "ipMasq": true, "ipMasqBackend": "iptables" }));
            Side::Ours.bridge().call("STATUS", &conf).env("PATH", "/nowhere").run().failed().code(50).msg
        }),
        row("route_to_nowhere", "cannot container route add", |node| {
            let routes = json!([{ "dst": "10.5.0.0/16", "gw": "192.0.2.1" }]);
            let conf = conf_with(&json!({ "ipam": { "routes": routes } }));
            Side::Ours.bridge().add(&conf, &node.pod("a")).failed().code(101).msg
        }),
        row("slip_of_the_pen", "unknown key \"ipMask\"", |_| {
            status(&conf_with(&json!({ "ipMask": true, "ipam": { "type": "nobody" } }))).code(50).details
        }),
    ];
    rows.extend(drifts());
    let provoke = |node: &Node| {
        let conf = conf_with(&json!({ "bridge": "brv", "vlan": 100 }));
        Side::Ours.bridge().add(&conf, &node.pod("a")).failed().code(101).msg
    };
    rows.push(Row { without_vlan: true, ..row("no_vlan_filtering", "cannot host link add brv", provoke) });
    rows
}

fn drifts() -> [Row; 4] {
    let row = |name, begins, provoke| Row { name, begins, provoke, without_vlan: false };
    [
        row("forwarding_off", "drift: host sysctl", |node| {
            drift(node, &json!({}), |_| node.set_sysctl("net/ipv4/ip_forward", "0"))
        }),
        row("rules_flushed", "drift: host masquerade", |node| {
            drift(node, &json!({ "ipMasq": true }), |_| drop(node.sh("nft flush ruleset")))
        }),
        row("gateway_gone", "drift: host addr add", |node| {
            drift(node, &json!({}), |_| drop(node.ip("addr del 10.88.0.1/29 dev cni0")))
        }),
        row("route_gone", "drift: container route add", |node| {
            drift(node, &json!({ "isDefaultGateway": true }), |pod| drop(pod.ip("route del default")))
        }),
    ]
}

/// What CHECK says once something was broken.
fn drift(node: &Node, keys: &Value, broken: impl FnOnce(&crate::harness::Pod)) -> String {
    let (bridge, pod) = (Side::Ours.bridge(), node.pod("a"));
    let conf = merged(&conf(), keys);
    let result = bridge.added(&conf, &pod);
    bridge.check(&conf, &result, &pod).ok();
    broken(&pod);
    bridge.check(&conf, &result, &pod).failed().code(100).msg
}

fn status(conf: &Value) -> crate::harness::CniError {
    Side::Ours.bridge().call("STATUS", conf).run().failed()
}

/// Five pods, as many as the network has addresses.
fn full(node: &Node) {
    for name in ["h1", "h2", "h3", "h4", "h5"] {
        Side::Ours.bridge().added(&conf(), &node.pod(name));
    }
}

fn exhausted(node: &Node) -> String {
    full(node);
    let error = Side::Ours.bridge().add(&conf(), &node.pod("h6")).failed().code(104);
    // The page says that the holders are in the details.
    assert!(["h1", "h2", "h3", "h4", "h5"].iter().all(|name| error.details.contains(name)), "{error:?}");
    error.msg
}

fn exhausted_status(node: &Node) -> String {
    full(node);
    status(&conf()).code(50).msg
}

fn lock_held(node: &Node) -> String {
    Side::Ours.bridge().added(&conf(), &node.pod("a"));
    let file = File::open("/var/lib/cni/networks/net1/lock").unwrap();
    let _held = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, e)| e).unwrap();
    let call = Side::Ours.bridge().attach("ADD", &conf(), &node.pod("b"));
    call.env("CNI_LOCK_TIMEOUT", "0.2").run().failed().code(11).msg
}

/// An ADD whose IPAM plugin is a script.
fn ipam_plugin(node: &Node, name: &str, script: &str) -> crate::harness::Call {
    let conf = conf_with(&json!({ "ipam": { "type": name } }));
    script_at(name, script);
    Side::Ours.bridge().attach("ADD", &conf, &node.pod("a")).env("CNI_PATH", &format!("{WORK_DIR}/plugins"))
}

fn script_at(name: &str, script: &str) -> std::path::PathBuf {
    let folder = std::path::Path::new(WORK_DIR).join("plugins");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// The bridge is there, so the first thing that needs the right is the pod's link.
fn no_net_admin(node: &Node) -> String {
    let mut plugin = Side::Ours.bridge();
    plugin.added(&conf(), &node.pod("a"));
    let rights = "setpriv --bounding-set=-net_admin --inh-caps=-net_admin";
    plugin.program = script_at("bridge", &format!("exec {rights} {}", plugin.program.display()));
    plugin.add(&conf(), &node.pod("b")).failed().code(101).msg
}
