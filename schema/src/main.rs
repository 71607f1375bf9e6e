//! Writes conf/schema. Run after a change of a key; a test says when it is due.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    for schema in trestle_schema::all() {
        let path = trestle_schema::folder().join(schema.file);
        if let Err(error) = std::fs::write(&path, schema.text()) {
            // Where stderr is closed there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "{}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
