//! The plugin as a bare program, for trying it by hand: no log, no version, no panic handling.
#![allow(clippy::print_stdout, missing_docs)]

use std::io::Read;
use std::process::ExitCode;

use cni_common::spec::{CniError, Environment, Request, SpecVersion};

fn main() -> ExitCode {
    let env = Environment::read(|name| std::env::var(name).ok());
    let run = || {
        let mut stdin = Vec::new();
        std::io::stdin().read_to_end(&mut stdin).map_err(|e| CniError::io(e.to_string()))?;
        let request = Request::new(&env, stdin)?;
        let result = cni_ipam::run(&request)?;
        Ok::<_, CniError>(result.map(|result| result.to_json(request.conf.version)))
    };
    match run() {
        Ok(text) => {
            if let Some(text) = text {
                println!("{text}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{}", error.to_json(SpecVersion::LATEST));
            ExitCode::FAILURE
        }
    }
}
