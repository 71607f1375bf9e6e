//! What is done on one node, runtime by runtime.

mod sandboxes;

use crate::run::Scenario;

pub fn single() -> Vec<Scenario> {
    let mut all = Vec::new();
    all.extend(sandboxes::scenarios());
    all
}
