//! The node is switched off with pods on it: the folders stay, the network does not.

use std::collections::BTreeSet;
use std::fs;

use serde_json::json;

use crate::accounting::{Account, assert_whole, left};
use crate::confs::bridge;
use crate::containerd::{Containerd, Pod, Version};
use crate::programs::Side;
use crate::run::{Run, Scenario};

use super::machine::{Machine, addresses};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "containerd-2::reboot",
            about: "a full node reboots: the runtime remembers its pods; then it has forgotten them",
            work: |run| reboot(run, Version::Two),
        },
        Scenario {
            name: "containerd-1.7::reboot",
            about: "the same with containerd 1.7",
            work: |run| reboot(run, Version::One),
        },
    ]
}

/// Thirteen addresses beside the gateway's.
const POOL: &str = "10.88.0.0/28";
const FULL: usize = 13;

fn fill(machine: &mut Machine, generation: &str) -> Vec<Pod> {
    let names: Vec<String> = (0..FULL).map(|i| format!("{generation}{i}")).collect();
    machine.containerd.run_all(&names)
}

fn again(machine: &mut Machine) {
    let version = machine.containerd.version();
    machine.node.power_off();
    machine.node.power_on();
    machine.containerd = Containerd::again(&machine.node, version);
}

/// A reboot after which the runtime knows nothing of its pods.
fn forget(machine: &mut Machine) {
    let version = machine.containerd.version();
    machine.node.power_off();
    fs::remove_dir_all(machine.node.dir.join("containerd-root")).unwrap();
    fs::remove_dir_all(machine.node.dir.join("var/cni/results")).unwrap();
    machine.node.power_on();
    machine.containerd =
        Containerd::start_with(&machine.node, version, &json!({ "internal_loopback": false }));
}

/// What becomes of the same node with the reference: only told, for it is not ours to judge.
fn beside(run: &Run) {
    let mut machine = Machine::new(run, Version::Two, Side::Reference, &bridge(&[POOL]));
    fill(&mut machine, "first");
    forget(&mut machine);
    let requests = (0..FULL).map(|i| json!({ "op": "run", "name": format!("second{i}") })).collect();
    let answers = machine.containerd.client.all(requests);
    let made = answers.into_iter().filter(|answer| answer.result.is_ok()).count();
    let account = Account::take(&machine.node).summary();
    run.show(&format!("the reference on such a node: {made} of {FULL} pods could be made; {account}"));
}

fn reboot(run: &mut Run, version: Version) {
    let mut machine = Machine::new(run, version, Side::Ours, &bridge(&[POOL]));
    let first = fill(&mut machine, "first");
    run.show(&format!("before: {}", assert_whole(&machine.node, &addresses(&first)).summary()));
    again(&mut machine);
    run.show(&format!("after the reboot: {}", Account::take(&machine.node).summary()));

    // As a kubelet does: the old sandboxes are stopped and removed, new ones are made.
    let known = machine.containerd.list();
    assert_eq!(known.len(), FULL, "sandboxes that the runtime remembers");
    assert!(known.iter().all(|(_, _, ready)| !ready), "a sandbox survived the reboot: {known:?}");
    for (_, sandbox, _) in &known {
        machine.containerd.remove(sandbox);
    }
    let still = left(&machine.node);
    assert!(still.is_empty(), "after the old sandboxes were removed:\n{}", still.join("\n"));
    run.show("the old sandboxes stopped and removed: nothing left");
    let second = fill(&mut machine, "second");
    run.show(&format!("filled again: {}", assert_whole(&machine.node, &addresses(&second)).summary()));

    // The runtime's memory is lost too: nobody will ever ask for a DEL of what was.
    forget(&mut machine);
    run.show(&format!(
        "rebooted, and the runtime has forgotten all: {}",
        Account::take(&machine.node).summary()
    ));
    let third = fill(&mut machine, "third");
    let account = assert_whole(&machine.node, &addresses(&third));
    let owners: BTreeSet<&str> =
        account.leases.values().filter_map(|owner| owner.split(' ').next()).collect();
    assert!(
        third.iter().all(|pod| owners.contains(pod.sandbox.as_str())),
        "a lease of the dead was kept: {owners:?}"
    );
    run.show(&format!("filled again, no DEL was needed: {}", account.summary()));
    machine.containerd.remove_all(&third);
    run.report.close(&format!("containerd {}", version.number()), "reboot", Side::Ours, &machine.node);
    if version == Version::Two {
        beside(run);
    }
}
