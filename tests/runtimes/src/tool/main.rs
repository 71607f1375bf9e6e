//! What runs inside a node, under the name it is started by.
//!
//! `probe` and `answer` send and answer datagrams; any other name is a plugin's, whose calls are recorded.
// It is a test's tool: what it prints is its result.
#![allow(clippy::print_stdout)]

mod probe;
mod record;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_default();
    let name = Path::new(&program).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let target = args.next().unwrap_or_default().to_string_lossy().into_owned();
    let done = match name.as_str() {
        "probe" => {
            probe::probe(&target);
            Ok(())
        }
        "answer" => probe::answer(&target),
        _ => return record::record(&name),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name} {target}: {error}");
            ExitCode::FAILURE
        }
    }
}
