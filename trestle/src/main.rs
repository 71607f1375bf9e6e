//! One program under every plugin's name. One file on disk, and bridge can call host-local without
//! starting a process.

use std::process::ExitCode;

use cni_common::driver::{self, Plugin};

const PLUGINS: &[Plugin] = &[
    cni_bridge::PLUGIN,
    Plugin {
        name: "host-local",
        about: "gives IP addresses out of ranges and keeps the leases on disk (IPAM)",
        run: |request, _| cni_ipam::run(request),
    },
    cni_loopback::PLUGIN,
];

fn main() -> ExitCode {
    driver::main(PLUGINS, option_env!("TRESTLE_COMMIT").unwrap_or("unknown commit"))
}
