//! Side by side: the same configuration through the reference and through ours, each on a node of its own,
//! and everything compared: results, links, addresses, routes, neighbours, sysctls, rules, files.
//!
//! One more case is a few lines in `cases`. A difference that is meant is listed with its reason, in
//! [`meant`] when any case may show it, else with the case; any other difference fails.

mod adopted;
mod bridge;
mod case;
mod host_local;
mod meant;
mod replay;
mod versions;

use std::sync::Mutex;

use crate::harness::{Snapshot, Test, diff};

use case::Case;
use meant::{Better, Meant};

/// How often each meant difference was seen, for the closing report.
static SEEN: Mutex<Vec<(Meant, usize)>> = Mutex::new(Vec::new());
static COMPARED: Mutex<usize> = Mutex::new(0);

pub fn tests() -> Vec<Test> {
    let cases = [bridge::cases(), host_local::cases(), versions::cases(), adopted::cases()];
    let test = |case: Case| {
        let (name, needs_vlan) = (case.name.clone(), case.needs_vlan);
        let test = Test::new(name, move || compare(&case));
        if needs_vlan { test.vlan_filtering(true) } else { test }
    };
    cases.into_iter().flatten().map(test).collect()
}

fn compare(case: &Case) {
    let theirs = replay::run(case, crate::harness::Side::Theirs);
    let ours = replay::run(case, crate::harness::Side::Ours);
    let mut used = vec![0; case.meant.len()];
    let unexplained: Vec<_> = diff::between(&theirs, &ours)
        .into_iter()
        .filter(|change| !explained(case, change, &mut used))
        .collect();
    assert!(
        unexplained.is_empty(),
        "the reference (-) and ours (+) differ, and nothing says why:\n{}{}",
        diff::text(&unexplained),
        messages(&theirs, &ours)
    );
    for (meant, used) in case.meant.iter().zip(&used) {
        assert!(*used > 0 || meant.sometimes, "stale: the meant difference {:?} was not seen", meant.pattern);
        if *used > 0 {
            count(*meant, *used);
        }
    }
    *COMPARED.lock().unwrap() += 1;
}

fn explained(case: &Case, change: &diff::Change, used: &mut [usize]) -> bool {
    let text = change.to_string();
    if let Some(index) = case.meant.iter().position(|m| m.matches(&text)) {
        used[index] += 1;
        return true;
    }
    match meant::EVERYWHERE.iter().find(|m| m.matches(&text)) {
        Some(meant) => count(*meant, 1),
        None => return false,
    }
    true
}

fn count(meant: Meant, times: usize) {
    let mut seen = SEEN.lock().unwrap();
    match seen.iter_mut().find(|(m, _)| m.pattern == meant.pattern) {
        Some((_, count)) => *count += times,
        None => seen.push((meant, times)),
    }
}

/// The error messages of both sides: they explain most differences.
fn messages(theirs: &Snapshot, ours: &Snapshot) -> String {
    let mut text = String::new();
    for (side, snapshot) in [("reference", theirs), ("ours", ours)] {
        for (place, facts) in &snapshot.0 {
            for fact in facts.iter().filter(|f| f.starts_with("error ")) {
                text.push_str(&format!("  {side}, {place}: {fact}\n"));
            }
        }
    }
    text
}

/// What was compared and which differences are meant, printed after a run. False when one that is listed
/// for all cases was never seen although all cases ran.
pub fn report(complete: bool) -> bool {
    let (seen, compared) = (SEEN.lock().unwrap(), *COMPARED.lock().unwrap());
    if compared == 0 {
        return true;
    }
    let better = seen.iter().filter(|(m, _)| m.better == Better::ForTheUser).count();
    println!(
        "side by side: {compared} configurations, {} meant differences, {better} of them better for the user:",
        seen.len()
    );
    for (meant, count) in seen.iter() {
        println!("  {count:4} x {} [{}]: {}", meant.pattern, meant.better, meant.reason);
    }
    let stale: Vec<_> =
        meant::EVERYWHERE.iter().filter(|m| !seen.iter().any(|(s, _)| s.pattern == m.pattern)).collect();
    if complete {
        stale.iter().for_each(|m| println!("  stale: {} was not seen", m.pattern));
    }
    !complete || stale.is_empty()
}
