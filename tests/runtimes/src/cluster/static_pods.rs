//! A kubelet by itself: pods from files.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::accounting::{assert_whole, left};
use crate::command::{self, wait_for};
use crate::confs::{bridge, list, with};
use crate::containerd::{Containerd, Version};
use crate::node::Node;
use crate::programs::{IMAGE, Side};
use crate::run::{Run, Scenario};

use super::kubelet;

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "kubelet::static-pods",
        about: "pods from files on one node: ready, reachable, deleted; the network broken and mended while they run",
        work: static_pods,
    }]
}

const CONF: &str = "net.d/10-pods.conflist";

fn static_pods(run: &mut Run) {
    let node = Node::new(run, "static", Side::Ours);
    let good = bridge(&["10.88.0.0/24"]);
    node.write(CONF, &list("1.1.0", &good).to_string());
    // Something has to be the node's own address.
    node.sh("ip link add up0 type veth peer name up1; ip link set up1 up; ip link set up0 up
        ip addr add 10.99.0.11/24 dev up0; ip route add default via 10.99.0.1; mkdir -p /run/node/manifests");
    let _containerd = Containerd::start_with(&node, Version::Two, &json!({ "internal_loopback": false }));
    let changes =
        json!({ "registerNode": false, "staticPodPath": "/run/node/manifests", "readOnlyPort": 10255 });
    let start = Instant::now();
    kubelet::start(&node, &changes, "--node-ip 10.99.0.11");
    for name in ["a", "b", "c"] {
        put(&node, name);
    }
    let pods = ready(&node, 3);
    run.show(&format!("3 pods ready {:.1} s after the kubelet's start", start.elapsed().as_secs_f64()));
    reach(&node, &pods);
    let account = assert_whole(&node, &pods.values().map(|a| vec![a.clone()]).collect::<Vec<_>>());
    run.show(&format!("all reached; {}", account.summary()));

    run.show("\"ipMasqBackend\": \"iptable\" is put into the network configuration");
    let bad = with(&good, &json!({ "ipMasqBackend": "iptable" }));
    let broken = Instant::now();
    node.write(CONF, &list("1.1.0", &bad).to_string());
    let asked = wait_for(Duration::from_secs(10), || {
        node.calls().iter().any(|call| call.verb == "STATUS" && call.failed()).then_some(())
    });
    assert!(asked.is_some(), "STATUS was not asked for within 10 s");
    run.show(&format!("  {:.1} s: STATUS fails", broken.elapsed().as_secs_f64()));
    put(&node, "d");
    run.show(&format!("  a new pod waits: {}", refused(&node, "d-static")));
    reach(&node, &pods);
    run.show("  the three that run are reached");
    let mended = Instant::now();
    node.write(CONF, &list("1.1.0", &good).to_string());
    let pods = ready(&node, 4);
    run.show(&format!("mended: the pod that waited is ready after {:.1} s", mended.elapsed().as_secs_f64()));
    reach(&node, &pods);

    let start = Instant::now();
    for name in ["a", "b", "c", "d"] {
        fs::remove_file(node.dir.join(format!("manifests/{name}.json"))).unwrap();
    }
    let still = wait_for(Duration::from_secs(30), || left(&node).is_empty().then_some(()));
    assert!(still.is_some(), "left on the node:\n{}", left(&node).join("\n"));
    run.show(&format!("deleted: nothing left after {:.1} s", start.elapsed().as_secs_f64()));
    run.report
        .close_with(super::worker::RUNTIME, "static pods", Side::Ours, &node, |call| call.verb == "STATUS");
}

/// Writes a pod's file elsewhere and moves it to where the kubelet looks, which reads whatever is there.
fn put(node: &Node, name: &str) {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "namespace": "default" },
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": "web", "image": IMAGE, "imagePullPolicy": "Never", "args": ["web", ":8080"],
                "readinessProbe": { "httpGet": { "port": 8080 }, "periodSeconds": 1 },
            }],
        },
    });
    node.write(&format!("{name}.json"), &pod.to_string());
    fs::rename(node.dir.join(format!("{name}.json")), node.dir.join(format!("manifests/{name}.json")))
        .unwrap();
}

/// Waits for so many pods; their names and addresses.
#[track_caller]
fn ready(node: &Node, count: usize) -> BTreeMap<String, String> {
    let found = wait_for(Duration::from_secs(40), || {
        let pods = pods(node);
        (pods.len() == count).then_some(pods).or_else(|| {
            thread::sleep(Duration::from_millis(150));
            None
        })
    });
    found.unwrap_or_else(|| panic!("ready: {:?}", pods(node)))
}

/// Pods that the kubelet calls ready.
fn pods(node: &Node) -> BTreeMap<String, String> {
    let output = command::output(node.command("curl").args(["-sf", "http://127.0.0.1:10255/pods"]));
    let list: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let mut found = BTreeMap::new();
    for pod in list["items"].as_array().into_iter().flatten() {
        let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
        if conditions.any(|c| c["type"] == "Ready" && c["status"] == "True") {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            found.insert(text(&pod["metadata"]["name"]), text(&pod["status"]["podIP"]));
        }
    }
    found
}

fn reach(node: &Node, pods: &BTreeMap<String, String>) {
    for (name, address) in pods {
        let said = node.sh(&format!("curl -sf --max-time 5 http://{address}:8080/"));
        assert!(said.starts_with(&format!("{name} sees ")), "{name}: {said}");
    }
}

/// Waits until the kubelet says why it does not start a pod; its words.
#[track_caller]
fn refused(node: &Node, pod: &str) -> String {
    let line = wait_for(Duration::from_secs(10), || {
        let log = node.read("log/kubelet");
        log.lines()
            .find(|line| line.contains("NetworkPluginNotReady") && line.contains(pod))
            .map(str::to_owned)
    });
    let line = line.expect("the kubelet started a pod without a network");
    assert!(line.contains("iptable"), "the reason is not there: {line}");
    let words = line.split("err=\"").nth(1).and_then(|rest| rest.split("\" pod=").next());
    words.unwrap_or(&line).replace("\\\"", "\"").replace("\\\"", "\"")
}
