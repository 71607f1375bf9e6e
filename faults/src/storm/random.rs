//! ADD, CHECK, DEL, GC and kills at random, many in flight, against a model.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::call::{Answer, Call};
use crate::chance::Chance;
use crate::network::{Network, Way};
use crate::node::{Node, Pod};
use crate::state::State;

use super::leases;

/// How many calls of each kind were made, and what was found.
#[derive(Debug, Default)]
pub struct Tally {
    /// By kind.
    pub calls: BTreeMap<&'static str, usize>,
    /// Promises broken.
    pub findings: Vec<String>,
}

/// What must be true: which attachment has which addresses.
#[derive(Default)]
struct Model {
    holders: Mutex<BTreeMap<String, String>>,
    tally: Mutex<Tally>,
    /// A GC with a list has the network for itself, as the specification promises it.
    runtime: RwLock<()>,
}

/// One pod after another in one namespace.
struct Slot<'m> {
    model: &'m Model,
    network: &'m Network,
    pod: Pod,
    chance: Chance,
    count: usize,
    /// The living attachment's result.
    result: Option<Value>,
}

/// Runs for `time` with `in_flight` workers, then removes everything and compares.
pub fn random(node: &Node, network: &Network, in_flight: usize, time: Duration, seed: u64) -> Tally {
    let model = Model::default();
    let mut chance = Chance::new(seed);
    let pods: Vec<Pod> = (0..in_flight).map(|i| node.pod(&format!("slot{i}"))).collect();
    let all: Vec<&Pod> = pods.iter().collect();
    let before = State::of(node, &all).owned();
    let end = Instant::now() + time;
    let working = AtomicUsize::new(in_flight);
    std::thread::scope(|scope| {
        for pod in &pods {
            let chance = Chance::new(chance.number());
            let mut slot = Slot { model: &model, network, pod: pod.clone(), chance, count: 0, result: None };
            let working = &working;
            scope.spawn(move || {
                while Instant::now() < end {
                    slot.step();
                }
                slot.remove();
                working.fetch_sub(1, Ordering::Relaxed);
            });
        }
        while working.load(Ordering::Relaxed) > 0 {
            model.collect(network);
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let after = State::of(node, &all).owned();
    let mut tally = model.tally.into_inner().unwrap();
    let (left, lost) = (after.beyond(&before), before.beyond(&after));
    if !left.is_empty() || !lost.is_empty() {
        tally.findings.push(format!("at the end: left {left:?}, lost {lost:?}"));
    }
    tally
}

impl Model {
    fn note(&self, what: &'static str) {
        *self.tally.lock().unwrap().calls.entry(what).or_default() += 1;
    }

    fn find(&self, text: String) {
        self.tally.lock().unwrap().findings.push(text);
    }

    /// GC with the list of the living, alone; then the leases are exactly theirs.
    fn collect(&self, network: &Network) {
        let _alone = self.runtime.write().unwrap();
        let holders = self.holders.lock().unwrap().clone();
        let list: Vec<Value> =
            holders.values().map(|id| json!({ "containerID": id, "ifname": "eth0" })).collect();
        self.note("GC");
        let conf = network.with("cni.dev/valid-attachments", Value::Array(list));
        let answer = Call::new(&network.bin, network.plugin, "GC", &conf).run();
        if !answer.succeeded() {
            self.find(format!("GC: {answer}"));
        }
        let leases = leases();
        if leases != holders {
            self.find(format!("after GC: leases {leases:?}, living {holders:?}"));
        }
    }
}

impl Slot<'_> {
    fn step(&mut self) {
        let _one_of_many = self.model.runtime.read().unwrap();
        let dice = self.chance.below(100);
        match (&self.result, dice) {
            (None, 0..60) => self.add(),
            (None, 60..75) => self.killed_add(),
            (None, 75..85) => self.overtaken_add(),
            (None, 85..92) => self.del("DEL of nothing"),
            (None, _) => self.collect_the_dead(),
            (Some(_), 0..40) => self.check(),
            (Some(_), 40..80) => self.forget_and_del(),
            (Some(_), _) => self.killed_del(),
        }
    }

    fn delay(&mut self) -> Duration {
        Duration::from_micros(self.chance.number() % 12_000)
    }

    fn new_id(&mut self) {
        self.count += 1;
        let slot = self.pod.path.file_name().unwrap().to_str().unwrap().to_owned();
        self.pod.id = format!("{slot}-{}", self.count);
    }

    fn add(&mut self) {
        self.new_id();
        self.model.note("ADD");
        let answer = self.network.add(&self.pod).run();
        if answer.succeeded() {
            self.has(&answer);
        } else {
            self.model.find(format!("ADD of {}: {answer}", self.pod.id));
            self.del("DEL after a failed ADD");
        }
    }

    fn has(&mut self, answer: &Answer) {
        for address in answer.addresses() {
            let before = self.model.holders.lock().unwrap().insert(address.clone(), self.pod.id.clone());
            if let Some(other) = before {
                self.model.find(format!("{address} of {other} was given to {}", self.pod.id));
            }
        }
        self.result = answer.json();
    }

    fn killed_add(&mut self) {
        self.new_id();
        self.model.note("ADD killed");
        self.network.add(&self.pod).run_and_kill(self.delay());
        self.del("DEL after a killed ADD");
    }

    /// The runtime gave up on ADD and sends DEL, but ADD still runs; then the next DEL, as kubelet sends it.
    fn overtaken_add(&mut self) {
        self.new_id();
        self.model.note("ADD overtaken by DEL");
        let delay = self.delay();
        let (network, pod) = (self.network, self.pod.clone());
        std::thread::scope(|scope| {
            let add = scope.spawn(|| network.add(&pod).run());
            std::thread::sleep(delay);
            self.del("DEL that overtakes");
            drop(add.join());
        });
        self.del("DEL after the overtaken ADD");
    }

    fn check(&mut self) {
        self.model.note("CHECK");
        let answer = self.network.check(&self.pod, self.result.as_ref().unwrap()).run();
        if !answer.succeeded() {
            self.model.find(format!("CHECK of {}: {answer}", self.pod.id));
        }
    }

    fn forget(&mut self) {
        self.result = None;
        self.model.holders.lock().unwrap().retain(|_, id| *id != self.pod.id);
    }

    fn forget_and_del(&mut self) {
        self.forget();
        self.del("DEL");
    }

    fn killed_del(&mut self) {
        self.forget();
        self.model.note("DEL killed");
        self.network.del(&self.pod, Way::There).run_and_kill(self.delay());
        self.del("DEL after a killed DEL");
    }

    fn del(&mut self, what: &'static str) {
        self.model.note(what);
        let way = if self.chance.below(3) == 0 { Way::Empty } else { Way::There };
        let answer = self.network.del(&self.pod, way).run();
        if !answer.succeeded() {
            self.model.find(format!("{what} of {}: {answer}", self.pod.id));
        }
    }

    /// GC without a list may come at any time, and takes nothing from the living.
    fn collect_the_dead(&mut self) {
        self.model.note("GC without a list");
        let conf = self.network.with("cni.dev/valid-attachments", Value::Null);
        let answer = Call::new(&self.network.bin, self.network.plugin, "GC", &conf).run();
        if !answer.succeeded() {
            self.model.find(format!("GC without a list: {answer}"));
        }
    }

    fn remove(&mut self) {
        if self.result.is_some() {
            self.forget_and_del();
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let calls: Vec<String> = self.calls.iter().map(|(what, count)| format!("{count} {what}")).collect();
        let all: usize = self.calls.values().sum();
        write!(f, "{all} calls ({}); {} findings", calls.join(", "), self.findings.len())?;
        self.findings.iter().take(10).try_for_each(|finding| write!(f, "\n  {finding}"))
    }
}
