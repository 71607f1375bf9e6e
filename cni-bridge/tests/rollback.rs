//! The rollback sweep: a resource that fails, at every position of a plan, in a namespace of its own.
//! Whatever the position, the kernel is afterwards as it was before. Needs root, or `unshare -rnm`.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking

use std::fmt;
use std::path::Path;
use std::process::Command;

use cni_bridge::Bridge;
use cni_common::driver::{Addressing, NetworkPlugin, Subject};
use cni_common::kernel::{Errno, KernelError, NetNs, Node, Outcome};
use cni_common::plan::{Applied, Drift, OwnerTag, Plan, Resource};
use cni_common::spec::{CniResult, Environment, Request};
use nix::sched::{CloneFlags, unshare};

/// What stands in the way.
struct Failing;

impl fmt::Display for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("host fail")
    }
}

impl Resource for Failing {
    fn apply(&self, _: &mut Node) -> Outcome<Applied> {
        Err(KernelError::new("fail", Errno::EIO))
    }
    fn check(&self, _: &mut Node) -> Outcome<Option<Drift>> {
        Ok(None)
    }
    fn remove(&self, _: &mut Node) -> Outcome<()> {
        Ok(())
    }
}

/// The plan of an ADD for the calling thread's namespace and a container namespace.
fn plan(keys: &str, answer: &str) -> Plan {
    let conf = format!(r#"{{"cniVersion": "1.1.0", "name": "n1", "type": "bridge" {keys}}}"#);
    let env = Environment {
        command: "ADD".into(),
        container_id: "c1".into(),
        netns: "/unused".into(),
        ifname: "eth0".into(),
        path: "/unused".into(),
        ..Environment::default()
    };
    let request = Request::new(&env, conf.into_bytes()).unwrap();
    let attachment = request.attachment().unwrap().clone();
    let subject = Subject {
        tag: OwnerTag::new(&request.conf.name, &attachment),
        network: request.conf.name.clone(),
        attachment,
        netns: "/unused".into(),
    };
    let CniResult { ips, routes, dns, .. } =
        CniResult::from_answer(answer.as_bytes(), request.conf.version).unwrap();
    let addressing = Addressing { ips, routes, dns, interfaces: Vec::new() };
    Bridge::configure(&request).unwrap().plan(&subject, &addressing).unwrap()
}

/// Everything the plan could have touched on the node, as text.
fn state() -> String {
    let commands: [&[&str]; 7] = [
        &["ip", "-o", "link"],
        &["ip", "-o", "addr"],
        &["ip", "route", "show", "table", "all"],
        &["nft", "list", "ruleset"],
        &["iptables-save"],
        &["ip6tables-save"],
        &["sysctl", "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"],
    ];
    let run = |command: &&[&str]| {
        let (program, arguments) = command.split_first().unwrap();
        let output = Command::new(program).args(arguments).output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let text = commands.iter().map(run).collect::<String>();
    // Comments have the time of day; counters move; chains of the kernel stay once a table was looked at.
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.starts_with(':'))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Runs `work` in a thread with network namespaces of its own: the node's and a container's.
fn in_namespaces(work: impl FnOnce(NetNs) + Send + 'static) {
    let thread = std::thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        let container = NetNs::open(Path::new("/proc/thread-self/ns/net")).unwrap();
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
        // The tables and chains that iptables itself makes at its first use stay.
        for program in ["iptables", "ip6tables"] {
            for action in ["-A", "-D"] {
                let status = Command::new(program)
                    .args(["-w", "-t", "nat", action, "POSTROUTING", "-j", "RETURN"])
                    .status();
                assert!(status.unwrap().success(), "{program} {action}");
            }
        }
        work(container);
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

const DUAL: &str = r#"{"ips": [{"address": "10.88.0.5/24"}, {"address": "fd00:88::5/64"}],
    "routes": [{"dst": "192.168.0.0/16"}]}"#;

fn sweep(keys: &'static str, answer: &'static str) {
    in_namespaces(move |container| {
        let before = state();
        let positions = plan(keys, answer).len();
        assert!(positions >= 4, "a plan with {positions} resources tests nothing");
        for position in 0..=positions {
            let mut plan = plan(keys, answer);
            plan.insert(position, Failing);
            let mut node = Node::new(Some(container.try_clone().unwrap())).unwrap();
            let rolled_back = plan.apply(&mut node).unwrap_err();
            assert_eq!(rolled_back.cause.line, "host fail", "{}", rolled_back.cause);
            assert_eq!(rolled_back.left, [], "position {position}");
            drop(node);
            assert_eq!(state(), before, "position {position} of\n{plan}");
        }
    });
}

#[test]
fn masquerade_dual_stack_is_rolled_back_from_every_position() {
    sweep(r#", "isDefaultGateway": true, "ipMasq": true, "hairpinMode": true, "mtu": 1400"#, DUAL);
}

#[test]
fn masquerade_by_iptables_is_rolled_back_from_every_position() {
    sweep(r#", "isGateway": true, "ipMasq": true, "ipMasqBackend": "iptables""#, DUAL);
}

#[test]
fn spoof_check_and_isolation_are_rolled_back_from_every_position() {
    sweep(r#", "isGateway": true, "macspoofchk": true, "portIsolation": true"#, DUAL);
}

#[test]
fn layer_2_is_rolled_back_from_every_position() {
    sweep(r#", "promiscMode": true"#, "{}");
}
