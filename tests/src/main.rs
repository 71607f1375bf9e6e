//! The integration suite: the programs under test in real namespaces, alone and beside the reference.
//!
//! `TRESTLE_BIN` (default `bin/`) holds the programs under test, `REFERENCE_BIN` (default
//! `.cache/reference/`) the reference plugins and cnitool. Every test runs in network and mount namespaces
//! of its own, so nothing reaches the host, however a test ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]
// Tests are tables and scripts: long lists are not complexity, and panics are how they fail.
#![allow(clippy::too_many_lines, clippy::missing_panics_doc, missing_docs)]
// A method of `Node` takes `self` so that only who is on the node can call it.
#![allow(clippy::unused_self)]
// Texts that are built line by line are short.
#![allow(clippy::format_push_string, clippy::needless_for_each)]

mod cnitool;
mod confs;
mod del;
mod drift;
mod errors;
mod gc;
mod harness;
mod healthy;
mod layers;
mod packets;
mod parallel;
mod side;
mod status;
mod switchover;
mod troubleshooting;

use libtest_mimic::Arguments;

fn main() {
    let mut args = Arguments::from_args();
    // Most of a test's time is the kernel's (namespaces and links going away), so more threads than
    // processors pay.
    args.test_threads.get_or_insert(6);
    if !args.list {
        harness::prepare();
    }
    let trials = [
        ("errors", errors::tests()),
        ("del", del::tests()),
        ("drift", drift::tests()),
        ("side", side::tests()),
        ("gc", gc::tests()),
        ("status", status::tests()),
        ("parallel", parallel::tests()),
        ("healthy", healthy::tests()),
        ("packets", packets::tests()),
        ("cnitool", cnitool::tests()),
        ("switchover", switchover::tests()),
        ("troubleshooting", troubleshooting::tests()),
        ("layers", layers::tests()),
    ]
    .into_iter()
    .flat_map(|(module, tests)| harness::trials(module, tests))
    .collect();
    let conclusion = libtest_mimic::run(&args, trials);
    let complete = args.filter.is_none() && args.skip.is_empty();
    if !side::report(complete) {
        std::process::exit(101);
    }
    conclusion.exit();
}
