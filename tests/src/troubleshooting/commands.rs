//! The commands of the page: each indented block is run on a node like the one that the page speaks of.

use std::fs;

use serde_json::json;

use crate::confs::{NETWORK, host_link};
use crate::harness::{Node, Side, WORK_DIR, leases, on_node};

use super::{conf_with, page};

/// Lines that need a cluster, a runtime or a module of the kernel; another test may stand for them.
const NOT_HERE: [&str; 4] = ["kubectl ", "crictl ", "modprobe ", "net.bridge."];

/// Indented blocks outside of fences, without the lines that cannot be run here.
fn scripts() -> Vec<String> {
    let mut scripts = vec![String::new()];
    let mut in_code = false;
    for line in page().lines() {
        in_code ^= line.starts_with("```");
        match line.strip_prefix("    ").filter(|_| !in_code) {
            Some(command) => {
                // What follows in the same line may need what is not here.
                let parts: Vec<_> =
                    command.split("; ").filter(|part| !NOT_HERE.iter().any(|n| part.contains(n))).collect();
                scripts.last_mut().unwrap().push_str(&(parts.join("; ") + "\n"));
            }
            None => scripts.push(String::new()),
        }
    }
    scripts.retain(|script| !script.trim().is_empty());
    scripts
}

pub fn all() {
    let scripts = scripts();
    assert!(scripts.len() >= 12, "blocks are missing: {scripts:#?}");
    for script in scripts {
        on_node(|node| run(node, &script));
    }
}

/// The pod `h1` of the page, the names of the page put in, and the block run.
fn run(node: &Node, script: &str) {
    let pod = node.pod("h1");
    let conf = conf_with(&json!({ "ipMasq": true, "macspoofchk": true, "hairpinMode": true }));
    let log = format!("{WORK_DIR}/cni.log");
    let call = Side::Ours.bridge().attach("ADD", &conf, &pod).env("CNI_LOG_FILE", &log);
    let veth = host_link(&call.run().ok().json());
    let mut plugin = conf.clone();
    let keys = plugin.as_object_mut().unwrap();
    let (name, version) = (keys.remove("name").unwrap(), keys.remove("cniVersion").unwrap());
    let list = json!({ "name": name, "cniVersion": version, "plugins": [plugin] });
    let folder = format!("{WORK_DIR}/net.d");
    fs::create_dir_all(&folder).unwrap();
    fs::write(format!("{folder}/10-net1.conflist"), list.to_string()).unwrap();
    if script.contains("ip addr del 10.1.0.1/24") {
        node.ip("addr add 10.1.0.1/24 dev cni0");
    }
    if script.contains("ip addr add 10.88.0.1/29") {
        node.ip("addr del 10.88.0.1/29 dev cni0");
    }
    let script = script
        .replace("/opt/cni/bin", &Side::Ours.folder().display().to_string())
        .replace("/etc/cni/net.d", &folder)
        .replace("/tmp/cni.log", &log)
        .replace("veth650be30f470", &veth)
        .replace("27855", &std::process::id().to_string());
    let said = node.sh(&format!(
        "export NETCONFPATH={folder} PATH=\"$PATH:{}\" CNI_IFNAME=eth0\n{script}",
        Side::Theirs.folder().display()
    ));
    let quiet =
        ["ip addr ", "ip neigh ", "CNI_COMMAND=", "cnitool status"].iter().any(|word| script.contains(word));
    assert!(quiet || !said.trim().is_empty(), "says nothing: {script}");
    // What a block makes it removes; what it does not mean to touch stays.
    let pods = if script.contains("CNI_COMMAND=DEL") { vec![] } else { vec!["10.88.0.2".to_owned()] };
    assert_eq!(leases::taken(NETWORK), pods, "{script}");
    assert_eq!(node.pairs(), pods.len(), "{script}");
}
