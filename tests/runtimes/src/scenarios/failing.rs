//! ADD fails: the runtime shows our words, and nothing is left of the pod that was not.

use std::time::Duration;

use serde_json::json;

use crate::accounting::{Account, assert_whole};
use crate::calls::Call;
use crate::command::wait_for;
use crate::confs::{bridge, with};
use crate::containerd::{Pod, Version};
use crate::programs::Side;
use crate::run::{Run, Scenario};

use super::machine::{Machine, addresses};

const PATIENCE: Duration = Duration::from_secs(5);

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "containerd-2::failing",
            about: "no address left; a bridge that cannot be; each pod is deleted three times and more",
            work: |run| failing(run, Version::Two),
        },
        Scenario {
            name: "containerd-1.7::failing",
            about: "the same with containerd 1.7",
            work: |run| failing(run, Version::One),
        },
    ]
}

fn failing(run: &mut Run, version: Version) {
    // Five addresses beside the gateway's.
    let conf = bridge(&["10.88.0.0/29"]);
    let mut machine = Machine::new(run, version, Side::Ours, &conf);
    let mut pods: Vec<Pod> = (0..4).map(|i| machine.containerd.run(&format!("pod{i}"))).collect();

    let before = Account::take(&machine.node);
    machine.node.sh("ip link add notabridge0 type veth peer name notabridge1");
    machine.configure(&with(&conf, &json!({ "bridge": "notabridge0" })));
    refused(run, &mut machine, "notabridge0");
    assert_eq!(Account::take(&machine.node).lines(), before.lines(), "after an ADD that failed");
    machine.configure(&conf);

    pods.push(made_soon(&mut machine, "fifth"));
    let before = Account::take(&machine.node);
    refused(run, &mut machine, "10.88.0.1-10.88.0.6: 5 of 5 are taken");
    assert_eq!(Account::take(&machine.node).lines(), before.lines(), "after an ADD that failed");

    // One goes, and its address serves again. Stop and remove are asked for more often than needed.
    let gone = pods.remove(2);
    for op in ["stop", "stop", "remove", "remove"] {
        machine.containerd.ask(json!({ "op": op, "sandbox": gone.sandbox })).ok();
    }
    let dels = machine.namespaces("DEL", &gone.sandbox);
    assert!(
        dels.len() >= 2 && dels[0] == "there" && dels[1..].iter().all(|netns| netns == "empty"),
        "{dels:?}"
    );
    run.say(format!("{} DELs of one pod, CNI_NETNS {}", dels.len(), dels.join(", ")));
    pods.push(made_soon(&mut machine, "sixth"));
    assert_eq!(pods[4].addresses, gone.addresses, "there is only that one address");
    assert_whole(&machine.node, &addresses(&pods));
    machine.containerd.remove_all(&pods);
    let runtime = format!("containerd {}", version.number());
    let meant = |call: &Call| call.verb == "ADD";
    run.report.close_with(&runtime, "ADD fails", Side::Ours, &machine.node, meant);
}

/// A pod, as soon as the runtime has read the new configuration.
fn made_soon(machine: &mut Machine, name: &str) -> Pod {
    let made =
        wait_for(PATIENCE, || machine.containerd.ask(json!({ "op": "run", "name": name })).pod(name).ok());
    made.unwrap_or_else(|| panic!("{name} can be made"))
}

/// Asks for a pod until it is refused with these words.
fn refused(run: &Run, machine: &mut Machine, wanted: &str) {
    let mut words = String::new();
    let heard = wait_for(PATIENCE, || {
        match machine.containerd.ask(json!({ "op": "run", "name": "refused" })).pod("refused") {
            // The configuration before was still in use.
            Ok(pod) => machine.containerd.remove(&pod.sandbox),
            Err(error) => words = error,
        }
        words.contains(wanted).then_some(())
    });
    assert!(heard.is_some(), "the words do not contain {wanted:?}: {words}");
    // The list of who has which address goes on.
    run.show(words.lines().next().unwrap_or_default());
}
