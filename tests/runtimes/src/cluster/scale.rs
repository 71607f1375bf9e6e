//! A hundred pods at once, and none again: with our plugins and with the reference's.

use std::time::Instant;

use crate::programs::{Side, programs};
use crate::run::{Run, Scenario};

use super::kube::{Kube, until};
use super::plane::Stack;
use super::worker::{TEMPLATE, Worker};
use super::workload::crowd;

const PODS: usize = 100;

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "cluster::hundred-pods",
        about: "100 pods scaled up and down, with our plugins and then with the reference's on the same nodes",
        work: hundred,
    }]
}

fn hundred(run: &mut Run) {
    let kube = Kube::up(run, Side::Ours, Stack::V4, TEMPLATE);
    kube.plane.apply(&[crowd(0)]);
    for side in Side::BOTH {
        for Worker { node, .. } in &kube.workers {
            programs().install(side, &node.dir.join("plugins"));
            programs().record(&node.dir.join("plugins"), &node.dir.join("bin"));
        }
        up_and_down(run, &kube, side);
    }
}

fn up_and_down(run: &mut Run, kube: &Kube, side: Side) {
    let name = side.name();
    let start = Instant::now();
    kube.plane.kubectl(&format!("scale deployment crowd --replicas={PODS}"));
    kube.plane.kubectl("rollout status deployment crowd --timeout=110s");
    run.show(&format!("{name}: {PODS} pods ready after {:.1} s", start.elapsed().as_secs_f64()));
    run.show(&kube.assert_whole());
    let start = Instant::now();
    kube.plane.kubectl("scale deployment crowd --replicas=0");
    until("no pod is left", || kube.empty());
    run.show(&format!("{name}: none after {:.1} s", start.elapsed().as_secs_f64()));
    for worker in &kube.workers {
        run.report.close(super::worker::RUNTIME, "100 pods on two nodes", side, &worker.node);
    }
    run.show(&format!("{name}: no lease, link, rule or namespace left"));
}
