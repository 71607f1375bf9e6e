//! STATUS becomes the node's condition.

use std::fs;
use std::time::Instant;

use crate::run::Run;

use super::kube::{Kube, until};
use super::worker::CONFLIST;
use super::workload::{PORT, url};

/// The longest that the condition may take.
const WITHIN: f64 = 10.0;

/// Breaks the first node's network in two ways while pods run on it, and mends it.
pub fn follows(run: &Run, kube: &Kube) {
    let node = &kube.workers[0].node;
    let pods = kube.pods("web");
    let pod = pods.iter().find(|pod| pod.node == node.name).unwrap();
    // At every question; a pod that does not answer ends the run.
    let at = format!("curl -gsf --max-time 5 {}", url(&pod.addresses[0], PORT));
    let answers = || node.sh(&at).starts_with(&pod.name);
    let (place, hidden) = (node.dir.join("bin/host-local"), node.dir.join("host-local"));
    let good = node.read(CONFLIST);
    let misspelt = good.replace("\"ipMasq\": true", "\"ipMasq\": true, \"ipMasqBackend\": \"iptable\"");
    assert_ne!(good, misspelt, "the configuration that containerd made: {good}");

    for (what, words) in [
        ("\"ipMasqBackend\": \"iptable\" is put into the network configuration", "ipMasqBackend"),
        ("host-local is taken away", "host-local"),
    ] {
        run.show(what);
        let start = Instant::now();
        if words == "host-local" {
            fs::rename(&place, &hidden).unwrap();
        } else {
            node.write(CONFLIST, &misspelt);
        }
        until("the node is not ready", || answers() && !kube.condition(1).ready);
        let seconds = start.elapsed().as_secs_f64();
        let condition = kube.condition(1);
        run.show(&format!("  {seconds:.1} s: Ready is False, {}\n  {}", condition.reason, condition.message));
        assert!(condition.message.contains(words), "the reason does not name {words}: {condition:?}");
        assert!(seconds < WITHIN, "NodeReady followed STATUS after {seconds} s");

        let start = Instant::now();
        if words == "host-local" {
            fs::rename(&hidden, &place).unwrap();
        } else {
            node.write(CONFLIST, &good);
        }
        until("the node is ready again", || answers() && kube.condition(1).ready);
        let seconds = start.elapsed().as_secs_f64();
        run.show(&format!("mended\n  {seconds:.1} s: Ready is True; its pods answered all the time"));
        assert!(seconds < WITHIN, "NodeReady followed STATUS after {seconds} s");
    }
}
