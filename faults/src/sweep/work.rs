//! Many runs in parallel, each worker on nodes of its own.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{Bench, Case, Report, cases};
use crate::chance::Chance;
use crate::network::Network;
use crate::node::on_node;
use crate::trace::Fault;

/// What to sweep.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of the plugins.
    pub bin: PathBuf,
    /// Names of networks.
    pub networks: Vec<&'static str>,
    /// Workers at once.
    pub jobs: usize,
    /// So many runs, chosen by chance, instead of all.
    pub sample: Option<usize>,
    /// Of the sample.
    pub seed: u64,
    /// No new run is begun after this.
    pub time: Option<Duration>,
    /// Print how far it is.
    pub progress: bool,
}

impl Options {
    /// A sample of all networks.
    pub fn sample(bin: PathBuf, count: usize, seed: u64) -> Self {
        let networks = Network::ALL.to_vec();
        Options { bin, networks, jobs: 6, sample: Some(count), seed, time: None, progress: false }
    }
}

/// A piece of work for one node: a case, a fault, and the system calls to put it at.
struct Piece {
    case: Case,
    fault: Fault,
    points: Points,
}

enum Points {
    /// From this number on to the end, in steps.
    All { first: usize, step: usize },
    /// So many, chosen by chance.
    Some { count: usize, seed: u64 },
}

/// Nodes are made anew after so many runs, so that no worker waits long for the last pieces.
const STRIPES: usize = 4;

fn pieces(options: &Options) -> Vec<Piece> {
    let all: Vec<_> = options.networks.iter().flat_map(|name| cases(name, &options.bin)).collect();
    let mut chance = Chance::new(options.seed);
    let Some(count) = options.sample else {
        let stripes = |(case, fault): (Case, Fault)| {
            (0..STRIPES).map(move |i| Piece {
                case: case.clone(),
                fault,
                points: Points::All { first: i + 1, step: STRIPES },
            })
        };
        let mut pieces: Vec<Piece> = all.into_iter().flat_map(stripes).collect();
        chance.shuffle(&mut pieces);
        return pieces;
    };
    // A node serves a few points, because making it costs as much as a run.
    let each = if count > 4 * all.len() { count / all.len() } else { 4 };
    let mut pieces = Vec::new();
    while pieces.len() * each < count {
        let (case, fault) = chance.pick(&all).clone();
        pieces.push(Piece { case, fault, points: Points::Some { count: each, seed: chance.number() } });
    }
    pieces
}

/// Sweeps.
pub fn run(options: &Options) -> Report {
    let pieces = pieces(options);
    let start = Instant::now();
    let next = AtomicUsize::new(0);
    let report = Mutex::new(Report { aloud: options.progress, ..Report::default() });
    let is_over = || options.time.is_some_and(|time| start.elapsed() > time);
    std::thread::scope(|scope| {
        let worker = || {
            while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
                if is_over() {
                    break;
                }
                work_off(piece, &report, &is_over);
                if options.progress {
                    let done = next.load(Ordering::Relaxed).min(pieces.len());
                    report.lock().unwrap().progress(done, pieces.len(), start.elapsed());
                }
            }
        };
        for _ in 0..options.jobs {
            scope.spawn(worker);
        }
    });
    let mut report = report.into_inner().unwrap();
    report.time = start.elapsed();
    report
}

fn work_off(piece: &Piece, report: &Mutex<Report>, is_over: &(dyn Fn() -> bool + Sync)) {
    let Piece { case, fault, points } = piece;
    // A run that finds something spoils the node for the next one.
    let mut todo = None;
    loop {
        let rest = on_node(|node| {
            let mut bench = Bench::new(node, case);
            let mut todo = todo.take().unwrap_or_else(|| list(points, &mut bench));
            while let Some(at) = todo.pop() {
                if is_over() {
                    return None;
                }
                let ran = bench.run(*fault, at);
                let is_beyond = ran.hit.is_none();
                let is_clean = ran.findings.is_empty();
                report.lock().unwrap().add(case, *fault, at, &ran);
                if is_beyond && matches!(points, Points::All { .. }) {
                    return None;
                }
                if !is_clean {
                    return Some(todo);
                }
            }
            None
        });
        match rest {
            Some(rest) => todo = Some(rest),
            None => return,
        }
    }
}

/// The numbers of the system calls, last one first.
fn list(points: &Points, bench: &mut Bench<'_>) -> Vec<usize> {
    match *points {
        // Far beyond any call: the first number that is never reached ends it.
        Points::All { first, step } => {
            (first..100_000).step_by(step).collect::<Vec<_>>().into_iter().rev().collect()
        }
        Points::Some { count, seed } => {
            let calls = bench.run(Fault::None, usize::MAX).calls.max(1);
            let mut chance = Chance::new(seed);
            (0..count).map(|_| chance.below(calls) + 1).collect()
        }
    }
}
