//! Many sandboxes by containerd, beside the reference: one after the other, and at once.

use crate::accounting::assert_whole;
use crate::confs::bridge;
use crate::containerd::Version;
use crate::programs::Side;
use crate::run::{Run, Scenario};

use super::machine::{Machine, addresses};

const COUNT: usize = 40;

/// How many the reference makes in turns with ours; the second runtime has fewer, for they take time.
fn of_reference(version: Version) -> usize {
    if version == Version::Two { COUNT } else { 10 }
}

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "containerd-2::sandboxes",
            about: "40 sandboxes one after the other and 40 at once, ours and the reference's in turns",
            work: |run| sandboxes(run, Version::Two),
        },
        Scenario {
            name: "containerd-1.7::sandboxes",
            about: "40 one after the other and 40 at once with containerd 1.7, ten of the reference's in turns",
            work: |run| sandboxes(run, Version::One),
        },
    ]
}

/// Those who make the sandbox of this number: ours always, the reference as long as it has any left.
fn taking_part(
    machines: &mut [Machine],
    number: usize,
    version: Version,
) -> impl Iterator<Item = &mut Machine> {
    machines.iter_mut().filter(move |m| m.side == Side::Ours || number < of_reference(version))
}

fn sandboxes(run: &mut Run, version: Version) {
    let runtime = format!("containerd {}", version.number());
    let mut machines = Side::BOTH.map(|side| Machine::new(run, version, side, &bridge(&["10.88.0.0/16"])));

    // In turns, so that both sides have the same machine at the same time.
    let mut pods = [Vec::new(), Vec::new()];
    for i in 0..COUNT {
        for (machine, pods) in taking_part(&mut machines, i, version).zip(&mut pods) {
            pods.push(machine.containerd.run(&format!("pod{i}")));
        }
    }
    for (machine, pods) in machines.iter().zip(&pods) {
        let account = assert_whole(&machine.node, &addresses(pods));
        run.say(format!("{}: {}", machine.side.name(), account.summary()));
    }
    for i in 0..COUNT {
        for (machine, pods) in taking_part(&mut machines, i, version).zip(&pods) {
            machine.containerd.remove(&pods[i].sandbox);
        }
    }
    for machine in &machines {
        run.report.close(&runtime, "one after the other", machine.side, &machine.node);
    }
    run.say("one after the other: nothing left");

    let names: Vec<String> = (0..COUNT).map(|i| format!("crowd{i}")).collect();
    for machine in taking_part(&mut machines, COUNT - 1, version) {
        let pods = machine.containerd.run_all(&names);
        let account = assert_whole(&machine.node, &addresses(&pods));
        machine.containerd.remove_all(&pods);
        run.report.close(&runtime, "at once", machine.side, &machine.node);
        run.say(format!("{}: {COUNT} at once: {}; nothing left", machine.side.name(), account.summary()));
    }
}
