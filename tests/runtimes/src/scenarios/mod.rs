//! What is done on one node, runtime by runtime.

mod crio;
mod dying;
mod failing;
mod machine;
mod podman;
mod ports;
mod reboot;
mod sandboxes;
mod status;

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
    ];
    modules.into_iter().flatten().collect()
}
