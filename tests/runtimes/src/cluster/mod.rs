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

pub fn scenarios() -> Vec<Scenario> {
    let modules =
        [static_pods::scenarios(), deployed::scenarios(), scale::scenarios(), daemonset::scenarios()];
    modules.into_iter().flatten().collect()
}
