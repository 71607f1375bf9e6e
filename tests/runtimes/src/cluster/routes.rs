//! Routes between the nodes' pods, by the script that users of kind are given.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::command;
use crate::programs::programs;
use crate::run::Run;

use super::kube::Kube;
use super::plane::enter;

/// Runs `conf/kind/routes.sh`, which is told by two variables how to reach the cluster and its nodes.
pub fn set(run: &Run, kube: &Kube) {
    let kubectl = script(
        run,
        "kubectl",
        &format!(
            "exec {} env HOME=/run /run/programs/bin/kubectl --kubeconfig /run/node/kubeconfig \"$@\"",
            kube.plane.enter(run)
        ),
    );
    let cases: Vec<String> = kube
        .workers
        .iter()
        .map(|worker| format!("{}) shift; exec {} \"$@\" ;;", worker.node.name, enter(run, &worker.node)))
        .collect();
    let node_exec = script(run, "node_exec", &format!("case $1 in\n{}\nesac", cases.join("\n")));
    let said = command::run(
        Command::new(programs().scripts.join("../../../conf/kind/routes.sh"))
            .env("KUBECTL", kubectl)
            .env("NODE_EXEC", node_exec),
        "conf/kind/routes.sh",
    );
    run.show("$ conf/kind/routes.sh");
    run.show(&said);
}

fn script(run: &Run, name: &str, text: &str) -> String {
    let path = run.dir.join(name);
    fs::write(&path, format!("#!/bin/bash\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}
