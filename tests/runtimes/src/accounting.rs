//! Every address and every rule of a node, accounted for: what is there, and whose it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::command::wait_for;
use crate::node::Node;

/// How long links may take to go after their namespace.
const SETTLE: Duration = Duration::from_secs(5);

/// What attachments have made on a node. Shared things (bridge, tables, chains, sets) are not in it.
#[derive(Debug, Default, Clone)]
pub struct Account {
    /// Address to owner, as host-local writes it down: container ID and interface.
    pub leases: BTreeMap<String, String>,
    /// The node's ends of veth pairs.
    pub links: BTreeSet<String>,
    /// Elements and rules that masquerade one pod's address.
    pub masquerade: Vec<String>,
    /// Elements and rules that let one pod's hardware address pass.
    pub spoof: Vec<String>,
    /// Rules that map a port to one pod.
    pub ports: Vec<String>,
    /// Network namespaces that pods have, or had.
    pub netns: BTreeSet<String>,
}

impl Account {
    pub fn take(node: &Node) -> Account {
        let mut account = Account { leases: leases(node), ..Account::default() };
        for link in json(&node.sh("ip -j link show type veth")).as_array().into_iter().flatten() {
            let name = link["ifname"].as_str().unwrap_or_default();
            // Runtimes and both sides name them so; what a test made itself has another name.
            if name.starts_with("veth") {
                account.links.insert(name.to_owned());
            }
        }
        account.netfilter(&json(&node.sh("nft -j list ruleset")));
        account.iptables(&node.sh("iptables-save 2>/dev/null; ip6tables-save 2>/dev/null"));
        let netns = node.sh("cd /run/netns && ls");
        account.netns = netns.lines().filter(|name| *name != "outside").map(str::to_owned).collect();
        account
    }

    fn netfilter(&mut self, ruleset: &Value) {
        for object in ruleset["nftables"].as_array().into_iter().flatten() {
            let Some((kind, body)) = object.as_object().and_then(|o| o.iter().next()) else { continue };
            let (family, table) =
                (body["family"].as_str().unwrap_or_default(), body["table"].as_str().unwrap_or_default());
            match (kind.as_str(), family, table) {
                ("set" | "map", _, "trestle") => {
                    let to = if family == "bridge" { &mut self.spoof } else { &mut self.masquerade };
                    to.extend(body["elem"].as_array().into_iter().flatten().map(|e| shown(&e.to_string())));
                }
                ("rule", _, "cni_plugins_masquerade") if body["chain"] == "masq_checks" => {
                    self.masquerade.push(shown(&body.to_string()));
                }
                ("rule", "bridge", "nat") => self.spoof.push(shown(&body.to_string())),
                ("rule", _, "cni_hostport") if body.to_string().contains("dnat") => {
                    self.ports.push(shown(&body.to_string()));
                }
                _ => {}
            }
        }
    }

    /// The chains of one pod: `CNI-` and a hash for masquerade, `CNI-DN-` and a hash for ports.
    fn iptables(&mut self, saved: &str) {
        for line in saved.lines() {
            if line.starts_with(":CNI-DN-") {
                self.ports.push(line.to_owned());
            } else if line.starts_with(":CNI-") && !line.starts_with(":CNI-HOSTPORT") {
                self.masquerade.push(line.to_owned());
            }
        }
    }

    /// How many of each there are, those first that must be equal.
    fn counts(&self) -> [usize; 6] {
        [
            self.leases.len(),
            self.links.len(),
            self.masquerade.len(),
            self.spoof.len(),
            self.ports.len(),
            self.netns.len(),
        ]
    }

    /// One line per thing.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.leases.iter().map(|(address, owner)| format!("lease {address} of {owner}")).collect();
        lines.extend(self.links.iter().map(|name| format!("link {name}")));
        lines.extend(self.masquerade.iter().map(|text| format!("masquerade {text}")));
        lines.extend(self.spoof.iter().map(|text| format!("spoof check {text}")));
        lines.extend(self.ports.iter().map(|text| format!("port {text}")));
        lines.extend(self.netns.iter().map(|name| format!("namespace {name}")));
        lines
    }

    /// In one line.
    pub fn summary(&self) -> String {
        let [leases, links, masquerade, spoof, ports, netns] = self.counts();
        format!(
            "{leases} leases, {links} links, {masquerade} masqueraded, {spoof} spoof checks, {ports} port rules, {netns} namespaces"
        )
    }
}

/// Leases of all networks; a zero-byte file is a lease too.
fn leases(node: &Node) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for network in fs::read_dir(node.dir.join("var/cni/networks")).into_iter().flatten().flatten() {
        for file in fs::read_dir(network.path()).into_iter().flatten().flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            if name.parse::<IpAddr>().is_ok() {
                found.insert(name, owner(&file.path()));
            }
        }
    }
    found
}

fn owner(lease: &Path) -> String {
    fs::read_to_string(lease).unwrap_or_default().replace("\r\n", " ")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text.trim()).unwrap_or_default()
}

/// Long texts are cut: the beginning says which it is.
fn shown(text: &str) -> String {
    text.chars().take(200).collect()
}

/// Waits until nothing of any pod is left, and returns what still is.
pub fn left(node: &Node) -> Vec<String> {
    let mut last = Vec::new();
    let _ = wait_for(SETTLE, || {
        last = Account::take(node).lines();
        last.is_empty().then_some(())
    });
    last
}

/// Fails unless every pod here has what it needs once: `addresses` of all of them are different and leased,
/// nothing else is leased, and there is one link per pod.
#[track_caller]
pub fn assert_whole(node: &Node, addresses: &[Vec<String>]) -> Account {
    let all: Vec<&String> = addresses.iter().flatten().collect();
    let different: BTreeSet<&String> = all.iter().copied().collect();
    assert_eq!(different.len(), all.len(), "an address was given twice: {all:?}");
    let account = Account::take(node);
    let leased: BTreeSet<&String> = account.leases.keys().collect();
    assert_eq!(leased, different, "leases (left) and addresses of pods (right)");
    assert_eq!(
        account.links.len(),
        addresses.len(),
        "links of {} pods: {:?}",
        addresses.len(),
        account.links
    );
    assert_eq!(account.masquerade.len(), all.len(), "masqueraded: {:#?}", account.masquerade);
    account
}
