//! For the terminal.

use super::tables::{self, Cell, Look, Table};
use crate::record::Results;
use std::fmt::Write;
use std::io::IsTerminal;

/// Tables with columns that line up; colour only on a terminal, and not against `NO_COLOR`.
pub fn render(results: &Results) -> String {
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let machine = &results.machine;
    let mut text = format!(
        "\nmedian (p10 to p90) of up to {} repetitions of whole processes, exec to exit\n\
         vs: how many times better than it; times floor: how many times what the kernel and a process start take\n{}, {} cores, {} GiB, kernel {}\n",
        results.repetitions, machine.processor, machine.cores, machine.memory, machine.kernel
    );
    for table in tables::all(results) {
        show(&mut text, &table, colour);
    }
    if let Some(table) = tables::targets(results) {
        show(&mut text, &table, colour);
    }
    for failure in &results.failures {
        let _ = writeln!(
            text,
            "\nnot measured: {} of {}: {}",
            failure.work,
            failure.who.title(),
            failure.message
        );
    }
    text
}

/// There is room for the spread of our own figures; all of them are in the files.
fn shown(cell: &Cell) -> String {
    if cell.look == Look::Own { format!("{}{}", cell.text, cell.aside) } else { cell.text.clone() }
}

fn show(text: &mut String, table: &Table, colour: bool) {
    let width = |index: usize| {
        let cells =
            table.rows.iter().filter_map(|row| row.get(index)).map(|cell| shown(cell).chars().count());
        let heading = table.columns.get(index).map_or(0, |heading| heading.chars().count());
        cells.max().unwrap_or(0).max(heading)
    };
    let widths: Vec<usize> = (0..table.columns.len()).map(width).collect();
    // The last column of the targets is prose; it need not be padded.
    let pad = |index: usize, text: &str, prose: bool| {
        let width = widths.get(index).copied().unwrap_or_default();
        if index == 0 || prose { format!("{text:<width$}") } else { format!("{text:>width$}") }
    };
    let title = if colour { format!("\x1b[1m{}\x1b[0m", table.title) } else { table.title.to_owned() };
    let prose = |index: usize| table.title == "Targets" && index > 2;
    let heading: Vec<String> =
        table.columns.iter().enumerate().map(|(index, column)| pad(index, column, prose(index))).collect();
    let _ = writeln!(text, "\n{title}\n  {}", heading.join("  ").trim_end());
    for row in &table.rows {
        let cells = row.iter().enumerate().map(|(index, cell)| {
            let padded = pad(index, &shown(cell), prose(index));
            let code = match cell.look {
                Look::Plain | Look::Own => return padded,
                Look::Strong => "1",
                Look::Good => "32",
                Look::Bad => "31",
            };
            if colour { format!("\x1b[{code}m{padded}\x1b[0m") } else { padded }
        });
        let _ = writeln!(text, "  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}
