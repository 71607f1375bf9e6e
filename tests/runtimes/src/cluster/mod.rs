//! Two nodes under one Kubernetes control plane.

use crate::run::Scenario;

pub fn scenarios() -> Vec<Scenario> {
    Vec::new()
}
