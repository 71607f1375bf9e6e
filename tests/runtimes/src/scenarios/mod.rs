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

pub fn single() -> Vec<Scenario> {
    let modules = [
        sandboxes::scenarios(),
        ports::scenarios(),
        status::scenarios(),
        failing::scenarios(),
        dying::scenarios(),
        reboot::scenarios(),
        podman::scenarios(),
        crio::scenarios(),
        switchover::scenarios(),
        interrupted::scenarios(),
    ];
    modules.into_iter().flatten().collect()
}
