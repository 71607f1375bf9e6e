//! One program under every plugin's name: `bridge`, `host-local`. One file on disk, and bridge can call
//! host-local without starting a process.

use std::process::ExitCode;

use cni_common::driver::{self, Plugin};

const PLUGINS: &[Plugin] = &[cni_bridge::PLUGIN];

fn main() -> ExitCode {
    driver::main(PLUGINS, option_env!("TRESTLE_COMMIT").unwrap_or("unknown commit"))
}
