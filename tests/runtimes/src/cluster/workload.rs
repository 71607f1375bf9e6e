//! What users ask a cluster for: Deployments and Services.

use serde_json::{Value, json};

use crate::command;
use crate::programs::IMAGE;

use super::kube::{Kube, Pod};

/// The port that the pods' web server listens on.
pub const PORT: u16 = 8080;

/// A Deployment of pods that answer HTTP with their name, spread evenly over the nodes.
pub fn deployment(name: &str, replicas: usize) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": name },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": name } },
            "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 0, "maxUnavailable": 1 } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": pod(name),
            },
        },
    })
}

fn pod(name: &str) -> Value {
    json!({
        "automountServiceAccountToken": false, "enableServiceLinks": false, "terminationGracePeriodSeconds": 1,
        "topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": { "matchLabels": { "app": name } },
        }],
        "containers": [{
            "name": "web", "image": IMAGE, "imagePullPolicy": "Never", "args": ["web", format!(":{PORT}")],
            "readinessProbe": { "httpGet": { "port": PORT }, "periodSeconds": 1 },
        }],
    })
}

/// The same, many and small: a process that waits.
pub fn crowd(replicas: usize) -> Value {
    let mut deployment = deployment("crowd", replicas);
    let spec = &mut deployment["spec"]["template"]["spec"];
    spec["containers"] = json!([{ "name": "pod", "image": IMAGE, "imagePullPolicy": "Never" }]);
    deployment
}

/// A Service of both families where the cluster has both, reachable from outside too.
pub fn service(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": name },
        "spec": {
            "type": "NodePort", "ipFamilyPolicy": "PreferDualStack",
            "selector": { "app": name }, "ports": [{ "port": 80, "targetPort": PORT }],
        },
    })
}

/// Where a Service is reached: its addresses, and its port on every node.
pub fn reached_at(kube: &Kube, name: &str) -> (Vec<String>, u64) {
    let service = kube.plane.get(&format!("/api/v1/namespaces/default/services/{name}"));
    let addresses = service["spec"]["clusterIPs"].as_array().into_iter().flatten();
    let port = service["spec"]["ports"][0]["nodePort"].as_u64().unwrap_or_default();
    (addresses.filter_map(|a| a.as_str().map(str::to_owned)).collect(), port)
}

pub fn url(address: &str, port: impl Into<u64>) -> String {
    let port = port.into();
    if address.contains(':') {
        format!("http://[{address}]:{port}/")
    } else {
        format!("http://{address}:{port}/")
    }
}

/// Asks from inside a pod, as `kubectl exec` does; the answer is the name of the pod that answered.
#[track_caller]
pub fn ask(kube: &Kube, pod: &Pod, url: &str) -> String {
    answer(kube, pod, url).unwrap_or_else(|words| {
        for worker in &kube.workers {
            // Whose words would be missed.
            let state = "ip -d addr; ip route; ip -6 route; ip neigh; ip -6 neigh; bridge -d link; bridge mdb; nft list ruleset
                sysctl net.ipv6.conf.all.forwarding net.ipv6.conf.cni0
                for n in /run/netns/*; do
                    echo $n; nsenter --net=$n sh -c 'ip -d addr; ip route; ip -6 route; ip neigh; ip -6 neigh; ip maddr'
                done";
            worker.node.write("log/no-answer", &worker.node.sh(state));
        }
        panic!("{} on {}: no answer from {url}: {words}", pod.name, pod.node)
    })
}

/// The same where there may be no answer, but words about it.
pub fn answer(kube: &Kube, pod: &Pod, url: &str) -> Result<String, String> {
    let words = format!("exec {} -- /pod get {url}", pod.name);
    let output = command::output(kube.plane.kubectl_command().args(words.split(' ')));
    let said = String::from_utf8_lossy(&output.stdout);
    match said.split_once(" sees ").filter(|_| output.status.success()) {
        Some((name, _)) => Ok(name.to_owned()),
        None => Err(format!("{said}{}", String::from_utf8_lossy(&output.stderr))),
    }
}
