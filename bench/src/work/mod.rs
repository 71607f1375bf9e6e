//! What is measured, part by part. Every part makes its own nodes and pods and leaves none.
//!
//! Within a part the programs take turns within each repetition, and the turn that begins changes, so that whatever
//! the machine does meanwhile happens to all of them.

mod footprint;
mod foreign;
mod leases;
mod scale;
mod throughput;
mod verbs;

use crate::attachment::{Attachment, Verb};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::record::{Record, Unit, Who};
use crate::tools::Tools;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The parts, in the order in which they run: those that leave the kernel much to clean up come last.
pub const PARTS: [&str; 6] = ["verbs", "throughput", "leases", "footprint", "foreign", "scale"];

/// What every part needs.
pub struct Bench<'a> {
    /// The programs.
    pub tools: &'a Tools,
    /// Where samples go.
    pub record: &'a mut Record,
    /// Where the person looks.
    pub progress: &'a mut Progress,
    /// Repetitions of each measurement.
    pub repetitions: usize,
    /// Less of everything.
    pub quick: bool,
}

impl Bench<'_> {
    /// Runs one part.
    pub fn part(&mut self, name: &str) -> Result<()> {
        match name {
            "verbs" => verbs::measure(self),
            "throughput" => throughput::measure(self),
            "leases" => leases::measure(self),
            "footprint" => footprint::measure(self),
            "foreign" => foreign::measure(self),
            "scale" => scale::measure(self),
            other => Err(Error(format!("no part {other:?}; there are: {}", PARTS.join(" ")))),
        }
    }

    /// Runs a verb and notes its time; a program that fails is not asked for that work again. Says whether it went
    /// well.
    fn sample(&mut self, work: &str, x: Option<u64>, pod: &mut Attachment, verb: Verb) -> bool {
        if self.record.has_failed(work, pod.who) {
            return false;
        }
        match pod.run(verb) {
            Ok(outcome) => {
                self.record.add(work, x, pod.who, Unit::Millis, outcome.millis());
                true
            }
            Err(error) => {
                self.failed(work, pod.who, &error);
                false
            }
        }
    }

    /// Notes a failure, and says so at once.
    fn failed(&mut self, work: &str, who: Who, error: &Error) {
        if !self.record.has_failed(work, who) {
            self.progress.note(&format!("{} cannot be measured at {work}: {error}", who.title()));
        }
        self.record.fail(work, who, error.0.clone());
    }

    /// A pace of our number of repetitions; `seconds` for each program, which slow ones use up earlier.
    fn pace(&self, seconds: u64) -> Pace {
        let least = self.repetitions.min(5);
        let seconds = if self.quick { seconds.div_ceil(5) } else { seconds };
        Pace { wanted: self.repetitions, least, budget: Duration::from_secs(seconds), spent: BTreeMap::new() }
    }
}

/// How long to go on. A program that took its share of time is left out of further repetitions, but not before it
/// has had the least number.
struct Pace {
    wanted: usize,
    least: usize,
    budget: Duration,
    spent: BTreeMap<Who, (usize, Duration)>,
}

impl Pace {
    /// Those whose turn it is in this repetition, beginning with another one each time. None: the part is done.
    fn turn(&self, repetition: usize, all: &[Who]) -> Vec<Who> {
        let mut whose: Vec<Who> = all.iter().copied().filter(|who| self.wants(*who)).collect();
        if !whose.is_empty() {
            let first = repetition % whose.len();
            whose.rotate_left(first);
        }
        whose
    }

    fn wants(&self, who: Who) -> bool {
        let (times, spent) = self.spent.get(&who).copied().unwrap_or_default();
        times < self.wanted && (times < self.least || spent < self.budget)
    }

    /// A repetition of this program is done.
    fn spent(&mut self, who: Who, since: Instant) {
        self.used(who, since.elapsed());
        self.spent.entry(who).or_default().0 += 1;
    }

    /// Time went by within a repetition of this program.
    fn used(&mut self, who: Who, time: Duration) {
        self.spent.entry(who).or_default().1 += time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_programs_stop_early_and_turns_change() {
        let mut pace = Pace { wanted: 4, least: 2, budget: Duration::from_secs(1), spent: BTreeMap::new() };
        let all = [Who::Trestle, Who::Reference];
        assert_eq!(pace.turn(0, &all), [Who::Trestle, Who::Reference]);
        assert_eq!(pace.turn(1, &all), [Who::Reference, Who::Trestle]);
        pace.used(Who::Reference, Duration::from_secs(9));
        pace.spent(Who::Reference, Instant::now());
        assert_eq!(pace.turn(0, &all).len(), 2, "the least number has not been reached");
        pace.spent(Who::Reference, Instant::now());
        assert_eq!(pace.turn(0, &all), [Who::Trestle]);
        for _ in 0..4 {
            pace.spent(Who::Trestle, Instant::now());
        }
        assert_eq!(pace.turn(0, &all), []);
    }
}
