//! What a sweep found.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Write};
use std::time::Duration;

use super::{Case, Finding, Kind, Ran, Verb};
use crate::trace::Fault;

/// Findings that are printed in full.
const SHOWN: usize = 20;

/// Numbers of one row.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Runs in which the fault was put.
    pub runs: usize,
    /// Different system calls by position.
    pub points: BTreeSet<usize>,
    /// Runs whose call succeeded all the same.
    pub succeeded: usize,
    /// Runs that ended by a signal of their own.
    pub died: usize,
    /// Runs with a finding, by kind.
    pub broken: BTreeMap<Kind, usize>,
}

/// All rows.
#[derive(Debug, Default)]
pub struct Report {
    /// By network, verb, and whether the fault was a kill.
    pub rows: BTreeMap<(&'static str, Verb, bool), Row>,
    /// Where, and what.
    pub findings: Vec<(String, Finding)>,
    /// Findings are printed on stderr as they come.
    pub aloud: bool,
    /// Duration of the sweep.
    pub time: Duration,
}

impl Report {
    /// Takes the outcome of one run; those whose fault was never reached do not count.
    pub fn add(&mut self, case: &Case, fault: Fault, at: usize, ran: &Ran) {
        if ran.hit.is_none() && ran.findings.is_empty() {
            return;
        }
        let is_kill = !matches!(fault, Fault::Error(_));
        let row = self.rows.entry((case.network, case.verb, is_kill)).or_default();
        row.runs += 1;
        row.points.insert(at);
        row.succeeded += usize::from(ran.succeeded);
        row.died += usize::from(ran.died);
        let kinds: BTreeSet<Kind> = ran.findings.iter().map(|finding| finding.kind).collect();
        for kind in kinds {
            *row.broken.entry(kind).or_default() += 1;
        }
        let place = format!(
            "{case}; {fault} at system call {at}{}",
            ran.hit.map(|number| format!(" (number {number})")).unwrap_or_default()
        );
        if self.aloud {
            for Finding { kind, text } in &ran.findings {
                eprintln!("{kind:?}: {place}\n    {text}");
            }
        }
        self.findings.extend(ran.findings.iter().map(|finding| (place.clone(), finding.clone())));
    }

    /// Runs with a fault.
    pub fn runs(&self) -> usize {
        self.rows.values().map(|row| row.runs).sum()
    }

    /// Runs with a finding of this kind.
    pub fn broken(&self, kind: Kind) -> usize {
        self.rows.values().filter_map(|row| row.broken.get(&kind)).sum()
    }

    /// One line on stderr, again and again.
    pub fn progress(&self, done: usize, all: usize, time: Duration) {
        if !std::io::stderr().is_terminal() && !done.is_multiple_of(25) && done != all {
            return;
        }
        let (runs, findings) = (self.runs(), self.findings.len());
        let end = if std::io::stderr().is_terminal() { '\r' } else { '\n' };
        let _ = write!(
            std::io::stderr(),
            "{done} of {all} pieces, {runs} runs, {findings} findings, {} s   {end}",
            time.as_secs()
        );
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "network     verb  fault   points    runs  succeeded  died    left    lost  failed  untrue"
        )?;
        for ((network, verb, is_kill), row) in &self.rows {
            let fault = if *is_kill { "kill" } else { "error" };
            let count = |kind| row.broken.get(&kind).copied().unwrap_or(0);
            writeln!(
                f,
                "{network:<11} {:<5} {fault:<6} {:>7} {:>7} {:>10} {:>5} {:>7} {:>7} {:>7} {:>7}",
                format!("{verb:?}").to_uppercase(),
                row.points.len(),
                row.runs,
                row.succeeded,
                row.died,
                count(Kind::Left),
                count(Kind::Lost),
                count(Kind::Failed),
                count(Kind::Untrue)
            )?;
        }
        for (place, finding) in self.findings.iter().take(SHOWN) {
            writeln!(f, "{:?}: {place}\n    {}", finding.kind, finding.text)?;
        }
        if self.findings.len() > SHOWN {
            writeln!(f, "and {} more findings", self.findings.len() - SHOWN)?;
        }
        write!(f, "{} runs in {} s, {} findings", self.runs(), self.time.as_secs(), self.findings.len())
    }
}
