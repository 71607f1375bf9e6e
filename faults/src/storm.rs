//! Many calls at once, against a model that knows which attachment has which addresses.

mod random;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::call::Answer;
use crate::network::{NAME, Network, Way};
use crate::node::{Node, Pod};
use crate::state::State;

pub use random::{Tally, random};

/// What a storm of ADDs, and then of DELs, was like.
#[derive(Clone, Debug, Default)]
pub struct Wave {
    /// Calls in each direction.
    pub calls: usize,
    /// From the first ADD's start to the last one's end.
    pub adds: Duration,
    /// The same of the DELs.
    pub dels: Duration,
    /// Promises broken.
    pub findings: Vec<String>,
}

/// Runs `work` for all of them at once, and gives what it returned in their order.
pub fn at_once<A: Sync, T: Send>(items: &[A], work: impl Fn(usize, &A) -> T + Sync) -> Vec<T> {
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            items.iter().enumerate().map(|(i, item)| scope.spawn(move || work(i, item))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|p| std::panic::resume_unwind(p)))
            .collect()
    })
}

/// `count` ADDs at once, then as many DELs. With several networks, which are one network served by different
/// plugins, pod i is added by plugin i and removed by the next one.
pub fn wave(node: &Node, networks: &[Network], count: usize) -> Wave {
    let first = &networks[0];
    // host-local does not look into namespaces.
    let shared = (first.plugin == "host-local").then(|| node.pod("shared"));
    let pod = |i: usize| match &shared {
        Some(pod) => pod.with_id(&format!("pod{i}")),
        None => node.pod(&format!("pod{i}")),
    };
    let pods: Vec<Pod> = (0..count).map(pod).collect();
    let before = state(node, &pods);
    let mut wave = Wave { calls: count, ..Wave::default() };
    let start = Instant::now();
    let answers = at_once(&pods, |i, pod| networks[i % networks.len()].add(pod).run());
    wave.adds = start.elapsed();
    judge(&answers, &pods, &mut wave.findings);
    let start = Instant::now();
    let answers = at_once(&pods, |i, pod| networks[(i + 1) % networks.len()].del(pod, Way::There).run());
    wave.dels = start.elapsed();
    let failed = answers.iter().filter(|answer| !answer.succeeded());
    wave.findings.extend(failed.map(|answer| format!("DEL: {answer}")));
    let after = state(node, &pods);
    let (left, lost) = (after.beyond(&before), before.beyond(&after));
    if !left.is_empty() || !lost.is_empty() {
        wave.findings.push(format!("left {left:?}, lost {lost:?}"));
    }
    wave
}

fn state(node: &Node, pods: &[Pod]) -> State {
    let pods: Vec<&Pod> = pods.iter().collect();
    State::of(node, if pods.len() > 1 && pods[0].path == pods[1].path { &[] } else { &pods }).owned()
}

/// Each ADD has addresses of its own, with a lease that names it, and no other lease is there.
fn judge(answers: &[Answer], pods: &[Pod], findings: &mut Vec<String>) {
    let mut holders: BTreeMap<String, String> = BTreeMap::new();
    for (answer, pod) in answers.iter().zip(pods) {
        if !answer.succeeded() {
            findings.push(format!("ADD of {}: {answer}", pod.id));
        }
        for address in answer.addresses() {
            if let Some(other) = holders.insert(address.clone(), pod.id.clone()) {
                findings.push(format!("{address} was given to {other} and to {}", pod.id));
            }
        }
    }
    let leases = leases();
    if leases != holders {
        let told: BTreeSet<_> = holders.iter().collect();
        let kept: BTreeSet<_> = leases.iter().collect();
        findings.push(format!(
            "leases without an answer {:?}, answers without a lease {:?}",
            kept.difference(&told).collect::<Vec<_>>(),
            told.difference(&kept).collect::<Vec<_>>()
        ));
    }
}

/// Addresses that are leased, and the container ID of each.
pub fn leases() -> BTreeMap<String, String> {
    let dir = Path::new("/var/lib/cni/networks").join(NAME);
    let mut leases = BTreeMap::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if name.parse::<std::net::IpAddr>().is_ok() {
            let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
            leases.insert(name, text.lines().next().unwrap_or_default().to_owned());
        }
    }
    leases
}

impl std::fmt::Display for Wave {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rate = |time: Duration| f64::from(u32::try_from(self.calls).unwrap()) / time.as_secs_f64();
        write!(
            f,
            "{} ADDs at once: {:.0} per second; as many DELs: {:.0} per second; {} findings",
            self.calls,
            rate(self.adds),
            rate(self.dels),
            self.findings.len()
        )?;
        self.findings.iter().take(10).try_for_each(|finding| write!(f, "\n  {finding}"))
    }
}
