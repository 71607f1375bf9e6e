//! The integration suite: the programs under test in real namespaces, alone and beside the reference.
//!
//! `TRESTLE_BIN` (default `bin/`) holds the programs under test, `REFERENCE_BIN` (default
//! `.cache/reference/`) the reference plugins and cnitool. Every test runs in network and mount namespaces
//! of its own, so nothing reaches the host, however a test ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]
// Tests are called through tables, with a node that most only read.
#![allow(clippy::needless_pass_by_value, clippy::too_many_lines, missing_docs)]

mod harness;
mod smoke;

use libtest_mimic::Arguments;

fn main() {
    let mut args = Arguments::from_args();
    // Most of a test's time is the kernel's (namespaces and links going away), so more threads than
    // processors pay.
    args.test_threads.get_or_insert(6);
    if !args.list {
        harness::prepare();
    }
    let trials = harness::trials("smoke", smoke::all());
    libtest_mimic::run(&args, trials).exit();
}
