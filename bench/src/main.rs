//! Measures Trestle beside the reference plugins and beside a floor, and says how they compare.
//!
//! Everything measured is a whole process, from exec to exit, in private namespaces; the programs take turns, and
//! medians are compared. See the usage (`--help`) for the rest.

mod attachment;
mod cage;
mod cli;
mod compare;
mod counts;
mod error;
mod machine;
mod netns;
mod network;
mod process;
mod progress;
mod record;
mod report;
mod stats;
mod targets;
mod tools;
mod work;

use cli::{Options, Task};
use error::{Context, Error, Result};
use record::{Record, Results};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "trestle-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    match cli::parse(std::env::args().skip(1))? {
        Task::Help => say(cli::USAGE).map(|()| ExitCode::SUCCESS),
        Task::Compare { old, new } => {
            let verdict = compare::compare(&read(&old)?, &read(&new)?);
            say(&verdict.text)?;
            Ok(if verdict.slower { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        Task::Render { from, out } => report::write(&read(&from)?, &out).map(|()| ExitCode::SUCCESS),
        Task::Run(options) => {
            if let Some(name) = options.only.iter().find(|name| !work::PARTS.contains(&name.as_str())) {
                return Err(Error(format!("no part {name:?}; there are: {}", work::PARTS.join(" "))));
            }
            if !cage::is_inside() {
                // The reference runs iptables; the floor's rules and foreign objects are made by the other two.
                tools::need(&["ip", "nft", "iptables"])?;
                tools::build_floor()?;
                tools::Tools::find()?;
                return cage::run_inside();
            }
            cage::furnish()?;
            measure(&options)
        }
        Task::Counts { write } => {
            if !cage::is_inside() {
                tools::ours()?;
                tools::need(&["strace"])?;
                return cage::run_inside();
            }
            cage::furnish()?;
            let verdict = counts::count(write)?;
            say(&verdict.text)?;
            Ok(if verdict.grown { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
    }
}

/// A whole run goes to the repository's documents; a partial one only where it is told to go.
fn measure(options: &Options) -> Result<ExitCode> {
    let tools = tools::Tools::find()?;
    let parts: Vec<&str> = if options.only.is_empty() {
        work::PARTS.to_vec()
    } else {
        work::PARTS.into_iter().filter(|part| options.only.iter().any(|only| only == part)).collect()
    };
    let repetitions = options.repetitions.unwrap_or(if options.quick { 5 } else { 35 });
    process::precedence(true);
    let mut record = Record::default();
    let mut progress = progress::Progress::new(parts.len());
    for part in &parts {
        progress.part(part);
        let (record, progress) = (&mut record, &mut progress);
        let mut bench = work::Bench { tools: &tools, record, progress, repetitions, quick: options.quick };
        // A part that cannot be measured is told and fails the run at its end; the others still count.
        if let Err(error) = bench.part(part) {
            progress.note(&format!("{part} stopped: {error}"));
            record.fail(part, record::Who::Trestle, error.0);
        }
    }
    progress.end();
    let results = record.finish(machine::date(), repetitions, machine::Machine::this(), tools.versions());
    say(&report::terminal(&results))?;
    let whole = options.only.is_empty() && !options.quick;
    let out = options.out.clone().or_else(|| whole.then(|| tools::repository().join("docs/benchmarks")));
    if let Some(out) = out {
        report::write(&results, &out)?;
        say(&format!("\nwritten to {}\n", out.display()))?;
    }
    Ok(if results.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(path: &Path) -> Result<Results> {
    let text = std::fs::read_to_string(path).doing(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).doing(|| format!("{} is not a result of this program", path.display()))
}

fn say(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).doing(|| "writing to standard output".to_owned())
}
