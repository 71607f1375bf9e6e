//! Golden plans: configuration and addressing in, the plan's lines out. Each file of `tests/plans` is one
//! case: the configuration, the IPAM plugin's answer (or the previous result), `---`, the plan.
//! `UPDATE_GOLDEN=1` rewrites what is after the `---`.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking

use std::fs;
use std::path::Path;

use cni_bridge::Bridge;
use cni_common::driver::{Addressing, NetworkPlugin, Subject};
use cni_common::plan::OwnerTag;
use cni_common::spec::{CniResult, Environment, MacAddr, Request};

/// The plan of a case, or the error, with fixed hardware addresses.
fn plan(conf: &str, answer: &str) -> String {
    let env = Environment {
        command: "ADD".into(),
        container_id: "c1".into(),
        netns: "/run/netns/c1".into(),
        ifname: "eth0".into(),
        path: "/opt/cni/bin".into(),
        ..Environment::default()
    };
    let outcome = Request::new(&env, conf.as_bytes().to_vec()).and_then(|request| {
        let mut bridge = Bridge::read(&request)?;
        bridge.bridge_mac = MacAddr([2, 0, 0, 0, 0, 0xb]);
        if !conf.contains("\"mac\"") {
            bridge.container_mac = MacAddr([2, 0, 0, 0, 0, 0xc]);
        }
        let attachment = request.attachment()?.clone();
        let subject = Subject {
            tag: OwnerTag::new(&request.conf.name, &attachment),
            network: request.conf.name.clone(),
            attachment,
            netns: "/run/netns/c1".into(),
        };
        let result = CniResult::from_answer(answer.as_bytes(), request.conf.version)?;
        let CniResult { interfaces, ips, routes, dns } = result;
        bridge.plan(&subject, &Addressing { ips, routes, dns, interfaces })
    });
    match outcome {
        Ok(plan) => plan.to_string(),
        Err(error) => format!("{error}\n"),
    }
}

#[test]
fn every_case_plans_what_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
    let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 12, "cases are missing");
    let mut wrong = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let (input, expected) = text.split_once("---\n").expect("a line --- in every case");
        let (conf, answer) =
            input.split_once("\n\n").expect("an empty line between configuration and answer");
        let actual = plan(conf, answer);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, format!("{input}---\n{actual}")).unwrap();
        } else if actual != expected {
            wrong.push(format!("{}\nexpected:\n{expected}got:\n{actual}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
