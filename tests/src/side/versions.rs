//! Every version of the specification: results written, previous results read.

use serde_json::json;

use crate::confs::{dual, host_local, merged, plain};

use super::case::{Case, Step};

pub fn cases() -> Vec<Case> {
    use Step::{Add, Check, Del, State};
    let mut cases = Vec::new();
    for version in ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
        let named = |what: &str| format!("{what}_{}", version.replace('.', "_"));
        let keys = json!({ "cniVersion": version });
        let mut steps = vec![Add("a"), State, Del("a"), State];
        if version >= "0.4.0" {
            steps.insert(2, Check("a"));
        }
        cases.push(Case::bridge(named("version"), merged(&plain(), &keys)).steps(steps.clone()));
        let routed =
            merged(&dual(), &merged(&keys, &json!({ "ipam": { "routes": [{ "dst": "fd05::/48" }] } })));
        cases.push(Case::bridge(named("version_dual"), routed).steps(steps.clone()));
        cases.push(
            Case::host_local(
                named("version_host_local"),
                merged(
                    &host_local(&json!({ "subnet": "10.88.0.0/24", "routes": [{ "dst": "0.0.0.0/0" }] })),
                    &keys,
                ),
            )
            .steps(vec![Add("a"), Del("a")]),
        );
    }
    let mut none = plain();
    none.as_object_mut().unwrap().remove("cniVersion");
    cases.push(Case::bridge("version_absent", none).steps(vec![Add("a"), State, Del("a"), State]));
    for (name, version) in [("version_9_9_9", "9.9.9"), ("version_empty", ""), ("version_1", "1")] {
        cases.push(
            Case::bridge(name, merged(&plain(), &json!({ "cniVersion": version })))
                .steps(vec![Add("a"), Del("a")]),
        );
    }
    cases
}
