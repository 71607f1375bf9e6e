//! The plugins under real container runtimes, one scenario after the other, with a table at the end.
//!
//! `trestle-runtimes single|cluster [--list] [WORD...]`: the scenarios of a suite whose names contain one of
//! the words. `scripts/runtimes` gets the programs and sets TRESTLE_BIN, REFERENCE_BIN, RUNTIMES (the programs)
//! and RUNTIMES_SOURCE (this folder). Everything happens on nodes (`node/boot`): nothing reaches the host, and
//! nothing is left when this program is killed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]
// Scenarios are scripts, and panics are how they fail.
#![allow(clippy::too_many_lines, clippy::missing_panics_doc, missing_docs)]

mod accounting;
mod calls;
mod cluster;
mod command;
mod confs;
mod containerd;
mod cri;
mod node;
mod podman;
mod programs;
mod report;
mod run;
mod scenarios;
mod traffic;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let suite = if args.is_empty() { String::new() } else { args.remove(0) };
    let (mut together, mut alone) = match suite.as_str() {
        "single" => (scenarios::together(), scenarios::alone()),
        "cluster" => (cluster::together(), cluster::alone()),
        _ => {
            eprintln!("usage: trestle-runtimes single|cluster [--list] [WORD...]");
            return ExitCode::FAILURE;
        }
    };
    let list = args.iter().any(|arg| arg == "--list");
    let words: Vec<String> = args.into_iter().filter(|arg| !arg.starts_with("--")).collect();
    for scenarios in [&mut together, &mut alone] {
        scenarios.retain(|s| words.is_empty() || words.iter().any(|word| s.name.contains(word.as_str())));
    }
    if list {
        for scenario in together.iter().chain(&alone) {
            println!("{:<28} {}", scenario.name, scenario.about);
        }
        return ExitCode::SUCCESS;
    }
    if together.is_empty() && alone.is_empty() {
        eprintln!("no scenario has such a name; --list shows all");
        return ExitCode::FAILURE;
    }
    run::all(&suite, &together, &alone)
}
