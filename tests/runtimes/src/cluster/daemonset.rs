//! The plugins come to the nodes in a container image, by a DaemonSet, and leave the same way.

use std::fs;

use serde_json::{Value, json};

use crate::accounting::Account;
use crate::command;
use crate::containerd::Version;
use crate::node::Node;
use crate::programs::{Side, programs};
use crate::run::{Run, Scenario};

use super::deployed::{reach, ready, remove, start};
use super::kube::{Kube, until};
use super::plane::Stack;
use super::routes;
use super::worker::{CONFLIST, RUNTIME};
use super::workload::deployment;

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "cluster::daemonset",
        about: "a node with the reference's pods and a new one without network get our plugins by the DaemonSet, and \
                lose them again",
        work: daemonset,
    }]
}

/// The image and the manifest of `make dist`, as nodes see them.
const INSTALLER: &str = "/run/programs/installer";

fn daemonset(run: &mut Run) {
    let template =
        fs::read_to_string(programs().scripts.join("../../../conf/kind/conflist.template")).unwrap();
    // The second is as kubeadm makes it, and has no bridge, as kind's: docs/install.md, docs/kind.md.
    let mut kube = Kube::start(run, Side::Reference, Stack::V4, [&template, ""]);
    let (one, two) = (&kube.workers[0].node, &kube.workers[1].node);
    fs::remove_file(two.dir.join("bin/bridge")).unwrap();
    for node in [one, two] {
        // The template keeps leases in a folder that goes with the node; we look for them elsewhere.
        node.sh("mkdir -p /run/cni-ipam-state /var/lib/cni/networks
            mount --bind /var/lib/cni/networks /run/cni-ipam-state");
        node.sh(&format!(
            "/run/programs/containerd-{}/ctr -a /run/node/containerd.sock -n k8s.io images import --local \
             --snapshotter overlayfs {INSTALLER}/image.tar",
            Version::Two.number()
        ));
    }
    until("n1 is ready, n2 is not", || {
        kube.condition(1).ready && kube.condition(2).message.contains("cni plugin not initialized")
    });
    run.show(&format!("n1 is ready; n2 is not: {}", kube.condition(2).message));
    kube.plane.apply(&[only_on("old", 3, "n1")]);
    until("the reference's pods are ready", || ready(&kube, "old", 3));
    let old: Vec<String> = kube.pods("old").iter().map(|pod| pod.addresses[0].clone()).collect();
    ping(one, &old);
    run.show(&format!("three pods on n1, made by the reference: {}", made_by(one)));

    roll(run, &kube, &format!("apply -f {INSTALLER}/trestle.yaml"));
    for node in [one, two] {
        let said =
            node.sh("cd /opt/cni/bin; ls -i bridge host-local loopback *.before-trestle; ./bridge --version");
        run.show(&format!("{}:\n{said}", node.name));
        assert!(said.contains("(Trestle "), "{}: bridge is not ours: {said}", node.name);
    }
    run.show("n2: the template into containerd's configuration; containerd and kubelet started again");
    kube.workers[1].configure(&template);
    let seconds = until("n2 is ready", || kube.condition(2).ready);
    run.show(&format!("n2 is ready after {seconds:.1} s:\n{}", kube.workers[1].node.read(CONFLIST)));
    routes::set(run, &kube);
    let (one, two) = (&kube.workers[0].node, &kube.workers[1].node);
    let recorded = |node: &Node| node.calls().iter().filter(|call| call.plugin == "bridge").count();
    let before = recorded(one);
    start(run, &kube);
    reach(run, &kube);
    // The recorder is one of the programs that made way.
    assert_eq!(recorded(one), before, "calls of the reference's bridge");
    run.show(&format!("n1: {}\nn2: {}", made_by(one), made_by(two)));
    let lost = pinged(one, &old);
    run.show(&format!("pings to the reference's pods all the while: {lost}"));
    run.report.tally(RUNTIME, "brought by the DaemonSet", 5, 0);
    remove(run, &kube, "before and after the DaemonSet", Side::Reference);

    let script = format!(
        "sed 's/^\\( *\\)- install$/\\1- remove/' {INSTALLER}/trestle.yaml >/run/node/remove.yaml; \
         grep -q -- '- remove$' /run/node/remove.yaml"
    );
    kube.plane.node.sh(&script);
    roll(run, &kube, "apply -f /run/node/remove.yaml");
    run.show("$ kubectl delete -f trestle.yaml");
    run.show(&kube.plane.kubectl(&format!("delete -f {INSTALLER}/trestle.yaml --cascade=foreground")));
    for node in [one, two] {
        run.show(&format!(
            "{}: {}",
            node.name,
            node.sh("cd /opt/cni/bin; ls bridge host-local loopback* *trestle* 2>/dev/null || true")
                .replace('\n', " ")
        ));
    }
    until("n2 has no bridge again", || !kube.condition(2).ready);
    kube.plane.apply(&[only_on("again", 1, "n1")]);
    until("the reference's pod is ready", || ready(&kube, "again", 1));
    assert!(
        one.calls().iter().any(|call| call.plugin == "bridge" && call.verb == "ADD"),
        "the reference is not back"
    );
    run.show(&format!("a pod more, made by the reference again: {}", made_by(one)));
    remove(run, &kube, "before and after the DaemonSet", Side::Reference);
}

/// A Deployment on one node.
fn only_on(name: &str, replicas: usize, node: &str) -> Value {
    let mut deployment = deployment(name, replicas);
    let spec = deployment["spec"]["template"]["spec"].as_object_mut().unwrap();
    spec.remove("topologySpreadConstraints");
    spec.insert("nodeSelector".into(), json!({ "kubernetes.io/hostname": node }));
    deployment
}

/// Applies a manifest of the DaemonSet, waits for it, and shows what the pods said.
fn roll(run: &Run, kube: &Kube, words: &str) {
    run.show(&format!("$ kubectl {}", words.replace(&format!("{INSTALLER}/"), "").replace("/run/node/", "")));
    run.show(&kube.plane.kubectl(words));
    run.show("$ kubectl -n kube-system rollout status daemonset/trestle");
    kube.plane.kubectl("-n kube-system rollout status daemonset/trestle --timeout=60s");
    let pods = kube.plane.kubectl("-n kube-system get pods -l app.kubernetes.io/name=trestle -o name");
    for pod in pods.lines() {
        let node = kube.plane.kubectl(&format!("-n kube-system get {pod} -o jsonpath={{.spec.nodeName}}"));
        run.show(&format!("$ kubectl -n kube-system logs {pod} -c trestle    # on {node}"));
        run.show(&kube.plane.kubectl(&format!("-n kube-system logs {pod} -c trestle")));
    }
}

/// How many pods each side masquerades.
fn made_by(node: &Node) -> String {
    let all = Account::take(node).masquerade;
    let ours = all.iter().filter(|line| line.contains("\"elem\"")).count();
    format!("{ours} pods masqueraded by ours, {} by the reference", all.len() - ours)
}

/// Begins ten pings a second to each.
fn ping(node: &Node, addresses: &[String]) {
    for address in addresses {
        drop(node.daemon(&format!("ping-{address}"), &format!("ping -q -n -i 0.1 -W 1 {address}")));
    }
}

/// Ends them; fails if one was lost.
fn pinged(node: &Node, addresses: &[String]) -> String {
    let mut counts = Vec::new();
    for address in addresses {
        let name = format!("ping-{address}");
        node.sh(&format!("kill -INT $(cat /run/node/{name}.pid)"));
        let said = command::wait_for(std::time::Duration::from_secs(5), || {
            let log = node.read(&format!("log/{name}"));
            log.lines().find(|line| line.contains("packets transmitted")).map(str::to_owned)
        });
        let said = said.unwrap_or_else(|| panic!("no counts of {name}"));
        assert!(said.contains(" 0% packet loss"), "{address}: {said}");
        counts.push(said.split(", time").next().unwrap_or_default().to_owned());
    }
    counts.join("; ")
}
