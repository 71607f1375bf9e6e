//! Kubernetes: a kubelet by itself, then two nodes under one control plane.

mod daemonset;
mod deployed;
mod killed;
mod kube;
mod kubelet;
mod plane;
mod readiness;
mod routes;
mod scale;
mod static_pods;
mod worker;
mod workload;

use crate::run::Scenario;

/// They wait most of the time, for the cluster to notice something.
pub fn together() -> Vec<Scenario> {
    let modules = [deployed::scenarios(), daemonset::scenarios(), static_pods::scenarios()];
    modules.into_iter().flatten().collect()
}

/// Its times are measured.
pub fn alone() -> Vec<Scenario> {
    scale::scenarios()
}
