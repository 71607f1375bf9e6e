//! One program under every plugin's name. One file on disk, and bridge can call host-local without
//! starting a process. Under its own name it is the installer.

use std::path::Path;
use std::process::ExitCode;

use cni_common::driver::{self, Plugin};
use trestle_installer::About;

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
    let commit = option_env!("TRESTLE_COMMIT").unwrap_or("unknown commit");
    let mut arguments = std::env::args_os();
    let program = arguments.next().unwrap_or_default();
    if Path::new(&program).file_name() == Some("trestle".as_ref()) {
        let plugins: Vec<_> = PLUGINS.iter().map(|plugin| plugin.name).collect();
        let about = About { plugins: &plugins, version: env!("CARGO_PKG_VERSION"), commit };
        return trestle_installer::main(about, arguments);
    }
    driver::main(PLUGINS, commit)
}
