//! The tables, as cells: what they are shown on decides how they look.

use crate::record::{Results, Unit, Who};
use crate::stats::Summary;
use crate::targets::{self, Bound};

/// How a cell is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// As it is.
    Plain,
    /// A figure of ours.
    Own,
    /// What the reader came for.
    Strong,
    /// A target that was met.
    Good,
    /// One that was not.
    Bad,
}

/// One cell.
#[derive(Clone, Debug)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// What it says where there is room.
    pub aside: String,
    /// How.
    pub look: Look,
}

/// One table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Above it.
    pub title: &'static str,
    /// First column: what was done; then figures.
    pub columns: Vec<String>,
    /// Under the columns.
    pub rows: Vec<Vec<Cell>>,
}

fn plain(text: impl Into<String>) -> Cell {
    cell(text, Look::Plain)
}

fn cell(text: impl Into<String>, look: Look) -> Cell {
    Cell { text: text.into(), aside: String::new(), look }
}

/// A work's name for people.
pub fn title(work: &str) -> String {
    let fixed = match work {
        "add-masquerade" => "ADD, masquerade",
        "add-plain" => "ADD, plain",
        "add-dual" => "ADD, dual stack",
        "check" => "CHECK",
        "gc" => "GC",
        "status" => "STATUS",
        "version" => "VERSION",
        "del-masquerade" => "DEL, masquerade",
        "del-plain" => "DEL, plain",
        "del-dual" => "DEL, dual stack",
        "del-again" => "DEL again",
        "throughput-add" => "ADD per second",
        "throughput-del" => "DEL per second",
        "ipam-rebuild" => "first ADD after foreign writes",
        "size" => "both programs on disk",
        "memory-bridge" => "peak memory of bridge",
        "memory-host-local" => "peak memory of host-local",
        "drain" => "DEL per second, full node",
        _ => "",
    };
    if !fixed.is_empty() {
        return fixed.to_owned();
    }
    let kinds = [
        ("ipam-ahead-", "host-local, taken ahead"),
        ("ipam-v6-", "host-local, IPv6 /64, taken ahead"),
        ("ipam-full-", "host-local, full /16 but one"),
        ("ipam-", "host-local"),
        ("next-", "the next pod"),
        ("foreign-", "foreign objects"),
    ];
    let kind = kinds.iter().find_map(|(prefix, kind)| Some((kind, work.strip_prefix(prefix)?)));
    kind.map_or_else(
        || work.to_owned(),
        |(kind, verb)| format!("{} ({kind})", verb.to_uppercase().replace('-', " ")),
    )
}

/// All tables of a report; those with nothing in them are left out.
pub fn all(results: &Results) -> Vec<Table> {
    let verbs = [
        "add-masquerade",
        "add-plain",
        "add-dual",
        "check",
        "gc",
        "status",
        "version",
        "del-masquerade",
        "del-plain",
        "del-dual",
        "del-again",
    ];
    let verbs: Vec<Row> = verbs.into_iter().map(|work| (title(work), work.to_owned(), None)).collect();
    let whose = [Who::Trestle, Who::Reference, Who::ReferenceNft, Who::Floor, Who::FloorAck];
    let three = [Who::Trestle, Who::Reference, Who::Floor];
    let tables = [
        figures(results, "Each verb, ms", &verbs, &whose),
        figures(results, "100 pods, by pods in flight, per second", &throughput(results), &three),
        figures(results, "host-local, by leases, ms", &leases(results), &three),
        figures(
            results,
            "The next pod, by pods on the node, ms",
            &sized(results, &["next-add", "next-check", "next-del", "next-del-again"]),
            &three,
        ),
        figures(
            results,
            "By foreign objects on the node, ms",
            &sized(results, &["foreign-add", "foreign-check", "foreign-del"]),
            &three,
        ),
        figures(results, "Footprint, MB", &footprint(), &[Who::Trestle, Who::Reference]),
    ];
    tables.into_iter().flatten().collect()
}

/// The targets, as a table.
pub fn targets(results: &Results) -> Option<Table> {
    let targets = targets::evaluate(results).into_iter().filter(|target| target.measured.is_some());
    let rows: Vec<_> = targets
        .map(|target| {
            let sign = if target.bound == Bound::AtLeast { "at least" } else { "at most" };
            let (verdict, look) =
                if target.met() == Some(true) { ("met", Look::Good) } else { ("not met", Look::Bad) };
            let (measured, required) = if target.unit.is_empty() {
                (String::new(), String::new())
            } else {
                let measured = target.measured.map(|m| format!("{}{}", figure(m), target.unit));
                (measured.unwrap_or_default(), format!("{sign} {}{}", target.required, target.unit))
            };
            vec![
                plain(target.text),
                cell(measured, Look::Strong),
                plain(required),
                cell(verdict, look),
                plain(target.remark),
            ]
        })
        .collect();
    let columns = ["target", "measured", "required", "", "in detail"].map(str::to_owned).to_vec();
    (!rows.is_empty()).then_some(Table { title: "Targets", columns, rows })
}

