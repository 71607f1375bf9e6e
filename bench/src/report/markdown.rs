//! For the repository.

use super::tables::{self, Look, Table};
use crate::record::Results;
use std::fmt::Write;

/// The page of a directory of results.
pub fn render(results: &Results) -> String {
    let machine = &results.machine;
    let version = |name: &str| results.versions.get(name).map_or("unknown", String::as_str);
    let mut text = format!(
        "# Benchmarks\n\n\
         Written by `make bench` on {date}; do not edit.\n\n\
         - Machine: {processor}, {cores} cores, {memory} GiB; {system}; kernel {kernel}\n\
         - Trestle {trestle}; reference: containernetworking/plugins {reference}\n\
         - *Floor*: a program of our own (`bench/floor`) that knows every name beforehand and sends the fewest messages \
         for the same job: what the kernel and the start of a process take. \
         It is alone in that: where many DELs share a deletion, they are faster than many floors.\n\
         - Every figure is a whole process, from exec to exit, as a runtime runs it, in private namespaces. The \
         programs take turns within each repetition ({repetitions} repetitions, fewer where the reference takes \
         long). *vs*: how many times better than it; *times floor*: how many times what the floor takes. Medians, and in brackets where four fifths of the samples lie (p10 to p90).\n\n",
        date = results.date,
        processor = machine.processor,
        cores = machine.cores,
        memory = machine.memory,
        system = machine.system,
        kernel = machine.kernel,
        trestle = version("trestle"),
        reference = version("reference"),
        repetitions = results.repetitions,
    );
    if let Some(table) = tables::targets(results) {
        show(&mut text, &table);
    }
    for picture in super::pictures::names(results) {
        let _ = writeln!(text, "![{}]({picture}.svg)\n", super::pictures::caption(picture));
    }
    for table in tables::all(results) {
        show(&mut text, &table);
    }
    if !results.failures.is_empty() {
        text.push_str("## Not measured\n\n");
        for failure in &results.failures {
            let _ = writeln!(text, "- {} of {}: {}", failure.work, failure.who.title(), failure.message);
        }
    }
    text.trim_end().to_owned() + "\n"
}

fn show(text: &mut String, table: &Table) {
    let _ = writeln!(text, "## {}\n", table.title);
    let _ = writeln!(text, "| {} |", table.columns.join(" | "));
    let rule: Vec<&str> =
        (0..table.columns.len()).map(|index| if index == 0 { "---" } else { "---:" }).collect();
    let _ = writeln!(text, "|{}|", rule.join("|"));
    for row in &table.rows {
        let cells = row.iter().map(|cell| {
            let escaped = cell.text.replace('|', "\\|").replace('<', "&lt;");
            let aside = &cell.aside;
            match cell.look {
                Look::Strong | Look::Own | Look::Bad if !escaped.is_empty() => {
                    format!("**{escaped}**{aside}")
                }
                _ => format!("{escaped}{aside}"),
            }
        });
        let _ = writeln!(text, "| {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    text.push('\n');
}
