//! STATUS: what the runtime says about its network when something breaks, and when it is mended.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::command::wait_for;
use crate::confs::{bridge, with};
use crate::containerd::Version;
use crate::programs::Side;
use crate::run::{Run, Scenario};

use super::machine::Machine;

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "containerd-2::status",
        about: "the network is broken in three ways and mended; the runtime says so, running pods do not notice",
        work: status,
    }]
}

/// Waits until the runtime's network condition is this, and returns the message and the milliseconds.
fn condition(machine: &mut Machine, ready: bool) -> (String, u128) {
    let start = Instant::now();
    let message = wait_for(Duration::from_secs(10), || {
        let (is, message) = machine.containerd.network();
        (is == ready).then_some(message)
    });
    let message = message
        .unwrap_or_else(|| panic!("NetworkReady never became {ready}: {:?}", machine.containerd.network()));
    (message, start.elapsed().as_millis())
}

fn status(run: &mut Run) {
    let good = bridge(&["10.88.0.0/28"]);
    let mut machine = Machine::new(run, Version::Two, Side::Ours, &good);
    let pod = machine.containerd.run("witness");
    let (_, ms) = condition(&mut machine, true);
    run.show(&format!("ready after {ms} ms"));

    let breaks: [(&str, &[&str]); 3] = [
        ("\"ipMasqBackend\": \"iptable\" in the configuration", &["ipMasqBackend", "iptable"]),
        ("host-local taken away", &["host-local"]),
        ("all 13 addresses taken", &["10.88.0.1-10.88.0.14: all 13 are taken"]),
    ];
    let mut crowd = Vec::new();
    for (i, (what, words)) in breaks.into_iter().enumerate() {
        let hidden = machine.node.dir.join("host-local");
        let place = machine.node.dir.join("bin/host-local");
        match i {
            0 => machine.configure(&with(&good, &json!({ "ipMasqBackend": "iptable" }))),
            1 => fs::rename(&place, &hidden).unwrap(),
            _ => crowd = (0..12).map(|i| machine.containerd.run(&format!("crowd{i}"))).collect(),
        }
        let (message, ms) = condition(&mut machine, false);
        run.show(&format!("{what}: not ready after {ms} ms:\n  {message}"));
        assert!(
            words.iter().all(|word| message.contains(word)),
            "the reason does not name {words:?}: {message}"
        );
        machine.node.sh(&format!("ping -q -c 3 -i 0.1 -W 1 {}", pod.addresses[0]));
        match i {
            0 => machine.configure(&good),
            1 => fs::rename(&hidden, &place).unwrap(),
            _ => machine.containerd.remove(&crowd.remove(0).sandbox),
        }
        let (_, ms) = condition(&mut machine, true);
        run.show(&format!("mended: ready after {ms} ms; the pod answered pings all the time"));
    }
    crowd.push(pod);
    machine.containerd.remove_all(&crowd);
    let runtime = format!("containerd {}", Version::Two.number());
    run.report.close_with(&runtime, "STATUS", Side::Ours, &machine.node, |call| call.verb == "STATUS");
}