type Row = (String, String, Option<u64>);

/// Ratios to ours first, then the figures of each. A column nobody has is left out.
fn figures(results: &Results, title: &'static str, rows: &[Row], whose: &[Who]) -> Option<Table> {
    let has = |who: &Who| rows.iter().any(|(_, work, x)| results.at(work, *x, *who).is_some());
    let whose: Vec<Who> = whose.iter().copied().filter(has).collect();
    let others: Vec<Who> =
        whose.iter().copied().filter(|w| !matches!(w, Who::Trestle | Who::FloorAck)).collect();
    let heading = |who: &Who| match who {
        Who::Floor | Who::FloorAck => format!("times {}", who.title()),
        _ => format!("vs {}", who.title()),
    };
    let mut columns = vec![String::new()];
    columns.extend(others.iter().map(heading));
    columns.extend(whose.iter().map(|who| who.title().to_owned()));
    let cells = |(name, work, x): &Row| {
        let of = |who: &Who| results.at(work, *x, *who);
        let unit = results.series.iter().find(|s| s.work == *work).map_or(Unit::Millis, |s| s.unit);
        let mut cells = vec![plain(name)];
        cells.extend(others.iter().map(|who| ratio(unit, of(&Who::Trestle), of(who), *who)));
        cells.extend(
            whose.iter().map(|who| of(who).map_or_else(|| plain(""), |summary| spread(summary, *who))),
        );
        cells.iter().skip(1).any(|cell| !cell.text.is_empty()).then_some(cells)
    };
    let rows: Vec<_> = rows.iter().filter_map(cells).collect();
    (!rows.is_empty()).then_some(Table { title, columns, rows })
}

fn ratio(unit: Unit, ours: Option<&Summary>, theirs: Option<&Summary>, who: Who) -> Cell {
    let (Some(ours), Some(theirs)) = (ours, theirs) else { return plain("") };
    let mut ratio = theirs.median / ours.median;
    if (unit == Unit::PerSecond) != matches!(who, Who::Floor | Who::FloorAck) {
        ratio = 1.0 / ratio;
    }
    cell(format!("{}x", figure(ratio)), Look::Strong)
}

/// Median; aside, where four fifths of the samples lie.
fn spread(summary: &Summary, who: Who) -> Cell {
    let look = if who == Who::Trestle { Look::Own } else { Look::Plain };
    let aside = format!(" ({} to {})", figure(summary.p10), figure(summary.p90));
    let aside = if summary.n < 2 { String::new() } else { aside };
    Cell { aside, ..cell(figure(summary.median), look) }
}

/// Three digits that count.
pub fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A count with its thousands set apart.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn throughput(results: &Results) -> Vec<Row> {
    let mut rows = Vec::new();
    for (work, verb) in [("throughput-add", "ADD"), ("throughput-del", "DEL")] {
        for (x, _) in results.sizes(work, Who::Trestle) {
            rows.push((format!("{verb}, {x} in flight"), work.to_owned(), Some(x)));
        }
    }
    rows
}

fn leases(results: &Results) -> Vec<Row> {
    let mut rows = sized(results, &["ipam-add", "ipam-check", "ipam-del", "ipam-rebuild"]);
    for kind in ["ipam-ahead", "ipam-v6", "ipam-full"] {
        rows.extend(sized(results, &["add", "check", "del"].map(|verb| format!("{kind}-{verb}"))));
    }
    rows
}

fn sized(results: &Results, works: &[impl AsRef<str>]) -> Vec<Row> {
    let mut rows = Vec::new();
    for work in works {
        let work = work.as_ref();
        for (x, _) in results.sizes(work, Who::Trestle) {
            let name = title(work).replace(" (host-local)", "").replace(" (the next pod)", "");
            let name = name.replace(" (foreign objects)", "").replace("(host-local, ", "(");
            rows.push((format!("{name}, {}", count(x)), work.to_owned(), Some(x)));
        }
    }
    rows
}

fn footprint() -> Vec<Row> {
    ["size", "memory-bridge", "memory-host-local"].map(|work| (title(work), work.to_owned(), None)).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        assert_eq!(figure(1.234), "1.23");
        assert_eq!(figure(12.34), "12.3");
        assert_eq!(figure(99.96), "100");
        assert_eq!(figure(623.4), "623");
        assert_eq!(count(200_000), "200,000");
        assert_eq!(count(999), "999");
    }

    #[test]
    fn names_of_sized_works_are_readable() {
        assert_eq!(title("ipam-full-add"), "ADD (host-local, full /16 but one)");
        assert_eq!(title("next-del-again"), "DEL AGAIN (the next pod)");
    }
}
