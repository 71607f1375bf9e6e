//! A hundred pods at once, and none again; then a node of ours beside a node of the reference's.

use std::time::Instant;

use crate::programs::{Side, programs};
use crate::run::{Run, Scenario};

use super::kube::{Kube, until};
use super::plane::Stack;
use super::worker::{RUNTIME, TEMPLATE, Worker};
use super::workload::crowd;

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "cluster::hundred-pods",
        about: "100 pods scaled up and down; then 50 at once, half of them on a node with the reference's plugins",
        work: hundred,
    }]
}

fn hundred(run: &mut Run) {
    let kube = Kube::up(run, Side::Ours, Stack::V4, TEMPLATE);
    kube.plane.apply(&[crowd(0)]);
    up_and_down(run, &kube, 100, "100 pods at once", [Side::Ours; 2]);

    // At the same time, so that whatever else the machine does is done to both.
    let other = &kube.workers[1].node;
    programs().install(Side::Reference, &other.dir.join("plugins"));
    programs().record(&other.dir.join("plugins"), &other.dir.join("bin"));
    run.show("n2 has the reference's plugins now");
    up_and_down(run, &kube, 50, "50 pods at once, half on a node of each", [Side::Ours, Side::Reference]);
}

fn up_and_down(run: &mut Run, kube: &Kube, pods: usize, what: &str, sides: [Side; 2]) {
    let start = Instant::now();
    kube.plane.kubectl(&format!("scale deployment crowd --replicas={pods}"));
    kube.plane.kubectl("rollout status deployment crowd --timeout=110s");
    run.show(&format!("{pods} pods ready after {:.1} s", start.elapsed().as_secs_f64()));
    run.show(&kube.assert_whole());
    let start = Instant::now();
    kube.plane.kubectl("scale deployment crowd --replicas=0");
    until("no pod is left", || kube.empty());
    run.show(&format!("none after {:.1} s", start.elapsed().as_secs_f64()));
    for (Worker { node, .. }, side) in kube.workers.iter().zip(sides) {
        run.report.close(RUNTIME, what, side, node);
    }
    run.show("no lease, link, rule or namespace left");
}
