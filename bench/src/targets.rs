//! What Trestle promises to reach, and whether it did.

use crate::record::{Results, Who};

/// Which way a figure must lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// This or more.
    AtLeast,
    /// This or less.
    AtMost,
}

/// One promise.
#[derive(Clone, Debug)]
pub struct Target {
    /// What is promised.
    pub text: String,
    /// Which way.
    pub bound: Bound,
    /// How much.
    pub required: f64,
    /// After the number: "x" or " MB". Empty for what was tried rather than measured.
    pub unit: &'static str,
    /// What came out; nothing if it was not measured.
    pub measured: Option<f64>,
    /// More about it.
    pub remark: String,
}

impl Target {
    /// Whether it was met; nothing if it was not measured. Rounded as shown: 1.20 is within 1.2.
    pub fn met(&self) -> Option<bool> {
        let measured = (self.measured? * 100.0).round() / 100.0;
        Some(match self.bound {
            Bound::AtLeast => measured >= self.required,
            Bound::AtMost => measured <= self.required,
        })
    }
}

/// All of them, in the order of issue 6.
pub fn evaluate(results: &Results) -> Vec<Target> {
    let mut all = against_the_reference(results);
    all.extend(many(results));
    all.extend(leases(results));
    all.extend(footprint(results));
    all.extend(crowded(results));
    all
}

fn at_least(text: &str, required: f64, measured: Option<f64>) -> Target {
    let (text, remark) = (text.to_owned(), String::new());
    Target { text, bound: Bound::AtLeast, required, unit: "x", measured, remark }
}

fn at_most(text: &str, required: f64, measured: Option<f64>) -> Target {
    Target { bound: Bound::AtMost, ..at_least(text, required, measured) }
}

/// How many times faster ours is than another, by the medians of times.
pub fn faster(results: &Results, work: &str, x: Option<u64>, than: Who) -> Option<f64> {
    Some(results.at(work, x, than)?.median / results.at(work, x, Who::Trestle)?.median)
}

fn against_the_reference(results: &Results) -> Vec<Target> {
    let ratio = |work| faster(results, work, None, Who::Reference);
    let floor = ratio_to_floor(results, "add-masquerade");
    let mut all = vec![
        at_least(
            "ADD with masquerade, against the reference's default backend",
            10.0,
            ratio("add-masquerade"),
        ),
        at_most("ADD with masquerade, against the floor", 1.6, floor),
        at_least("ADD plain", 5.0, ratio("add-plain")),
        at_least("ADD dual stack", 5.0, ratio("add-dual")),
        at_least("CHECK", 5.0, ratio("check")),
        at_least("DEL with masquerade, if by the acknowledged deletion", 4.0, ratio("del-masquerade")),
        at_least("DEL with masquerade, if returning when the link is gone", 10.0, ratio("del-masquerade")),
        at_least("DEL again (netns empty, no prevResult)", 4.0, ratio("del-again")),
        at_least("STATUS through bridge and host-local", 5.0, ratio("status")),
    ];
    all.extend(tried(results, "STATUS does not wait for a lock", "STATUS never waits for a lock"));
    all
}

fn ratio_to_floor(results: &Results, work: &str) -> Option<f64> {
    faster(results, work, None, Who::Floor).map(|ratio| 1.0 / ratio)
}

fn many(results: &Results) -> Vec<Target> {
    let rate = |work| {
        let of = |who| results.at(work, Some(20), who).map(|s| s.median);
        Some(of(Who::Trestle)? / of(Who::Reference)?)
    };
    let growth = |work, who| {
        let of = |pods| results.at(work, Some(pods), who).map(|s| s.median);
        Some(of(1_000)? / of(1)?)
    };
    let next = |work| growth(work, Who::Trestle);
    let worst = ["next-add", "next-check", "next-del"]
        .into_iter()
        .map(next)
        .try_fold(0.0_f64, |w, r| Some(w.max(r?)));
    let mut slope = at_most("the next pod after 1,000, against after the first", 1.2, worst);
    // The floor grows too: that much is the kernel's.
    let verbs = [("ADD", "next-add"), ("CHECK", "next-check"), ("DEL", "next-del")];
    let kernel = each(&verbs.map(|(name, work)| (name, growth(work, Who::Floor))));
    slope.remark = format!("{}; the floor: {kernel}", each(&verbs.map(|(name, work)| (name, next(work)))));
    let mut all = vec![
        at_least("100 pods, 20 in flight: ADD per second", 12.0, rate("throughput-add")),
        at_least("100 pods, 20 in flight: DEL per second", 16.0, rate("throughput-del")),
        slope,
    ];
    all.extend(tried(
        results,
        "the pod beyond 1,023 ports fails clearly",
        "the pod beyond 1,023 ports fails clearly",
    ));
    all.extend(tried(results, "a full node drains without a trace", "a full node drains without a trace"));
    all
}

