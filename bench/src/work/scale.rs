//! The next pod on a node that has hundreds, up to what a bridge can hold.

use super::Bench;
use super::throughput::all;
use crate::attachment::{Attachment, Verb, prepare_floor};
use crate::error::{Error, Result};
use crate::netns::{Netns, links};
use crate::network::Network;
use crate::process::settle;
use crate::record::{Unit, Who};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const ALL: [Who; 3] = [Who::Trestle, Who::Reference, Who::Floor];
/// Pods on the node; the first is the one that makes the bridge.
const LEVELS: [u64; 5] = [1, 100, 250, 500, 1_000];
const VERBS: [(&str, Verb); 4] = [
    ("next-add", Verb::Add),
    ("next-check", Verb::Check),
    ("next-del", Verb::Del),
    ("next-del-again", Verb::DelAgain),
];
/// What a bridge can hold: `BR_MAX_PORTS` of the kernel's net/bridge/br_private.h is 1024, and port 0 is none.
const PORTS: usize = 1_023;
/// Links of the node besides its pods: the loopback and the bridge.
const OWN: usize = 2;

/// Measures the next pod at each level, tries one more than there is room for, and takes all away.
pub fn measure(bench: &mut Bench) -> Result<()> {
    let node = Netns::create("scale")?;
    let tools = bench.tools;
    let networks = Networks::new();
    let levels = if bench.quick { &LEVELS[..2] } else { &LEVELS[..] };
    let count = levels.last().map_or(0, |most| if bench.quick { *most } else { PORTS as u64 });
    let mut netns = Vec::new();
    for number in 0..count {
        if number.is_multiple_of(50) {
            bench.progress.at(&format!("making namespaces: {number} of {count}"));
        }
        netns.push(Netns::create(&format!("scale-{number}"))?);
    }
    let next: Vec<Netns> =
        ALL.iter().map(|w| Netns::create(&format!("next-{}", w.title()))).collect::<Result<_>>()?;
    let attach = |who, pod, number| {
        let network = networks.of(who);
        Attachment { who, tools, node: &node, network, pod, number, previous: None }
    };
    let pods: Vec<_> =
        (10_u16..).zip(&netns).map(|(n, pod)| Mutex::new(attach(Who::Trestle, pod, n))).collect();
    let mut nexts: Vec<_> = ALL.iter().zip(&next).map(|(who, pod)| attach(*who, pod, 2)).collect();
    let mut on = 0;
    for level in levels {
        let until = usize::try_from(*level).unwrap_or(usize::MAX).min(pods.len());
        bench.progress.at(&format!("up to {level} pods"));
        all(pods.get(on..until).unwrap_or_default(), Verb::Add, 20)?;
        if on == 0 {
            prepare_floor_beside(&node, networks.of(Who::Floor))?;
        }
        on = until;
        at_level(bench, *level, &mut nexts);
    }
    if !bench.quick {
        on = to_the_limit(bench, &node, &pods, on, &mut nexts)?;
    }
    bench.progress.at(&format!("taking {on} pods away"));
    let time = all(pods.get(..on).unwrap_or_default(), Verb::Del, 20)?;
    node.enter()?;
    let left = links()?.saturating_sub(OWN);
    let seen = format!("{on} pods deleted in {:.1} s, {left} left", time.as_secs_f64());
    bench.record.fact("a full node drains without a trace", left == 0, seen);
    if on > 500 {
        let rate = f64::from(u32::try_from(on).unwrap_or(u32::MAX)) / time.as_secs_f64();
        bench.record.add("drain", Some(on as u64), Who::Trestle, Unit::PerSecond, rate);
    }
    settle();
    Ok(())
}

/// Each program's network: one bridge for all, whose ports are ours; addresses and leases of its own for each.
struct Networks([(Who, Network); 3]);

impl Networks {
    fn new() -> Self {
        let of = |who: Who, first| {
            let data = Path::new("/run/bench").join(format!("scale-{}", who.title()));
            let network = Network { first, ..Network::new("scale", 93, &data).masqueraded(None) };
            (who, network)
        };
        Self([of(Who::Trestle, 0), of(Who::Reference, 64), of(Who::Floor, 128)])
    }

