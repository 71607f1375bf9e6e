//! The four pictures.

use super::lines::{Chart, Scale};
use super::svg::{Anchor, Canvas, class};
use super::tables::figure;
use crate::record::{Results, Who};
use crate::targets::faster;

const THREE: [Who; 3] = [Who::Reference, Who::Floor, Who::Trestle];

/// What a picture shows, for those who cannot see it.
pub fn caption(name: &str) -> &'static str {
    match name {
        "latency" => "Time of each verb: Trestle, the reference and the floor",
        "throughput" => "Pods per second against pods in flight",
        "ipam" => "Time of host-local against the number of leases",
        _ => "Time for the next pod, up to 1,000 pods and 200,000 leases",
    }
}

/// Those for which there are figures.
pub fn names(results: &Results) -> Vec<&'static str> {
    let needs = [
        ("latency", "add-masquerade"),
        ("throughput", "throughput-add"),
        ("ipam", "ipam-add"),
        ("scale", "next-add"),
    ];
    let has = |work: &str| results.series.iter().any(|s| s.work == work && s.who == Who::Trestle);
    needs.into_iter().filter(|(_, work)| has(work)).map(|(name, _)| name).collect()
}

/// All of them, by name.
pub fn all(results: &Results) -> Vec<(&'static str, String)> {
    let draw = |name| match name {
        "latency" => latency(results),
        "throughput" => throughput(results),
        "ipam" => ipam(results),
        _ => scale(results),
    };
    names(results).into_iter().map(|name| (name, draw(name))).collect()
}

fn machine(results: &Results) -> String {
    let machine = &results.machine;
    format!("{}, {} cores, kernel {}", machine.processor, machine.cores, machine.kernel)
}

const ROW: f64 = 12.0;
const VERBS: [(&str, &str); 7] = [
    ("add-masquerade", "ADD, masquerade"),
    ("add-plain", "ADD, plain"),
    ("add-dual", "ADD, dual stack"),
    ("check", "CHECK"),
    ("status", "STATUS"),
    ("del-masquerade", "DEL, masquerade"),
    ("del-again", "DEL again"),
];

/// A group of bars for each verb, in milliseconds, with how many times faster ours is.
fn latency(results: &Results) -> String {
    let whose = [Who::Trestle, Who::Floor, Who::Reference, Who::ReferenceNft];
    let groups: Vec<_> = VERBS
        .into_iter()
        .map(|(work, name)| {
            let bars = whose.into_iter().filter_map(|who| Some((who, results.of(work, who)?.median)));
            (work, name, bars.collect::<Vec<_>>())
        })
        .filter(|(_, _, bars)| !bars.is_empty())
        .collect();
    let rows: usize = groups.iter().map(|(_, _, bars)| bars.len()).sum();
    let height = 112.0 + ROW * small(rows) + 16.0 * small(groups.len());
    let subtitle = format!("milliseconds from exec to exit, median; {}", machine(results));
    let mut canvas = Canvas::new(860.0, height, "How long a pod waits for its network", &subtitle);
    canvas.legend(&whose, 34.0);
    let (left, width) = (150.0, 560.0);
    canvas.text(836.0, 60.0, "small", Anchor::End, "faster than the reference");
    let longest =
        longest(&groups.iter().flat_map(|(_, _, bars)| bars.iter().map(|(_, ms)| *ms)).collect::<Vec<_>>());
    let mut y = 80.0;
    for (work, name, bars) in groups {
        let middle = y + ROW * small(bars.len()) / 2.0 + 4.0;
        canvas.text(left - 14.0, middle, "head", Anchor::End, name);
        if let Some(ratio) = faster(results, work, None, Who::Reference) {
            canvas.text(836.0, middle, "strong", Anchor::End, &format!("{}\u{d7}", figure(ratio)));
        }
        for (who, ms) in bars {
            // A bar that would dwarf all others is cut, and says so.
            let cut = ms > longest;
            canvas.bar(left, y, width * (ms / longest).min(1.0), ROW - 2.0, class(who));
            let text = format!("{}{}", figure(ms), if cut { "  (bar cut)" } else { "" });
            let place = left + width * (ms / longest).min(1.0) + 6.0;
            canvas.text(
                place,
                y + 9.0,
                if who == Who::Trestle { "small strong" } else { "small" },
                Anchor::Start,
                &text,
            );
            y += ROW;
        }
        y += 16.0;
    }
    let reference = results.versions.get("reference").map_or("", String::as_str);
    let note = format!(
        "reference: containernetworking/plugins {reference}; floor: the fewest messages that do the same job, and nothing else"
    );
    canvas.text(24.0, height - 16.0, "small", Anchor::Start, &note);
    canvas.finish()
}

/// The longest bar's value, unless it is more than four times the next group's: then that.
fn longest(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let most = sorted.last().copied().unwrap_or(1.0);
    let next = sorted.iter().rev().find(|v| **v < most / 4.0).copied().unwrap_or(0.0);
    let close = sorted.iter().filter(|v| **v >= most / 4.0).count();
    if close == 1 && next > 0.0 { next } else { most }
}

