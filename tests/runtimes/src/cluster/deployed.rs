//! Deployments and Services on two nodes, in one family and in both.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::programs::Side;
use crate::run::{Run, Scenario};

use super::kube::{Kube, Pod, until};
use super::plane::Stack;
use super::worker::RUNTIME;
use super::worker::TEMPLATE;
use super::workload::{PORT, answer, ask, deployment, reached_at, service, url};
use super::{killed, readiness};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "cluster::ipv4",
            about: "Deployments and Services on two nodes; a node's network is broken and mended, and its condition says so",
            work: |run| {
                let kube = up(run, Stack::V4);
                reach(run, &kube);
                readiness::follows(run, &kube);
                remove(run, &kube, kube.stack.name(), Side::Ours);
            },
        },
        Scenario {
            name: "cluster::dual-stack",
            about: "the same with IPv4 and IPv6; a node is killed and comes back",
            work: |run| {
                let mut kube = up(run, Stack::Dual);
                reach(run, &kube);
                killed::and_back(run, &mut kube);
                reach(run, &kube);
                remove(run, &kube, kube.stack.name(), Side::Ours);
            },
        },
    ]
}

/// A cluster with pods of ours: four of one Deployment, one that is alone.
fn up(run: &Run, stack: Stack) -> Kube {
    let kube = Kube::up(run, Side::Ours, stack, TEMPLATE);
    start(run, &kube);
    kube
}

/// Starts both Deployments with their Services.
pub fn start(run: &Run, kube: &Kube) {
    kube.plane.apply(&[deployment("web", 4), deployment("lone", 1), service("web"), service("lone")]);
    let seconds = until("five pods are ready", || ready(kube, "web", 4) && ready(kube, "lone", 1));
    run.show(&format!("two Deployments of 4 pods and 1 ready after {seconds:.1} s"));
}

pub fn ready(kube: &Kube, app: &str, count: usize) -> bool {
    let pods = kube.pods(app);
    pods.len() == count && pods.iter().all(|pod| pod.ready)
}

/// Every way from one to another, in each family.
pub fn reach(run: &Run, kube: &Kube) {
    let families = if kube.stack == Stack::Dual { 2 } else { 1 };
    let web = kube.pods("web");
    let lone = &kube.pods("lone")[0];
    let on = |name: &str| -> Vec<&Pod> { web.iter().filter(|pod| pod.node == name).collect() };
    let (here, there) = (on("n1"), on("n2"));
    assert_eq!((here.len(), there.len()), (2, 2), "two pods on each node: {web:#?}");
    assert!(web.iter().all(|pod| pod.addresses.len() == families), "addresses of pods: {web:#?}");

    let mut ways = 0;
    for family in 0..families {
        let at = |pod: &Pod| url(&pod.addresses[family], PORT);
        for (from, to) in [(here[0], here[1]), (here[0], there[0]), (there[0], here[0]), (there[0], there[1])]
        {
            assert_eq!(ask(kube, from, &at(to)), to.name, "{} to {}", from.name, to.name);
            ways += 1;
        }
        for (worker, pod) in kube.workers.iter().zip([here[0], there[0]]) {
            worker.node.sh(&format!("curl -gsf --max-time 5 {}", at(pod)));
            ways += 1;
        }
    }
    ways += services(kube, here[0], there[0], lone);
    run.show(&format!("{ways} ways tried, all open: pod to pod on a node and across, node to pod, Services"));
    run.show(&kube.assert_whole());
}

/// A pod of each node to the Services, one to its own, and the outside to the port on each node.
fn services(kube: &Kube, here: &Pod, there: &Pod, lone: &Pod) -> usize {
    let (web, port) = reached_at(kube, "web");
    let (own, _) = reached_at(kube, "lone");
    let mut ways = 0;
    for address in &web {
        for pod in [here, there] {
            let at = url(address, 80_u16);
            // kube-proxy learns of each pod when the API server does, and writes its rules a moment later.
            let names = RefCell::new(BTreeSet::new());
            until("two pods of the Service have answered", || {
                names.borrow_mut().extend(answer(kube, pod, &at));
                names.borrow().len() > 1
            });
            ways += 1;
        }
    }
    for address in &own {
        assert_eq!(
            ask(kube, lone, &url(address, 80_u16)),
            lone.name,
            "a pod to the Service it is alone behind"
        );
        ways += 1;
    }
    let dual = kube.stack == Stack::Dual;
    for number in [11, 12] {
        let v6 = dual.then(|| format!("fd00:99::{number}"));
        for address in [Some(format!("10.99.0.{number}")), v6].into_iter().flatten() {
            kube.plane.node.sh(&format!("curl -gsf --max-time 5 {}", url(&address, port)));
            ways += 1;
        }
    }
    ways
}

/// Deletes all of it; nothing may be left on any node.
pub fn remove(run: &mut Run, kube: &Kube, what: &str, side: Side) {
    kube.plane.kubectl("delete deployment,service --selector=none!=such --wait=false");
    let seconds = until("no pod is left", || kube.empty());
    run.show(&format!("deleted: no pod after {seconds:.1} s"));
    for worker in &kube.workers {
        run.report.close_with(RUNTIME, what, side, &worker.node, |call| call.verb == "STATUS");
    }
    run.show("no lease, link, rule or namespace left on either node");
}
