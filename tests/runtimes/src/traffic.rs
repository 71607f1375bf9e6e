//! Packets that go on while something else happens: a ping to every pod, and datagrams out of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use crate::node::Node;
use crate::programs::{programs, put};

/// A machine outside, which knows no way to the pods: what reaches it and comes back was masqueraded.
const OUTSIDE: &str = "192.0.2.1";

/// The node's own addresses, as a machine outside sees it.
pub const NODE_ADDRESSES: [&str; 2] = ["192.0.2.2", "2001:db8::2"];

/// Traffic of some pods, until it is stopped.
pub struct Traffic {
    pub name: String,
    /// Address and namespace of each.
    pods: Vec<(String, String)>,
}

/// What became of the traffic of one pod.
#[derive(Debug)]
pub struct Outcome {
    pub address: String,
    pub pings: usize,
    pub lost_pings: usize,
    pub datagrams: usize,
    pub lost_datagrams: usize,
    pub words: String,
}

/// Gives the node a link to a machine outside that answers datagrams.
pub fn outside(node: &Node) {
    for name in ["probe", "answer"] {
        put(&programs().tool, &node.dir.join(name));
    }
    node.sh(&format!(
        "ip netns add outside
         ip link add uplink0 type veth peer name uplink1 netns outside
         ip addr add 192.0.2.2/24 dev uplink0; ip addr add 2001:db8::2/64 dev uplink0 nodad; ip link set uplink0 up
         ip -n outside addr add {OUTSIDE}/24 dev uplink1; ip -n outside addr add 2001:db8::1/64 dev uplink1 nodad; ip -n outside link set uplink1 up; ip -n outside link set lo up"
    ));
    drop(node.daemon("answer", &format!("ip netns exec outside /run/node/answer {OUTSIDE}:7")));
}

/// Begins: ten pings a second from the node to each pod, twenty datagrams a second from each pod to outside.
pub fn begin(node: &Node, name: &str, pods: Vec<(String, String)>) -> Traffic {
    // The probes read this pipe, and end when its writer does.
    node.sh(&format!("mkfifo /run/node/end-{name}"));
    let mut script = format!("sleep infinity >/run/node/end-{name} & echo $! >/run/node/end-{name}.pid\n");
    for (address, netns) in &pods {
        let _ = writeln!(
            script,
            "ping -n -i 0.1 -W 1 {address} >/run/node/ping-{address} 2>&1 &
             nsenter --net=/run/netns/{netns} /run/node/probe {OUTSIDE}:7 </run/node/end-{name} >/run/node/probe-{address} 2>&1 &"
        );
    }
    drop(node.daemon(&format!("traffic-{name}"), &format!("bash -c '{script} wait'")));
    Traffic { name: name.to_owned(), pods }
}

impl Traffic {
    /// Ends it; one outcome per pod.
    pub fn end(self, node: &Node) -> Vec<Outcome> {
        let name = &self.name;
        let addresses: Vec<&str> = self.pods.iter().map(|(address, _)| address.as_str()).collect();
        // ping prints its counts at SIGINT; a probe when its pipe has no writer any more.
        node.sh(&format!(
            "for a in {}; do pkill -INT -f \"^ping .* $a\\$\"; done; kill $(cat /run/node/end-{name}.pid)
             for _ in $(seq 100); do
               pgrep -P $(cat /run/node/traffic-{name}.pid) >/dev/null || break
               sleep 0.1
             done; rm /run/node/end-{name}",
            addresses.join(" ")
        ));
        self.pods.into_iter().map(|(address, _)| read(node, address)).collect()
    }
}

fn read(node: &Node, address: String) -> Outcome {
    let ping = node.read(&format!("ping-{address}"));
    let probe = node.read(&format!("probe-{address}"));
    // Answers are numbered. The last ping of all may still have been under way.
    let answers: BTreeSet<usize> = ping.lines().filter_map(sequence).collect();
    let numbers: Vec<usize> =
        probe.lines().last().unwrap_or_default().split([' ', ',']).filter_map(|w| w.parse().ok()).collect();
    let (Some(sent), Some([asked, lost])) = (answers.last(), numbers.first_chunk()) else {
        panic!("no counts from {address}: {ping}{probe}");
    };
    for file in ["ping", "probe"] {
        let _ = fs::remove_file(node.dir.join(format!("{file}-{address}")));
    }
    Outcome {
        address,
        pings: *sent,
        lost_pings: (1..=*sent).filter(|n| !answers.contains(n)).count(),
        datagrams: *asked,
        lost_datagrams: *lost,
        words: probe,
    }
}

/// The number of the ping that a line of its output answers.
fn sequence(line: &str) -> Option<usize> {
    line.split("icmp_seq=").nth(1).filter(|_| line.contains("time="))?.split(' ').next()?.parse().ok()
}
