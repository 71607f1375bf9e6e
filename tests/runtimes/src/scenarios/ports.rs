//! Dual stack with every check switched on, and ports of the node through the reference's portmap behind ours.

use serde_json::{Value, json};

use crate::accounting::assert_whole;
use crate::confs::{bridge, with};
use crate::containerd::{Pod, Version};
use crate::programs::Side;
use crate::run::{Run, Scenario};
use crate::traffic::{NODE_ADDRESSES, outside};

use super::machine::{Machine, addresses};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "containerd-2::ports",
            about: "dual stack, spoof check, ports of the node asked from outside, from a neighbour, from the pod itself",
            work: |run| ports(run, Version::Two),
        },
        Scenario {
            name: "containerd-1.7::ports",
            about: "the same with containerd 1.7",
            work: |run| ports(run, Version::One),
        },
    ]
}

fn ports(run: &mut Run, version: Version) {
    let conf = with(&bridge(&["10.88.0.0/24", "fd00:88::/64"]), &json!({ "macspoofchk": true, "mtu": 1400 }));
    let mut machine = Machine::new(run, version, Side::Ours, &conf);
    outside(&machine.node);
    let pods: Vec<(Pod, Value)> = (0..4)
        .map(|i| {
            let request = json!({ "ports": [{ "host": 8080 + i, "container": 80 }] });
            let pod = machine.containerd.run_with(&format!("web{i}"), request.clone());
            machine.containerd.web(&pod, &request, 80);
            (pod, request)
        })
        .collect();
    let all: Vec<Pod> = pods.iter().map(|(pod, _)| pod.clone()).collect();
    let account = assert_whole(&machine.node, &addresses(&all));
    // One element knows the port, one the port with its hardware address.
    assert_eq!(account.spoof.len(), 2 * all.len(), "spoof checks: {:#?}", account.spoof);
    run.say(account.summary());

    for (i, (pod, _)) in pods.iter().enumerate() {
        let port = 8080 + i;
        let netns = machine.node.netns(&pod.sandbox);
        let lo = machine.node.sh(&format!("nsenter --net=/run/netns/{netns} ip -br addr show lo"));
        assert!(lo.contains("127.0.0.1/8") && lo.contains("::1/128"), "lo of a pod: {lo}");
        let neighbour = machine.node.netns(&all[(i + 1) % all.len()].sandbox);
        for address in NODE_ADDRESSES {
            for (who, namespace) in
                [("outside", "outside"), ("a neighbour", &neighbour), ("the pod itself", &netns)]
            {
                let url = format!("http://{}:{port}/", bracketed(address));
                let answer = machine.node.sh(&format!(
                    "nsenter --net=/run/netns/{namespace} /run/programs/bin/pod get {url} || echo 'no answer'"
                ));
                assert!(answer.starts_with(&pod.name), "{who} asked {url}: {answer}");
            }
        }
    }
    run.say(format!(
        "{} pods answer at their ports over IPv4 and IPv6, each asked from three places",
        all.len()
    ));
    let loopbacks = machine.node.calls().iter().filter(|call| call.plugin == "loopback").count();
    assert_eq!(loopbacks, all.len(), "calls of loopback");
    run.say("loopback was called for each, and lo is up with 127.0.0.1 and ::1");
    machine.containerd.remove_all(&all);
    run.report.close(
        &format!("containerd {}", version.number()),
        "ports, dual stack",
        Side::Ours,
        &machine.node,
    );
}

fn bracketed(address: &str) -> String {
    if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
}
