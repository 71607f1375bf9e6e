//! A delegated plugin that is missing, answers nonsense, fails, or dies.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::confs::plain;
use crate::harness::{Call, Node, Pod, Side, Test, WORK_DIR};

use super::Row;

/// Writes a plugin `fake` that notes every verb in `calls` and then runs `script` for ADD.
fn fake(node: &Node, pod: &Pod, verb: &str, script: &str) -> Call {
    let folder = format!("{WORK_DIR}/plugins");
    fs::create_dir_all(&folder).unwrap();
    let text = format!(
        "#!/bin/sh\ncat >{WORK_DIR}/stdin.$CNI_COMMAND\necho $CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME >>{WORK_DIR}/calls\n\
         case $CNI_COMMAND in DEL) exit 0;; esac\n{script}\n"
    );
    let path = format!("{folder}/fake");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let _ = node;
    let cni_path = format!("{folder}:{}", Side::Ours.cni_path());
    Side::Ours.bridge().attach(verb, &conf(), pod).env("CNI_PATH", &cni_path)
}

fn conf() -> Value {
    let mut conf = plain();
    conf["ipam"] = json!({ "type": "fake" });
    conf
}

/// A plugin that prints `answer`.
fn printing(answer: &str) -> String {
    format!("cat <<'END'\n{answer}\nEND")
}

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let result = |ips: Value| printing(&json!({ "cniVersion": "1.1.0", "ips": ips }).to_string());
    for (name, codes, words, script) in [
        ("garbage", &[103][..], &["fake"][..], "echo hello".to_owned()),
        ("nothing", &[103], &["fake"], String::new()),
        ("a_list", &[103], &["fake"], printing("[]")),
        ("no_address", &[103], &["ip"], result(json!([]))),
        ("bad_address", &[103], &["10.88.0"], result(json!([{ "address": "10.88.0/16" }]))),
        ("wrong_types", &[103], &["fake"], printing(r#"{"cniVersion": "1.1.0", "ips": "10.88.0.2/16"}"#)),
        ("failure_without_error", &[103], &["fake"], "echo oops >&2; exit 3".to_owned()),
        ("killed", &[103], &["fake", "signal"], "kill -9 $$".to_owned()),
        (
            "own_error_passed_on",
            &[142],
            &["no luck today", "ask again"],
            printing(
                r#"{"cniVersion": "1.1.0", "code": 142, "msg": "no luck today", "details": "ask again"}"#,
            ) + "\nexit 1",
        ),
    ] {
        rows.push(Row::new(format!("ipam::add_{name}"), codes, words, move |node, pod| {
            let call = fake(node, pod, "ADD", &script);
            prepare_bridge(node);
            call
        }));
    }
    rows.push(Row::new("ipam::plugin_not_in_path", &[4], &["nobody", "CNI_PATH"], |_, pod| {
        let mut conf = plain();
        conf["ipam"] = json!({ "type": "nobody" });
        Side::Ours.bridge().attach("ADD", &conf, pod)
    }));
    rows.push(Row::new("ipam::plugin_not_executable", &[4], &["fake"], |node, pod| {
        let call = fake(node, pod, "ADD", "");
        fs::set_permissions(format!("{WORK_DIR}/plugins/fake"), fs::Permissions::from_mode(0o644)).unwrap();
        call
    }));
    rows
}

/// The bridge that a first ADD would make, so that what a later one leaves stands out.
fn prepare_bridge(node: &Node) {
    node.ip("link add cni0 type bridge");
    node.ip("link set cni0 up");
    node.set_sysctl("net/ipv4/ip_forward", "1");
}

pub fn tests() -> Vec<Test> {
    crate::node_tests![
        a_failed_add_asks_ipam_to_release,
        ipam_sees_the_callers_environment_and_stdin,
        status_passes_the_ipam_error_on,
        an_older_result_is_understood
    ]
}

/// The kernel refuses an address that IPAM gave: IPAM hears DEL, and nothing is left.
fn a_failed_add_asks_ipam_to_release(node: &Node) {
    let pod = node.pod("a");
    // The gateway address is taken by a link that the plan does not own.
    node.ip("link add cni0 type bridge");
    node.ip("address add 10.99.0.1/24 dev cni0");
    let answer = json!({ "cniVersion": "1.1.0", "ips": [{ "address": "10.88.0.7/16" }] });
    let call = fake(node, &pod, "ADD", &printing(&answer.to_string()));
    let before = node.snapshot();
    call.run().failed();
    before.assert_same(&node.snapshot(), "the failed ADD");
    let calls = fs::read_to_string(format!("{WORK_DIR}/calls")).unwrap();
    let verbs: Vec<&str> = calls.lines().collect();
    assert!(verbs == ["ADD a eth0", "DEL a eth0"], "IPAM was called with {verbs:?}");
}

fn ipam_sees_the_callers_environment_and_stdin(node: &Node) {
    let pod = node.pod("a");
    let answer = json!({ "cniVersion": "1.1.0", "ips": [{ "address": "10.88.0.7/16" }] });
    let script = format!("env >{WORK_DIR}/env\n{}", printing(&answer.to_string()));
    fake(node, &pod, "ADD", &script).env("CNI_ARGS", "IgnoreUnknown=1;X=y").run().ok();
    let environment = fs::read_to_string(format!("{WORK_DIR}/env")).unwrap();
    for line in
        ["CNI_CONTAINERID=a", "CNI_IFNAME=eth0", "CNI_NETNS=/run/netns/a", "CNI_ARGS=IgnoreUnknown=1;X=y"]
    {
        assert!(environment.lines().any(|l| l == line), "{line} is missing in {environment}");
    }
    let stdin = fs::read(format!("{WORK_DIR}/stdin.ADD")).unwrap();
    assert_eq!(String::from_utf8(stdin).unwrap(), conf().to_string());
}

fn status_passes_the_ipam_error_on(node: &Node) {
    let pod = node.pod("a");
    let answer = r#"{"cniVersion": "1.1.0", "code": 51, "msg": "half of it works"}"#;
    let error = fake(node, &pod, "STATUS", &(printing(answer) + "\nexit 1")).run().failed();
    assert_eq!((error.code, error.msg.as_str()), (51, "half of it works"));
}

/// IPAM plugins may answer in an older form than the configuration's version.
fn an_older_result_is_understood(node: &Node) {
    let pod = node.pod("a");
    let answer =
        json!({ "cniVersion": "0.2.0", "ip4": { "ip": "10.88.0.7/16", "routes": [{ "dst": "0.0.0.0/0" }] } });
    let result = fake(node, &pod, "ADD", &printing(&answer.to_string())).run().ok().json();
    assert_eq!(crate::confs::addresses(&result), ["10.88.0.7"]);
    assert_eq!(result["cniVersion"], "1.1.0");
}
