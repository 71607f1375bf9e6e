//! What got slower between two results, beyond the noise.
//!
//! A machine is never twice the same, so the change of our figure is taken against the change, at the same work, of
//! the programs that did not change: the floor and the reference. What is left must be beyond three standard errors
//! of all medians involved, and beyond a tenth, before it counts. And the better quarter of the samples must have
//! changed as much as the median: a program that got slower is slower whenever it runs, while a machine that is busy
//! at times moves the median alone.

use crate::record::{Results, Series, Unit, Who};
use crate::stats::Summary;
use std::fmt::Write;

/// Changes below this are never told: between two runs of the same programs they are common.
const LEAST: f64 = 0.10;
/// How many standard errors.
const SIGMAS: f64 = 3.0;

/// What came of a comparison.
pub struct Verdict {
    /// To print.
    pub text: String,
    /// Whether anything got slower (or bigger).
    pub slower: bool,
}

/// One figure that both results have.
struct Change {
    name: String,
    old: f64,
    new: f64,
    /// Above 1: worse, after the machine's own change was taken out.
    worse: f64,
    /// How far from 1 noise reaches.
    noise: f64,
}

/// Compares ours in both.
pub fn compare(old: &Results, new: &Results) -> Verdict {
    let mut changes: Vec<Change> = new.series.iter().filter_map(|series| change(old, new, series)).collect();
    changes.sort_by(|a, b| b.worse.total_cmp(&a.worse));
    let slower: Vec<&Change> = changes.iter().filter(|c| c.worse > 1.0 + c.noise).collect();
    let faster: Vec<&Change> = changes.iter().rev().filter(|c| 1.0 / c.worse > 1.0 + c.noise).collect();
    let mut text = format!("{} to {}\n", old.date, new.date);
    if old.machine.processor != new.machine.processor || old.machine.kernel != new.machine.kernel {
        text.push_str("the machines or their kernels differ: only large changes mean anything\n");
    }
    for (title, list) in [("slower", &slower), ("faster", &faster)] {
        let _ = writeln!(text, "{title}: {}", if list.is_empty() { "nothing beyond the noise" } else { "" });
        for c in list {
            let percent = (c.worse - 1.0) * 100.0;
            let _ = writeln!(
                text,
                "  {percent:+6.0} %  {:<44} {:>9.3} -> {:<9.3} (noise {:.0} %)",
                c.name,
                c.old,
                c.new,
                c.noise * 100.0
            );
        }
    }
    let _ = writeln!(text, "{} figures compared", changes.len());
    let gone = missing(old, new);
    for name in &gone {
        let _ = writeln!(text, "not measured any more: {name}");
    }
    Verdict { text, slower: !slower.is_empty() || !gone.is_empty() }
}

/// Ours that fail now and did not before: worse than slow.
fn missing(old: &Results, new: &Results) -> Vec<String> {
    let failed = new.failures.iter().filter(|failure| failure.who == Who::Trestle);
    let known = failed.filter(|failure| old.failures.iter().all(|before| before.work != failure.work));
    known.map(|failure| format!("{} ({})", failure.work, failure.message)).collect()
}

