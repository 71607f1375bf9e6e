//! The kubelet's settings, which all nodes here share.

use serde_json::{Value, json};

use crate::node::Node;

/// Writes the configuration, `changes` on top of what every node has, and starts the kubelet.
///
/// What is particular to such nodes: cgroups v1 and swap are taken as they are, there is no systemd, a score for the
/// kernel's memory killer may not be set, and a full disk of the machine is not the node's matter.
/// `nodeStatusUpdateFrequency` is 2 s, not 10 s: how soon a condition that the kubelet knows reaches the API.
pub fn start(node: &Node, changes: &Value, flags: &str) {
    let mut config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": "unix:///run/node/containerd.sock",
        "cgroupDriver": "cgroupfs", "failCgroupV1": false, "failSwapOn": false, "oomScoreAdj": 0,
        "resolvConf": "/etc/resolv.conf",
        "fileCheckFrequency": "1s", "syncFrequency": "10s", "nodeStatusUpdateFrequency": "2s",
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "50Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%",
        },
        "authentication": { "anonymous": { "enabled": true }, "webhook": { "enabled": false } },
        "authorization": { "mode": "AlwaysAllow" },
    });
    for (key, value) in changes.as_object().unwrap() {
        config[key] = value.clone();
    }
    node.write("kubelet.json", &config.to_string());
    let script = format!("kubelet --config /run/node/kubelet.json --root-dir /var/lib/kubelet {flags}");
    drop(node.daemon("kubelet", &script));
}
