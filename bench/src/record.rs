//! What was measured, in memory and as JSON.

use crate::machine::Machine;
use crate::stats::Summary;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Whose program was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// Ours.
    Trestle,
    /// The reference as it comes: masquerade by iptables.
    Reference,
    /// The reference told to masquerade by nftables.
    ReferenceNft,
    /// The floor; DEL until the link is gone.
    Floor,
    /// The floor; DEL until the kernel's ACK.
    FloorAck,
}

impl Who {
    /// For tables and pictures.
    pub fn title(self) -> &'static str {
        match self {
            Self::Trestle => "Trestle",
            Self::Reference => "reference",
            Self::ReferenceNft => "reference (nftables)",
            Self::Floor => "floor",
            Self::FloorAck => "floor (until ACK)",
        }
    }
}

/// What the samples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Milliseconds: less is better.
    #[serde(rename = "ms")]
    Millis,
    /// Pods per second: more is better.
    #[serde(rename = "per second")]
    PerSecond,
    /// 1,000,000 bytes: less is better.
    #[serde(rename = "MB")]
    Megabytes,
}

/// The samples of one work by one program, at one size where size matters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Series {
    /// What was done: see [`crate::work`].
    pub work: String,
    /// By whom.
    pub who: Who,
    /// Leases, pods on the node or pods in flight.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub x: Option<u64>,
    /// Of the samples.
    pub unit: Unit,
    /// The samples in short.
    #[serde(flatten)]
    pub summary: Summary,
    /// In the order of measurement, to four digits.
    pub samples: Vec<f64>,
}

/// A yes or no that was found by trying.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fact {
    /// What was tried.
    pub name: String,
    /// Whether it was as it should be.
    pub holds: bool,
    /// What was seen.
    pub seen: String,
}

/// A work that could not be measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The work.
    pub work: String,
    /// Whose program failed.
    pub who: Who,
    /// In its own words.
    pub message: String,
}

type Key = (String, Option<u64>, Who);

/// All of a run, while it is filled.
#[derive(Default)]
pub struct Record {
    samples: BTreeMap<Key, (Unit, Vec<f64>)>,
    facts: Vec<Fact>,
    failures: Vec<Failure>,
}

/// All of a run, finished: this is the JSON file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Results {
    /// Of this file's form; 1.
    pub format: u32,
    /// When, UTC.
    pub date: String,
    /// Repetitions asked for; slow programs may have fewer (`n`).
    pub repetitions: usize,
    /// Where.
    pub machine: Machine,
    /// Whose programs, which versions.
    pub versions: BTreeMap<String, String>,
    /// What was measured.
    pub series: Vec<Series>,
    /// What was tried.
    pub facts: Vec<Fact>,
    /// What could not be measured.
    pub failures: Vec<Failure>,
}

impl Record {
    /// Notes one sample.
    pub fn add(&mut self, work: &str, x: Option<u64>, who: Who, unit: Unit, sample: f64) {
        self.samples.entry((work.to_owned(), x, who)).or_insert((unit, Vec::new())).1.push(sample);
    }

    /// Notes something tried.
    pub fn fact(&mut self, name: &str, holds: bool, seen: impl Into<String>) {
        self.facts.push(Fact { name: name.to_owned(), holds, seen: seen.into() });
    }

    /// Notes that a program failed at a work; once is enough.
    pub fn fail(&mut self, work: &str, who: Who, message: String) {
        if !self.has_failed(work, who) {
            self.failures.push(Failure { work: work.to_owned(), who, message });
        }
    }

    /// Whether a program has failed at a work.
    pub fn has_failed(&self, work: &str, who: Who) -> bool {
        self.failures.iter().any(|f| f.work == work && f.who == who)
    }

    /// Closes the record.
    pub fn finish(
        self,
        date: String,
        repetitions: usize,
        machine: Machine,
        versions: BTreeMap<String, String>,
    ) -> Results {
        let series = self.samples.into_iter().filter_map(|((work, x, who), (unit, samples))| {
            let samples: Vec<f64> = samples.into_iter().map(four_digits).collect();
            let summary = Summary::of(&samples)?;
            Some(Series { work, who, x, unit, summary, samples })
        });
        Results {
            format: 1,
            date,
            repetitions,
            machine,
            versions,
            series: series.collect(),
            facts: self.facts,
            failures: self.failures,
        }
    }
}

impl Results {
    /// The series of a work by one program, without size.
    pub fn of(&self, work: &str, who: Who) -> Option<&Summary> {
        self.at(work, None, who)
    }

    /// The series of a work by one program at one size.
    pub fn at(&self, work: &str, x: Option<u64>, who: Who) -> Option<&Summary> {
        self.series.iter().find(|s| s.work == work && s.x == x && s.who == who).map(|s| &s.summary)
    }

    /// All sizes at which a work by one program was measured, ascending.
    pub fn sizes(&self, work: &str, who: Who) -> Vec<(u64, Summary)> {
        let of_work = self.series.iter().filter(|s| s.work == work && s.who == who);
        let mut sizes: Vec<_> = of_work.filter_map(|s| s.x.map(|x| (x, s.summary))).collect();
        sizes.sort_by_key(|(x, _)| *x);
        sizes
    }
}

fn four_digits(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powf(3.0 - value.abs().log10().floor());
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_survive_their_file() {
        let mut record = Record::default();
        for sample in [1.0, 2.0, 123.456] {
            record.add("check", None, Who::ReferenceNft, Unit::Millis, sample);
        }
        record.add("ipam-add", Some(10), Who::Trestle, Unit::Millis, 1.0);
        let results = record.finish("d".into(), 3, Machine::default(), BTreeMap::new());
        let text = serde_json::to_string(&results).unwrap();
        let read: Results = serde_json::from_str(&text).unwrap();
        assert_eq!(read.of("check", Who::ReferenceNft), results.of("check", Who::ReferenceNft));
        assert_eq!(read.series[0].samples, [1.0, 2.0, 123.5]);
        assert_eq!(read.sizes("ipam-add", Who::Trestle).len(), 1);
        assert!(read.of("ipam-add", Who::Trestle).is_none());
    }
}
