//! What is on a node, one line for each thing, read without any code of the plugins.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::node::{Node, Pod};

/// The things on a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State(pub BTreeSet<String>);

/// Files that belong to the network, not to an attachment.
const SHARED_FILES: [&str; 4] = ["lock", "last_reserved_ip.", ".index", ".boot"];

impl State {
    /// Everything: links, rules, files, and the links in the pods.
    pub fn of(_: &Node, pods: &[&Pod]) -> Self {
        let mut lines = BTreeSet::new();
        lines.extend(links().into_iter().map(|name| format!("link {name}")));
        for pod in pods.iter().filter(|pod| pod.lives()) {
            lines.extend(pod.enter(links).into_iter().map(|name| format!("link {name} in {}", pod.id)));
        }
        rules(&mut lines);
        files(Path::new("/var/lib"), &mut lines);
        files(Path::new("/run"), &mut lines);
        State(lines)
    }

    /// Without what a network shares and may keep: the bridge and its own port, base tables, chains, sets
    /// and rules of a network, the lock, the cursors, the index, and directories.
    #[must_use]
    pub fn owned(&self) -> Self {
        State(self.0.iter().filter(|line| !is_shared(line)).cloned().collect())
    }

    /// What is here and not in `other`.
    pub fn beyond(&self, other: &State) -> Vec<String> {
        self.0.difference(&other.0).cloned().collect()
    }
}

/// Names of the links of the thread's namespace.
pub fn links() -> Vec<String> {
    let text = fs::read_to_string("/proc/thread-self/net/dev").expect("/proc/thread-self/net/dev");
    text.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect()
}

fn is_shared(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["link", "lo" | "cni0"] | ["link", "lo", "in", _] | ["nft-table" | "nft-set" | "dir", ..] => true,
        // The reference makes chains for each port.
        ["nft-chain", .., name] => !name.starts_with("cni-br-iface-"),
        // Ours has one rule for each network; the reference one or more for each pod.
        ["nft-rule", _, table, chain, ..] => {
            *table == "trestle" || (*table == "cni_plugins_masquerade" && *chain == "postrouting")
        }
        ["file", path, ..] => {
            let name = path.rsplit('/').next().unwrap_or_default();
            path.contains("/networks/") && SHARED_FILES.iter().any(|shared| name.starts_with(shared))
        }
        _ => false,
    }
}

fn rules(lines: &mut BTreeSet<String>) {
    let output = Command::new("nft").args(["-j", "list", "ruleset"]).output().expect("nft");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    for object in json["nftables"].as_array().into_iter().flatten() {
        let Some((kind, it)) = object.as_object().and_then(|o| o.iter().next()) else { continue };
        let text = |key: &str| it[key].as_str().unwrap_or("-").to_owned();
        let (family, table, name) = (text("family"), text("table"), text("name"));
        match kind.as_str() {
            "table" => lines.extend([format!("nft-table {family} {name}")]),
            "chain" => lines.extend([format!("nft-chain {family} {table} {name}")]),
            "rule" => {
                let (chain, comment) = (text("chain"), text("comment"));
                lines.extend([format!("nft-rule {family} {table} {chain} {comment} {}", it["expr"])]);
            }
            "set" | "map" => {
                lines.insert(format!("nft-set {family} {table} {name}"));
                for element in it["elem"].as_array().into_iter().flatten() {
                    lines.insert(format!("nft-element {family} {table} {name} {element}"));
                }
            }
            _ => {}
        }
    }
}

fn files(path: &Path, lines: &mut BTreeSet<String>) {
    if path.starts_with("/run/netns") || path.starts_with("/run/work") {
        return;
    }
    let Ok(meta) = fs::symlink_metadata(path) else { return };
    let shown = path.display();
    if meta.is_dir() {
        lines.insert(format!("dir {shown}"));
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            files(&entry.path(), lines);
        }
    } else {
        let bytes = fs::read(path).unwrap_or_default();
        let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
        lines.insert(format!("file {shown} {}", text.map_or("binary".into(), |text| format!("{text:?}"))));
    }
}