    fn of(&self, who: Who) -> &Network {
        let Self([first, rest @ ..]) = self;
        rest.iter().find(|(whose, _)| *whose == who).map_or(&first.1, |(_, network)| network)
    }
}

/// The floor's set and rule, on the bridge that is there.
fn prepare_floor_beside(node: &Netns, network: &Network) -> Result<()> {
    let aside = Network { bridge: "br-aside".to_owned(), ..network.clone() };
    prepare_floor(node, &aside)?;
    crate::process::tool("ip", &["link", "del", "br-aside"], "")
}

fn at_level(bench: &mut Bench, level: u64, nexts: &mut [Attachment]) {
    if level > 1 {
        bench.progress.at(&format!("waiting until {level} pods are silent"));
        wait_for_silence();
    }
    let mut pace = bench.pace(5);
    for next in nexts.iter_mut() {
        if let Err(error) = next.run(Verb::Add).and_then(|_| next.run(Verb::Del)) {
            for (work, _) in VERBS {
                bench.failed(work, next.who, &error);
            }
        }
        settle();
    }
    for repetition in 0.. {
        let turn = pace.turn(repetition, &ALL);
        if turn.is_empty() {
            return;
        }
        let (done, wanted) = (repetition + 1, bench.repetitions);
        bench.progress.at(&format!("the next after {level} pods, repetition {done} of {wanted}"));
        for who in turn {
            let begin = Instant::now();
            let Some(next) = nexts.iter_mut().find(|next| next.who == who) else { continue };
            for (work, verb) in VERBS {
                bench.sample(work, Some(level), next, verb);
                if matches!(verb, Verb::Del | Verb::DelAgain) {
                    settle();
                }
            }
            pace.spent(who, begin);
        }
    }
}

/// New pods ask for routers and report their groups for some 12 seconds (RFC 4861, RFC 3810), and each such packet is
/// copied to every port: hundreds of pods made at once keep the processors busy with that.
fn wait_for_silence() {
    /// Packets in a second that are no storm.
    const FEW: u64 = 500;
    let received = || -> u64 {
        let text = std::fs::read_to_string("/proc/net/softnet_stat").unwrap_or_default();
        let first = |line: &str| u64::from_str_radix(line.split(' ').next()?, 16).ok();
        text.lines().filter_map(first).sum()
    };
    let begin = Instant::now();
    let mut before = received();
    while begin.elapsed() < Duration::from_secs(15) {
        std::thread::sleep(Duration::from_secs(1));
        let now = received();
        if now.wrapping_sub(before) < FEW && begin.elapsed() > Duration::from_secs(5) {
            return;
        }
        before = now;
    }
}

/// Fills the bridge; one more must fail in words that say why, and leave nothing. Returns how many pods there are.
fn to_the_limit(
    bench: &mut Bench,
    node: &Netns,
    pods: &[Mutex<Attachment>],
    on: usize,
    nexts: &mut [Attachment],
) -> Result<usize> {
    bench.progress.at("filling the bridge");
    all(pods.get(on..).unwrap_or_default(), Verb::Add, 20)?;
    node.enter()?;
    let before = links()?;
    let next = nexts.iter_mut().find(|next| next.who == Who::Trestle).ok_or(Error("nobody".to_owned()))?;
    let outcome = next.call(Verb::Add).run()?;
    let said: serde_json::Value = serde_json::from_slice(&outcome.stdout).unwrap_or_default();
    let message = said.get("msg").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let details = said.get("details").and_then(serde_json::Value::as_str).unwrap_or_default();
    let code = said.get("code").and_then(serde_json::Value::as_u64).unwrap_or_default();
    let explained = format!("{message} {details}").contains("port");
    let clean = links()? == before;
    let kept = if clean { "nothing left" } else { "links left behind" };
    let seen = format!("{}: code {code}, {message:?}, {kept}", outcome.status);
    let holds = !outcome.status.success() && code != 0 && explained && clean;
    bench.record.fact("the pod beyond 1,023 ports fails clearly", holds, seen);
    Ok(pods.len())
}
