//! What differs between two snapshots, as lines that a person reads.

use std::collections::BTreeMap;

use super::snapshot::Snapshot;

/// One fact that only one of the two has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Where: `host`, `pod a`, `files`, `result 1`.
    pub place: String,
    /// `-` for the first snapshot's, `+` for the second's.
    pub sign: char,
    /// The fact.
    pub fact: String,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.sign, self.place, self.fact)
    }
}

/// Every difference, the order of facts aside.
pub fn between(before: &Snapshot, after: &Snapshot) -> Vec<Change> {
    let mut places: Vec<&String> = before.0.keys().chain(after.0.keys()).collect();
    places.sort();
    places.dedup();
    let mut changes = Vec::new();
    for place in places {
        let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
        for (snapshot, step) in [(before, -1), (after, 1)] {
            for fact in snapshot.0.get(place).into_iter().flatten() {
                *counts.entry(fact).or_default() += step;
            }
        }
        for (fact, count) in counts {
            let sign = if count < 0 { '-' } else { '+' };
            for _ in 0..count.abs() {
                changes.push(Change { place: place.clone(), sign, fact: fact.to_owned() });
            }
        }
    }
    changes
}

/// Most facts of one thing that are shown; the rest is counted.
const SHOWN: usize = 4;

/// One line per change; of a thing that came or went as a whole, the first few facts.
pub fn text(changes: &[Change]) -> String {
    let mut text = String::new();
    let mut seen: BTreeMap<(&str, char, String), usize> = BTreeMap::new();
    for change in changes {
        let count = seen.entry((&change.place, change.sign, thing(&change.fact))).or_default();
        *count += 1;
        if *count <= SHOWN {
            text.push_str(&format!("  {change}\n"));
        }
    }
    for ((place, sign, thing), count) in seen.iter().filter(|(_, count)| **count > SHOWN) {
        text.push_str(&format!("  {sign} {place}: {thing}: {} more facts\n", count - SHOWN));
    }
    text
}

/// What a fact is about: `link eth0`, `sysctl of eth0`, else the fact itself.
fn thing(fact: &str) -> String {
    let words: Vec<&str> = fact.split(' ').collect();
    match words.as_slice() {
        ["link", name, ..] => format!("link {name}"),
        ["sysctl", path, ..] => format!("sysctl of {}", path.split('/').nth(3).unwrap_or_default()),
        _ => fact.to_owned(),
    }
}
