//! Somebody dies: the sandbox's process, its namespace, containerd in the middle of an ADD.

use std::time::Duration;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::json;

use crate::accounting::{Account, assert_whole, left};
use crate::command::wait_for;
use crate::confs::bridge;
use crate::containerd::{Containerd, Version, client};
use crate::programs::Side;
use crate::run::{Run, Scenario};

use super::machine::{Machine, addresses};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "containerd-2::dying",
            about: "sandbox killed, namespace deleted, containerd killed in the middle of an ADD in four ways",
            work: |run| dying(run, Version::Two),
        },
        Scenario {
            name: "containerd-1.7::dying",
            about: "the same with containerd 1.7",
            work: |run| dying(run, Version::One),
        },
    ]
}

/// Thirteen addresses beside the gateway's.
const POOL: &str = "10.88.0.0/28";
const FULL: usize = 13;

fn dying(run: &mut Run, version: Version) {
    let mut machine = Machine::new(run, version, Side::Ours, &bridge(&[POOL]));
    sandbox_killed(run, &mut machine);
    namespace_deleted(run, &mut machine);
    for when in ["before", "after"] {
        for orphan in ["goes on", "dies"] {
            containerd_killed(run, &mut machine, when, orphan);
        }
    }
    fill(run, &mut machine);
    let runtime = format!("containerd {}", version.number());
    run.report.close(&runtime, "somebody dies", Side::Ours, &machine.node);
}

fn sandbox_killed(run: &Run, machine: &mut Machine) {
    let pod = machine.containerd.run("killed");
    machine.node.sh(&format!(
        "kill -9 $(cat /run/containerd-state/io.containerd.runtime.v2.task/k8s.io/{}/init.pid)",
        pod.sandbox
    ));
    let noticed = wait_for(Duration::from_secs(5), || (!machine.containerd.list()[0].2).then_some(()));
    assert!(noticed.is_some(), "the runtime does not notice that the sandbox is dead");
    machine.containerd.remove(&pod.sandbox);
    assert_nothing(machine, "sandbox killed");
    let dels = machine.namespaces("DEL", &pod.sandbox);
    run.say(format!(
        "sandbox killed, stopped, removed: DEL with CNI_NETNS {}; nothing left",
        dels.join(", ")
    ));
}

fn namespace_deleted(run: &Run, machine: &mut Machine) {
    let pod = machine.containerd.run("bereft");
    let netns = machine.node.netns(&pod.sandbox);
    let pid = format!("/run/containerd-state/io.containerd.runtime.v2.task/k8s.io/{}/init.pid", pod.sandbox);
    machine.node.sh(&format!("kill -9 $(cat {pid}); umount /run/netns/{netns}; rm /run/netns/{netns}"));
    machine.containerd.remove(&pod.sandbox);
    assert_nothing(machine, "namespace deleted");
    let dels = machine.namespaces("DEL", &pod.sandbox);
    run.say(format!(
        "namespace deleted, stopped, removed: DEL with CNI_NETNS {}; nothing left",
        dels.join(", ")
    ));
}

/// Kills containerd before bridge's ADD has begun, or after it was done and before that was reported. The
/// plugin goes on, or dies too: that is for the service manager to choose.
fn containerd_killed(run: &Run, machine: &mut Machine, when: &str, orphan: &str) {
    let pipe = format!("hold-{when}");
    let path = machine.node.dir.join(&pipe);
    let held = machine.node.dir.join("held");
    mkfifo(&path, Mode::from_bits_truncate(0o600)).unwrap();
    let mut other = client(&machine.node);
    let asked = std::thread::spawn(move || other.ask(json!({ "op": "run", "name": "victim" })));
    wait_for(Duration::from_secs(20), || held.exists().then_some(())).expect("an ADD is under way");
    machine.containerd.kill(&machine.node);
    let calls = machine.node.calls().len();
    if orphan == "dies" {
        machine.node.sh("kill -9 $(cat /run/node/held)");
    } else {
        // Whoever opens the pipe lets it go on. A service manager waits before it starts a runtime again.
        machine.node.sh(&format!(": >/run/node/{pipe}"));
        wait_for(Duration::from_secs(20), || (machine.node.calls().len() > calls).then_some(()))
            .expect("ADD ends");
    }
    machine.node.sh(&format!("rm /run/node/held /run/node/{pipe}"));
    asked.join().unwrap().error();
    let version = machine.containerd.version();
    machine.containerd = Containerd::again(&machine.node, version);
    let account = Account::take(&machine.node).summary();
    let known = machine.containerd.list();
    for (_, sandbox, ready) in &known {
        assert!(!ready, "a sandbox whose ADD was never reported cannot be ready");
        machine.containerd.remove(sandbox);
    }
    run.say(format!(
        "containerd killed {when} bridge's ADD, the plugin {orphan}: {account}; sandboxes known after the start: {}",
        known.len()
    ));
    if version == Version::Two {
        assert_nothing(machine, "containerd killed in ADD");
    } else {
        let gone = || Account::take(&machine.node).links.is_empty().then_some(());
        wait_for(Duration::from_secs(5), gone).expect("the link goes with its namespace");
        let left = Account::take(&machine.node).lines();
        // It removes the namespace and calls no DEL; what that leaves is seen to when addresses run out.
        let meant = left.iter().all(|line| line.starts_with("lease ") || line.starts_with("masquerade "));
        assert!(meant, "left on the node:\n{}", left.join("\n"));
        run.show(&format!("this containerd removes the namespace without a DEL: {} left", left.len()));
    }
}

/// What no DEL was called for is taken back as soon as its address is needed.
fn fill(run: &Run, machine: &mut Machine) {
    let before = Account::take(&machine.node);
    let names: Vec<String> = (0..FULL).map(|i| format!("full{i}")).collect();
    let pods = machine.containerd.run_all(&names);
    let after = assert_whole(&machine.node, &addresses(&pods));
    run.say(format!(
        "{} leases of the dead, then {FULL} pods for {FULL} addresses: {}",
        before.leases.len(),
        after.summary()
    ));
    machine.containerd.remove_all(&pods);
}

#[track_caller]
fn assert_nothing(machine: &Machine, what: &str) {
    let left = left(&machine.node);
    assert!(left.is_empty(), "{what}: left on the node:\n{}", left.join("\n"));
}
