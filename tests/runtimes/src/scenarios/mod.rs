//! What is done on one node, runtime by runtime.

mod crio;
mod dying;
mod failing;
mod interrupted;
mod machine;
mod podman;
mod ports;
mod reboot;
mod sandboxes;
mod status;
mod switchover;

use crate::run::Scenario;

/// They wait most of the time, or nobody looks at theirs.
pub fn together() -> Vec<Scenario> {
    let modules = [
        reboot::scenarios(),
        dying::scenarios(),
        failing::scenarios(),
        ports::scenarios(),
        status::scenarios(),
        crio::scenarios(),
    ];
    modules.into_iter().flatten().collect()
}

/// Their times are measured, or traffic that must not be lost needs the machine.
pub fn alone() -> Vec<Scenario> {
    let modules =
        [sandboxes::scenarios(), podman::scenarios(), switchover::scenarios(), interrupted::scenarios()];
    modules.into_iter().flatten().collect()
}
