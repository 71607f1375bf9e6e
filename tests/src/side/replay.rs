//! Runs a case through one side and writes down everything that can be compared.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Mask, Node, Output, Plugin, Pod, Side, Snapshot, on_node, with_previous};

use super::case::{Case, Step};

/// The answers and states of a case on a node of its own, masked.
pub fn run(case: &Case, side: Side) -> Snapshot {
    on_node(|node| {
        let mut replay = Replay {
            node,
            plugin: side.plugin(case.plugin),
            conf: case.conf.clone(),
            raw: case.raw,
            pods: BTreeMap::new(),
            mask: Mask::default(),
            record: Snapshot::default(),
        };
        for (number, step) in case.steps.iter().enumerate() {
            replay.step(number + 1, step);
        }
        replay.record
    })
}

struct Replay<'a> {
    node: &'a Node,
    plugin: Plugin,
    conf: Value,
    raw: Option<&'static str>,
    /// Pods, and the result of the last ADD.
    pods: BTreeMap<&'static str, (Pod, Option<Value>)>,
    mask: Mask,
    record: Snapshot,
}

impl Replay<'_> {
    fn step(&mut self, number: usize, step: &Step) {
        let label = |what: &str, pod: &str| format!("{number:02} {what} {pod}");
        match step {
            Step::Add(name) => self.add(&label("ADD", name), name, "eth0", ""),
            Step::AddArgs(name, args) => self.add(&label("ADD", name), name, "eth0", args),
            Step::AddIf(name, ifname) => self.add(&label("ADD", name), name, ifname, ""),
            Step::Check(name) => {
                let (pod, previous) = self.pods[name].clone();
                let conf = previous.map_or_else(|| self.conf.clone(), |p| with_previous(&self.conf, &p));
                let output = self.plugin.attach("CHECK", &conf, &pod).run();
                self.answer(&label("CHECK", name), &output);
            }
            Step::Del(name) => {
                let (pod, previous) = self.pod(name);
                let conf = previous.map_or_else(|| self.conf.clone(), |p| with_previous(&self.conf, &p));
                let output = self.plugin.attach("DEL", &conf, &pod).run();
                self.answer(&label("DEL", name), &output);
            }
            Step::DelBare(name) => {
                let (pod, _) = self.pod(name);
                let output = self.plugin.attach("DEL", &self.conf, &pod).env("CNI_NETNS", "").run();
                self.answer(&label("DEL", name), &output);
            }
            Step::Verb(verb) => {
                let output = self.plugin.call(verb, &self.conf).run();
                self.answer(&label(verb, ""), &output);
            }
            Step::Conf(conf) => self.conf = conf.clone(),
            Step::Host(command) => drop(self.node.sh(command)),
            Step::Destroy(name) => {
                let pairs = self.node.pairs();
                self.pod(name).0.destroy();
                self.node.await_pairs(pairs - 1);
            }
            Step::State => {
                self.settle();
                let state = self.mask.snapshot(&self.node.snapshot());
                let places =
                    state.0.into_iter().map(|(place, facts)| (format!("{number:02} {place}"), facts));
                self.record.0.extend(places);
            }
        }
    }

    /// Carrier and link-local addresses follow by themselves, a moment later.
    fn settle(&self) {
        let _ = self.node;
        std::thread::sleep(Duration::from_millis(60));
    }

    fn pod(&mut self, name: &'static str) -> (Pod, Option<Value>) {
        let node = self.node;
        self.pods.entry(name).or_insert_with(|| (node.pod(name), None)).clone()
    }

    fn add(&mut self, label: &str, name: &'static str, ifname: &str, args: &str) {
        let (pod, _) = self.pod(name);
        let mut call = self.plugin.attach("ADD", &self.conf, &pod.with_ifname(ifname)).env("CNI_ARGS", args);
        if let Some(raw) = self.raw {
            call = call.stdin(raw);
        }
        let output = call.run();
        self.answer(label, &output);
        if output.code == Some(0) {
            self.pods.insert(name, (pod.with_ifname(ifname), Some(output.json())));
        }
    }

    /// Names the MACs by whose they are: the pair's first, the bridge's apart.
    fn know_macs(&mut self, result: &Value) {
        let links = result["interfaces"].as_array().into_iter().flatten();
        let (ports, bridges): (Vec<_>, Vec<_>) = links.partition(|l| {
            l["sandbox"].is_string() || l["name"].as_str().unwrap_or_default().starts_with("veth")
        });
        for (kind, links) in [("mac", ports), ("bridge-mac", bridges)] {
            links.iter().filter_map(|l| l["mac"].as_str()).for_each(|mac| self.mask.know(kind, mac));
        }
    }

    fn answer(&mut self, label: &str, output: &Output) {
        let mut facts = vec![format!("exit {}", if output.code == Some(0) { "0" } else { "failed" })];
        if output.stdout.trim().is_empty() {
            facts.push("nothing printed".to_owned());
        } else {
            let prefix = if output.code == Some(0) { "result" } else { "error" };
            self.know_macs(&output.json());
            flatten(prefix, &output.json(), &mut facts);
        }
        let facts = facts.iter().map(|fact| self.mask.text(fact)).collect();
        self.record.0.insert(label.trim().to_owned(), facts);
    }
}

/// One fact per value, with its path.
fn flatten(path: &str, value: &Value, facts: &mut Vec<String>) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            entries.iter().for_each(|(key, value)| flatten(&format!("{path} {key}"), value, facts));
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(i, value)| flatten(&format!("{path} {i}"), value, facts));
        }
        other => facts.push(format!("{path} {other}")),
    }
}