/// Two charts side by side: ADD and DEL.
fn throughput(results: &Results) -> String {
    let subtitle = format!("100 pods with masquerade, median of rounds; {}", machine(results));
    let mut canvas = Canvas::new(860.0, 360.0, "Pods per second", &subtitle);
    canvas.legend(&[Who::Trestle, Who::Floor, Who::Reference], 34.0);
    for (work, title, left) in [("throughput-add", "ADD", 76.0), ("throughput-del", "DEL", 496.0)] {
        let ratio = results.at(work, Some(20), Who::Trestle).zip(results.at(work, Some(20), Who::Reference));
        let ratio = ratio.map(|(ours, theirs)| {
            format!(", {}\u{d7} with 20 in flight", figure(ours.median / theirs.median))
        });
        let chart = Chart {
            title: format!("{title}{}", ratio.unwrap_or_default()),
            labels: ("pods in flight", "per second"),
            scales: (Scale::Linear, Scale::Linear),
            curves: curves(results, work, &THREE),
            reach: 0.0,
        };
        chart.draw(&mut canvas, (left, 128.0, 328.0, 176.0));
    }
    canvas.finish()
}

/// Three charts side by side, both axes logarithmic.
fn ipam(results: &Results) -> String {
    let subtitle = format!("milliseconds of host-local from exec to exit, median; {}", machine(results));
    let mut canvas = Canvas::new(860.0, 350.0, "What an address costs when many are leased", &subtitle);
    canvas.legend(&[Who::Trestle, Who::Floor, Who::Reference], 34.0);
    // One height means the same in all three.
    let verbs = ["ipam-add", "ipam-check", "ipam-del"];
    let most = verbs.iter().flat_map(|work| curves(results, work, &THREE)).flat_map(|(_, points)| points);
    let reach = most.map(|(_, ms)| ms).fold(0.0, f64::max);
    for (work, title, left) in
        [("ipam-add", "ADD", 62.0), ("ipam-check", "CHECK", 342.0), ("ipam-del", "DEL", 622.0)]
    {
        let ratio = faster(results, work, Some(50_000), Who::Reference);
        let ratio = ratio.map(|ratio| format!(", {}\u{d7} at 50,000", figure(ratio)));
        let chart = Chart {
            title: format!("{title}{}", ratio.unwrap_or_default()),
            labels: ("leases", "ms"),
            scales: (Scale::Log, Scale::Log),
            curves: curves(results, work, &THREE),
            reach,
        };
        chart.draw(&mut canvas, (left, 128.0, 206.0, 166.0));
    }
    canvas.finish()
}

/// The slope: pods on the node, and leases; linear axes that begin at zero.
fn scale(results: &Results) -> String {
    let subtitle = format!("milliseconds from exec to exit, median, axes from zero; {}", machine(results));
    let mut canvas = Canvas::new(860.0, 622.0, "The next pod, on a node that has many", &subtitle);
    canvas.legend(&[Who::Trestle, Who::Floor], 34.0);
    let two = [Who::Floor, Who::Trestle];
    let charts = [
        ("next-add", "ADD, by pods on the node", "pods", (76.0, 128.0)),
        ("next-del", "DEL, by pods on the node", "pods", (496.0, 128.0)),
        ("ipam-add", "host-local ADD, by leases", "leases", (76.0, 396.0)),
        ("ipam-del", "host-local DEL, by leases", "leases", (496.0, 396.0)),
    ];
    for (work, title, label, (left, top)) in charts {
        let curves = curves(results, work, &two);
        let top_value = curves.iter().flat_map(|(_, p)| p.iter().map(|(_, y)| *y)).fold(0.0, f64::max);
        let (labels, title) = ((label, "ms"), title.to_owned());
        let chart =
            Chart { title, labels, scales: (Scale::Linear, Scale::Linear), curves, reach: top_value * 1.5 };
        if !chart.curves.is_empty() {
            chart.draw(&mut canvas, (left, top, 328.0, 166.0));
        }
    }
    canvas.finish()
}

#[allow(clippy::cast_precision_loss)]
fn curves(results: &Results, work: &str, whose: &[Who]) -> Vec<(Who, Vec<(f64, f64)>)> {
    let of = |who: &Who| {
        let points: Vec<_> =
            results.sizes(work, *who).into_iter().map(|(x, s)| (x as f64, s.median)).collect();
        (!points.is_empty()).then_some((*who, points))
    };
    whose.iter().filter_map(of).collect()
}

fn small(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bar_does_not_dwarf_the_others() {
        assert!((longest(&[1.0, 100.0, 24.0, 2_000.0]) - 100.0).abs() < 1e-9);
        assert!((longest(&[1.0, 100.0, 70.0]) - 100.0).abs() < 1e-9);
    }
}