fn leases(results: &Results) -> Vec<Target> {
    let of = |work: &str, leases| results.at(work, Some(leases), Who::Trestle).map(|s| s.median);
    let verbs = [("ADD", "add"), ("CHECK", "check"), ("DEL", "del")];
    let against_ten = |kind: &str, leases, title: &str, required| {
        let ratios = verbs.map(|(name, verb)| {
            let ten = of(&format!("ipam-{verb}"), 10);
            let many = of(&format!("{kind}-{verb}"), leases);
            (name, many.and_then(|many| Some(many / ten?)))
        });
        let worst = ratios.iter().try_fold(0.0_f64, |worst, (_, ratio)| Some(worst.max((*ratio)?)));
        Target { remark: each(&ratios), ..at_most(title, required, worst) }
    };
    let than = verbs
        .map(|(name, verb)| (name, faster(results, &format!("ipam-{verb}"), Some(50_000), Who::Reference)));
    let least = than.iter().try_fold(f64::INFINITY, |least, (_, ratio)| Some(least.min((*ratio)?)));
    vec![
        against_ten("ipam", 50_000, "host-local at 50,000 leases, against 10 leases", 1.3),
        Target {
            remark: each(&than),
            ..at_least("host-local at 50,000 leases, against the reference", 300.0, least)
        },
        against_ten(
            "ipam-ahead",
            50_000,
            "50,000 taken straight ahead of the cursor, against 10 leases",
            2.0,
        ),
        against_ten("ipam-v6", 50_000, "the same in an IPv6 /64, against 10 leases", 2.0),
        against_ten("ipam-full", 65_532, "a full /16 but one, against 10 leases", 2.0),
    ]
}

fn footprint(results: &Results) -> Vec<Target> {
    let of = |work, title: &str| {
        let median = results.of(work, Who::Trestle).map(|s| if work == "size" { s.median } else { s.max });
        Target { unit: " MB", ..at_most(title, 3.0, median) }
    };
    vec![
        of("size", "both programs together on disk"),
        of("memory-bridge", "peak memory of bridge, all verbs"),
        of("memory-host-local", "peak memory of host-local, all verbs"),
    ]
}

/// The crowd's size is in the series: the full node's `x` is the greatest.
fn crowded(results: &Results) -> Vec<Target> {
    let ratios =
        [("ADD", "foreign-add"), ("CHECK", "foreign-check"), ("DEL", "foreign-del")].map(|(name, work)| {
            let sizes = results.sizes(work, Who::Trestle);
            let empty = sizes.first().filter(|(x, _)| *x == 0).map(|(_, s)| s.median);
            let full = sizes.last().filter(|(x, _)| *x > 0).map(|(_, s)| s.median);
            (name, full.and_then(|full| Some(full / empty?)))
        });
    let worst = ratios.iter().try_fold(0.0_f64, |worst, (_, ratio)| Some(worst.max((*ratio)?)));
    let text = "with 10,000 foreign rules, 2,000 links, 5,000 routes, against an empty node";
    vec![Target { remark: each(&ratios), ..at_most(text, 1.2, worst) }]
}

/// Something tried counts as 1 of 1 or 0 of 1.
fn tried(results: &Results, name: &str, text: &str) -> Option<Target> {
    let fact = results.facts.iter().find(|fact| fact.name == name)?;
    let measured = Some(if fact.holds { 1.0 } else { 0.0 });
    Some(Target { unit: "", remark: fact.seen.clone(), ..at_least(text, 1.0, measured) })
}

fn each(ratios: &[(&str, Option<f64>)]) -> String {
    let known = ratios.iter().filter_map(|(name, ratio)| Some(format!("{name} {:.2}x", (*ratio)?)));
    known.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;
    use crate::record::{Record, Unit};
    use std::collections::BTreeMap;

    #[test]
    fn targets_compare_medians_of_one_run() {
        let mut record = Record::default();
        for (who, time) in [(Who::Trestle, 2.0), (Who::Reference, 24.0), (Who::Floor, 1.0)] {
            record.add("add-masquerade", None, who, Unit::Millis, time);
        }
        record.fact("a full node drains without a trace", false, "3 left");
        let results = record.finish(String::new(), 1, Machine::default(), BTreeMap::new());
        let targets = evaluate(&results);
        assert_eq!(targets[0].met(), Some(true));
        assert_eq!(targets[1].met(), Some(false), "2 ms is twice the floor");
        assert_eq!(targets[2].met(), None);
        let drain = targets.iter().find(|t| t.remark == "3 left").unwrap();
        assert_eq!(drain.met(), Some(false));
    }
}
