//! What holds the promises of docs/reliability.md. `TRESTLE_BIN` (default `bin/`) holds the programs under
//! test, `REFERENCE_BIN` (default `.cache/reference/`) the reference's. Chance comes from a seed that is
//! printed; `FAULTS_SEED` repeats it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]
#![allow(clippy::too_many_lines, missing_docs)]

mod documents;
mod input;
mod privilege;
mod surroundings;
mod sweeps;
mod upgrade;
mod waiting;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use libtest_mimic::{Arguments, Failed, Trial};
use trestle_faults::network::Network;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn folder(variable: &str, default: &str) -> PathBuf {
    let path = std::env::var_os(variable).map_or_else(|| PathBuf::from(ROOT).join(default), PathBuf::from);
    path.canonicalize()
        .unwrap_or_else(|e| panic!("{}: {e}: run `make build`, or set {variable}", path.display()))
}

/// The folder of the programs under test.
fn ours() -> PathBuf {
    folder("TRESTLE_BIN", "bin")
}

/// The folder of the reference's.
fn theirs() -> PathBuf {
    folder("REFERENCE_BIN", ".cache/reference")
}

fn network(name: &str) -> Network {
    Network::named(name, &ours())
}

type Test = (&'static str, fn());

/// Lists functions of a module with their names.
#[macro_export]
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        vec![$((concat!(module_path!(), "::", stringify!($name)), $name as fn())),*]
    };
}

fn trial((path, body): Test) -> Trial {
    let name = path.strip_prefix("faults::").unwrap_or(path);
    Trial::test(name, move || {
        catch_unwind(AssertUnwindSafe(body)).map_err(|payload| {
            let text = payload.downcast_ref::<String>().map(String::as_str);
            Failed::from(
                text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("panic").to_owned(),
            )
        })
    })
}

fn main() {
    let mut args = Arguments::from_args();
    // The sweep has workers of its own.
    args.test_threads.get_or_insert(2);
    if !args.list {
        drop((ours(), theirs()));
        trestle_faults::node::isolate_process();
    }
    let all = [
        sweeps::tests(),
        waiting::tests(),
        input::tests(),
        privilege::tests(),
        surroundings::tests(),
        upgrade::tests(),
        documents::tests(),
    ];
    libtest_mimic::run(&args, all.into_iter().flatten().map(trial).collect()).exit();
}
