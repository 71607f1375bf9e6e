//! The power of a node goes and comes back.

use std::time::Instant;

use crate::accounting::Account;
use crate::run::Run;

use super::deployed::ready;
use super::kube::{Kube, until};
use super::routes;

/// Kills the second node, waits until the cluster has noticed, and starts it again.
pub fn and_back(run: &Run, kube: &mut Kube) {
    let before = kube.pods("web");
    let start = Instant::now();
    kube.workers[1].kill();
    until("the cluster has noticed", || !kube.condition(2).ready);
    run.show(&format!(
        "n2 killed\n  {:.1} s: Ready of n2 is no longer True ({})",
        start.elapsed().as_secs_f64(),
        kube.condition(2).reason
    ));

    let start = Instant::now();
    kube.workers[1].boot(&kube.plane);
    run.show(&format!("n2 started again with its disk: {}", Account::take(&kube.workers[1].node).summary()));
    until("n2 is ready again", || kube.condition(2).ready);
    run.show(&format!("  {:.1} s: Ready", start.elapsed().as_secs_f64()));
    routes::set(run, kube);
    until("all pods are ready again", || ready(kube, "web", 4) && ready(kube, "lone", 1));
    run.show(&format!("  {:.1} s: all its pods ready", start.elapsed().as_secs_f64()));
    for pod in kube.pods("web") {
        let old = before.iter().find(|old| old.name == pod.name).map(|old| old.addresses.join(", "));
        let now = pod.addresses.join(", ");
        run.show(&format!("  {} on {}: {now}, before {}", pod.name, pod.node, old.unwrap_or_default()));
    }
}
