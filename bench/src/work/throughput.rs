//! A hundred pods, many in flight: what a node does when it starts or drains.

use super::Bench;
use crate::attachment::{Attachment, Verb, expect_links, prepare_floor};
use crate::error::{Error, Result};
use crate::netns::Netns;
use crate::network::Network;
use crate::process::{precedence, settle};
use crate::record::{Unit, Who};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const ALL: [Who; 3] = [Who::Trestle, Who::Reference, Who::Floor];
/// Pods in flight; the target is at 20, so that has most repetitions.
const IN_FLIGHT: [u64; 5] = [20, 1, 5, 50, 100];
const PODS: usize = 100;

/// Measures pods per second, ADD and DEL, for several numbers in flight.
pub fn measure(bench: &mut Bench) -> Result<()> {
    let count = if bench.quick { 40 } else { PODS };
    let netns: Vec<Netns> = (0..count).map(|n| Netns::create(&format!("many-{n}"))).collect::<Result<_>>()?;
    let stays: Vec<Netns> =
        ALL.iter().map(|w| Netns::create(&format!("stays-{}", w.title()))).collect::<Result<_>>()?;
    let mut sites = Vec::new();
    for who in ALL {
        let data = Path::new("/run/bench").join(format!("throughput-{}", who.title()));
        let node = Netns::create(&format!("throughput-{}", who.title()))?;
        sites.push((who, node, Network::new("many", 91, &data).masqueraded(None)));
    }
    for ((who, node, network), pod) in sites.iter().zip(&stays) {
        if *who == Who::Floor {
            prepare_floor(node, network)?;
        }
        let (who, tools) = (*who, bench.tools);
        let first =
            Attachment { who, tools, node, network, pod, number: 1000, previous: None }.run(Verb::Add);
        if let Err(error) = first {
            bench.failed("throughput-add", who, &error);
            bench.failed("throughput-del", who, &error);
        }
    }
    for in_flight in IN_FLIGHT {
        let mut pace = bench.pace(if in_flight == 20 { 36 } else { 3 });
        (pace.wanted, pace.least) = match (in_flight, bench.quick) {
            (20, false) => (10, 5),
            (_, false) => (3, 1),
            _ => (1, 1),
        };
        for repetition in 0.. {
            let turn = pace.turn(repetition, &ALL);
            if turn.is_empty() {
                break;
            }
            for who in turn {
                bench.progress.at(&format!("{} with {in_flight} in flight, {}", who.title(), repetition + 1));
                let begin = Instant::now();
                if let Some((_, node, network)) = sites.iter().find(|(w, _, _)| *w == who) {
                    round(bench, who, node, network, &netns, in_flight);
                }
                pace.spent(who, begin);
            }
        }
    }
    Ok(())
}

/// All pods on, all pods off.
fn round(bench: &mut Bench, who: Who, node: &Netns, network: &Network, netns: &[Netns], in_flight: u64) {
    let tools = bench.tools;
    let mut pods: Vec<_> = (0_u16..)
        .zip(netns)
        .map(|(number, pod)| {
            Mutex::new(Attachment { who, tools, node, network, pod, number, previous: None })
        })
        .collect();
    for (work, verb) in [("throughput-add", Verb::Add), ("throughput-del", Verb::Del)] {
        if bench.record.has_failed(work, who) {
            return;
        }
        match all(&pods, verb, in_flight) {
            Ok(time) => {
                let rate = f64::from(u32::try_from(pods.len()).unwrap_or(u32::MAX)) / time.as_secs_f64();
                bench.record.add(work, Some(in_flight), who, Unit::PerSecond, rate);
            }
            Err(error) => bench.failed(work, who, &error),
        }
        // The node's loopback, bridge and first pod; and all the others, or none of them.
        let left =
            node.enter().and_then(|()| expect_links(if verb == Verb::Add { pods.len() + 3 } else { 3 }));
        if let Err(error) = left {
            bench.failed(work, who, &error);
        }
    }
    pods.clear();
    settle();
}

/// What is too long for any of this: then something is wrong, and the run must not hang in it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs a verb for all pods, so many at a time, and says how long it took.
pub fn all(pods: &[Mutex<Attachment>], verb: Verb, in_flight: u64) -> Result<Duration> {
    let next = AtomicUsize::new(0);
    let begin = Instant::now();
    let worker = || -> Result<()> {
        // Many at once compete with each other and with the kernel's own threads, as on a real node.
        precedence(false);
        while let Some(pod) = pods.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut pod = pod.lock().map_err(|_| Error("another thread panicked".to_owned()))?;
            pod.run(verb)?;
            if begin.elapsed() > PATIENCE {
                let done = next.load(Ordering::Relaxed).min(pods.len());
                let (verb, all) = (verb.title(), pods.len());
                return Err(Error(format!("{verb} of {done} of {all} pods took more than {PATIENCE:?}")));
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..in_flight).map(|_| scope.spawn(worker)).collect();
        let ends = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        // The first failure is told; the others were joined.
        ends.collect::<Vec<_>>()
            .into_iter()
            .try_for_each(|end| end.unwrap_or_else(|_| Err(Error("panic".to_owned()))))
    })?;
    Ok(begin.elapsed())
}
