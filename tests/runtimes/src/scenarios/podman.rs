//! podman 4 with CNI: run, a published port, an address that is asked for, stop, start, ten at once.

use serde_json::json;

use crate::accounting::assert_whole;
use crate::confs::{bridge, list, with};
use crate::node::Node;
use crate::podman::Podman;
use crate::programs::{IMAGE, Side};
use crate::run::{Run, Scenario};
use crate::traffic::{NODE_ADDRESSES, outside};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "podman::containers",
            about: "run, a published port, an address asked for and refused, stop and start, ten at once",
            work: |run| containers(run),
        },
        Scenario {
            name: "podman::beside",
            about: "five runs of each side in turns",
            work: |run| beside(run),
        },
    ]
}

fn machine(run: &Run, side: Side) -> Node {
    let node = Node::new(run, side.name(), side);
    let bridge = with(&bridge(&["10.89.0.0/24"]), &json!({ "capabilities": { "ips": true, "mac": true } }));
    // podman 4 knows results up to 1.0.0.
    node.write("net.d/10-pods.conflist", &list("1.0.0", &bridge).to_string());
    node
}

fn containers(run: &mut Run) {
    let node = machine(run, Side::Ours);
    outside(&node);
    let podman = Podman::start(&node);
    let runtime = format!("podman {}", podman.version());

    let first = podman.web("first", "--network pods -p 8080:80");
    let fixed = podman.web("fixed", "--network pods --ip 10.89.0.200");
    assert_eq!(fixed, "10.89.0.200");
    assert_whole(&node, &[vec![first.clone()], vec![fixed.clone()]]);
    for url in [format!("http://{}:8080/", NODE_ADDRESSES[0]), format!("http://{first}/")] {
        let answer = node.sh(&format!("/run/programs/bin/pod get {url}"));
        assert!(answer.starts_with("first "), "{url}: {answer}");
    }
    let from = node
        .sh(&format!("ip netns exec outside /run/programs/bin/pod get http://{}:8080/", NODE_ADDRESSES[0]));
    run.say(format!("published port asked from outside: {}", from.trim()));

    let taken = podman.output(&format!("run --rm --name taken --network pods --ip 10.89.0.200 {IMAGE}"));
    let words = String::from_utf8_lossy(&taken.stderr).into_owned();
    assert!(!taken.status.success() && words.contains("10.89.0.200"), "an address was given twice: {words}");
    run.show(words.lines().last().unwrap_or_default());

    podman.ok("stop -t 1 first");
    assert_whole(&node, &[vec![fixed.clone()]]);
    podman.ok("start first");
    let again = podman.address("first");
    assert_whole(&node, &[vec![again], vec![fixed]]);
    podman.ok("rm -f -t 0 first fixed");
    assert_eq!(crate::accounting::left(&node), Vec::<String>::new(), "after rm");
    run.say("stopped, started, removed: nothing left");

    let addresses: Vec<Vec<String>> = std::thread::scope(|scope| {
        let podman = &podman;
        let all: Vec<_> = (0..10)
            .map(|i| scope.spawn(move || vec![podman.web(&format!("crowd{i}"), "--network pods")]))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let account = assert_whole(&node, &addresses);
    podman.ok("rm -f -t 0 -a");
    run.say(format!("ten at once: {}", account.summary()));
    let meant = |call: &crate::calls::Call| call.error.contains("10.89.0.200");
    run.report.close_with(&runtime, "containers", Side::Ours, &node, meant);
}

fn beside(run: &mut Run) {
    let nodes = Side::BOTH.map(|side| (side, machine(run, side)));
    let podmans = nodes.each_ref().map(|(_, node)| Podman::start(node));
    let runtime = format!("podman {}", podmans[0].version());
    for i in 0..5 {
        for podman in &podmans {
            podman.ok(&format!("run -d --name c{i} --network pods {IMAGE}"));
        }
    }
    for ((side, node), podman) in nodes.iter().zip(&podmans) {
        podman.ok("rm -f -t 0 -a");
        run.report.close(&runtime, "in turns", *side, node);
    }
}