fn change(old: &Results, new: &Results, series: &Series) -> Option<Change> {
    if series.who != Who::Trestle {
        return None;
    }
    let before = old.at(&series.work, series.x, Who::Trestle)?;
    let now = &series.summary;
    let of = |who| Some((old.at(&series.work, series.x, who)?, new.at(&series.work, series.x, who)?));
    let controls: Vec<(&Summary, &Summary)> = if series.unit == Unit::Megabytes {
        Vec::new()
    } else {
        [Who::Floor, Who::Reference].into_iter().filter_map(of).collect()
    };
    let count = f64::from(u32::try_from(controls.len()).ok()?).max(1.0);
    let squares = |(a, b): (&Summary, &Summary)| a.relative_error().powi(2) + b.relative_error().powi(2);
    // The controls' change is a geometric mean; its error is that of a mean of logarithms.
    let error = squares((before, now)) + controls.iter().copied().map(squares).sum::<f64>() / count.powi(2);
    let worse = |good: bool| {
        let place = |s: &Summary| match (good, series.unit) {
            (false, _) => s.median,
            (true, Unit::PerSecond) => s.p75,
            (true, _) => s.p25,
        };
        let logs = controls.iter().map(|(before, now)| (place(now) / place(before)).ln());
        let ratio = place(now) / place(before) / (logs.sum::<f64>() / count).exp();
        if series.unit == Unit::PerSecond { 1.0 / ratio } else { ratio }
    };
    let least = if series.unit == Unit::Megabytes { 0.02 } else { LEAST };
    let noise = (SIGMAS * error.sqrt()).max(least);
    let size = series.x.map(|x| format!(" at {x}")).unwrap_or_default();
    let name = format!("{}{size}", crate::report::title(&series.work));
    let worse = nearer_to_one(worse(false), worse(true));
    worse.is_finite().then_some(Change { name, old: before.median, new: now.median, worse, noise })
}

/// Both must have changed, and the same way.
fn nearer_to_one(a: f64, b: f64) -> f64 {
    if (a > 1.0) == (b > 1.0) { if (a > 1.0) == (a > b) { b } else { a } } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;
    use crate::record::Record;
    use std::collections::BTreeMap;

    /// Thirty samples around each value, with 5 % of spread.
    fn results(values: &[(&str, Who, Unit, f64)]) -> Results {
        let mut record = Record::default();
        for (work, who, unit, value) in values {
            for step in 0..30 {
                record.add(work, None, *who, *unit, value * (0.975 + 0.05 * f64::from(step) / 29.0));
            }
        }
        record.finish(String::new(), 30, Machine::default(), BTreeMap::new())
    }

    #[test]
    fn a_slower_machine_is_not_a_slower_program() {
        let old =
            results(&[("check", Who::Trestle, Unit::Millis, 1.0), ("check", Who::Floor, Unit::Millis, 0.5)]);
        let new =
            results(&[("check", Who::Trestle, Unit::Millis, 1.5), ("check", Who::Floor, Unit::Millis, 0.75)]);
        assert!(!compare(&old, &new).slower);
    }

    #[test]
    fn a_slower_program_is_found_and_noise_is_not() {
        let old =
            results(&[("check", Who::Trestle, Unit::Millis, 1.0), ("check", Who::Floor, Unit::Millis, 0.5)]);
        let slow =
            results(&[("check", Who::Trestle, Unit::Millis, 1.3), ("check", Who::Floor, Unit::Millis, 0.5)]);
        let near =
            results(&[("check", Who::Trestle, Unit::Millis, 1.05), ("check", Who::Floor, Unit::Millis, 0.5)]);
        let verdict = compare(&old, &slow);
        assert!(verdict.slower && verdict.text.contains("+30 %"), "{}", verdict.text);
        assert!(!compare(&old, &near).slower);
        assert!(!compare(&slow, &old).slower, "faster is not slower");
        assert!(compare(&slow, &old).text.contains("-23 %"), "{}", compare(&slow, &old).text);
    }

    #[test]
    fn a_machine_that_was_busy_at_times_is_not_a_slower_program() {
        let samples = |busy: usize| {
            let mut record = Record::default();
            for index in 0..30 {
                let sample = if index < busy { 4.0 } else { 1.0 };
                record.add("check", None, Who::Trestle, Unit::Millis, sample);
            }
            record.finish(String::new(), 30, Machine::default(), BTreeMap::new())
        };
        assert!(!compare(&samples(0), &samples(16)).slower);
        assert!(compare(&samples(0), &samples(28)).slower);
    }

    #[test]
    fn fewer_per_second_is_slower() {
        let old = results(&[("throughput-add", Who::Trestle, Unit::PerSecond, 400.0)]);
        let new = results(&[("throughput-add", Who::Trestle, Unit::PerSecond, 300.0)]);
        assert!(compare(&old, &new).slower);
        assert!(!compare(&new, &old).slower);
    }
}
