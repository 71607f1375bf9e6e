//! A node changes its plugins while pods run, start and stop: from the reference to ours, and back.

use std::fs::File;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

use crate::accounting::{Account, left};
use crate::command;
use crate::confs::{bridge, list};
use crate::containerd::{Containerd, Pod, Version, client};
use crate::cri::Client;
use crate::node::Node;
use crate::programs::{Side, programs};
use crate::run::{Run, Scenario};
use crate::traffic::{NODE_ADDRESSES, Outcome, Traffic, begin, outside};

use super::machine::newest;

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "containerd-2::switchover",
        about: "a node full of the reference's pods gets our programs by rename, and the reference's back",
        work: switchover,
    }]
}

/// How long pods come and go under each set of programs.
const WHILE: Duration = Duration::from_secs(3);

fn switchover(run: &mut Run) {
    let node = Node::bare(run, "switched");
    programs().install(Side::Reference, &node.dir.join("bin"));
    node.write("net.d/10-pods.conflist", &list(newest(Version::Two), &bridge(&["10.88.0.0/24"])).to_string());
    outside(&node);
    let mut containerd = Containerd::start_with(&node, Version::Two, &json!({ "internal_loopback": false }));

    let old = many(&mut containerd, "old", 12);
    run.show(&format!("the reference's pods: {}", Account::take(&node).summary()));
    let mut traffic = vec![traffic(&node, &old)];
    let churning = AtomicBool::new(true);
    let (new, made) = thread::scope(|scope| {
        let churn = churn(scope, &node, &churning);
        thread::sleep(WHILE / 2);

        run.show("$ make install");
        run.show(&install(&node, &[]));
        let new = many(&mut containerd, "new", 6);
        traffic.push(self::traffic(&node, &new));
        thread::sleep(WHILE);
        let brief = many(&mut containerd, "brief", 2);
        containerd.remove_all(&brief);
        run.show(&format!("under our programs: {}", Account::take(&node).summary()));

        run.show("$ make uninstall");
        run.show(&install(&node, &["--remove"]));
        let third = many(&mut containerd, "third", 2);
        thread::sleep(WHILE);
        containerd.remove_all(&third);
        run.show(&format!("under the reference again: {}", Account::take(&node).summary()));
        churning.store(false, Ordering::Relaxed);
        (new, churn.join().unwrap())
    });
    run.show(&format!("meanwhile {made} other pods were started, stopped and removed, without an error"));
    quiet(run, &node, traffic);
    // Whoever came with another address was not masqueraded.
    assert_eq!(node.read("log/answer").trim(), NODE_ADDRESSES[0], "who asked outside");

    // Ours are deleted by the reference, and the other way round.
    containerd.remove_all(&new[..3]);
    let after = Account::take(&node);
    let orphans = after.masquerade.iter().filter(|line| line.contains("\"elem\"")).count();
    run.show(&format!("three of our pods deleted by the reference: {}", after.summary()));
    run.show(&format!("  of the masqueraded {orphans} stand in our table: it does not know that"));
    run.show("$ make install");
    install(&node, &[]);
    let last = many(&mut containerd, "last", 1);
    run.show(&format!("ours again, one pod more: {}", Account::take(&node).summary()));
    let living: Vec<&Pod> = old.iter().chain(&new[3..]).chain(&last).collect();
    gc(&node, &living);
    let account = Account::take(&node);
    run.show(&format!("GC with a list of the living: {}", account.summary()));
    assert_eq!(account.masquerade.len(), living.len(), "masqueraded: {:#?}", account.masquerade);
    for pods in [&old[..], &new[3..], &last[..]] {
        containerd.remove_all(pods);
    }
    let left = left(&node);
    run.show(&format!("all deleted by ours: {} left", left.len()));
    run.report.tally(
        &format!("containerd {}", Version::Two.number()),
        "switched while running",
        made + 23,
        left.len(),
    );
    assert!(left.is_empty(), "left on the node:\n{}", left.join("\n"));
}

/// What `cnitool gc` or a runtime with GC does; this containerd has none.
fn gc(node: &Node, living: &[&Pod]) {
    let log = File::options().append(true).create(true).open(node.dir.join("log/libcni")).unwrap();
    let mut libcni = Client::start(&mut node.command("/run/programs/bin/libcni"), log);
    let valid: Vec<Value> =
        living.iter().map(|pod| json!({ "containerID": pod.sandbox, "ifname": "eth0" })).collect();
    let conf = "/etc/cni/net.d/10-pods.conflist";
    libcni.ask(json!({ "op": "gc", "conf": conf, "cache": "/var/lib/cni", "valid": valid })).ok();
}

fn many(containerd: &mut Containerd, name: &str, count: usize) -> Vec<Pod> {
    let names: Vec<String> = (0..count).map(|i| format!("{name}{i}")).collect();
    containerd.run_all(&names)
}

fn traffic(node: &Node, pods: &[Pod]) -> Traffic {
    begin(
        node,
        &pods[0].name,
        pods.iter().map(|pod| (pod.addresses[0].clone(), node.netns(&pod.sandbox))).collect(),
    )
}

/// `scripts/install`, with the node's plugin folder as the host sees it; the node's own is a mount of it.
fn install(node: &Node, args: &[&str]) -> String {
    let script = programs().scripts.join("../../../scripts/install");
    let folder = node.dir.join("bin");
    let said = command::run(
        Command::new(script).args(args).env("PREFIX", &folder).env_remove("DESTDIR"),
        "scripts/install",
    );
    said.replace(&folder.display().to_string(), "/opt/cni/bin")
}

/// Two pods at a time come and go until they are told to stop; returns how many there were.
fn churn<'s>(
    scope: &'s thread::Scope<'s, '_>,
    node: &'s Node,
    going: &'s AtomicBool,
) -> ScopedJoinHandle<'s, usize> {
    scope.spawn(move || {
        let mut client = client(node);
        let mut count = 0;
        while going.load(Ordering::Relaxed) {
            let names = [format!("churn{count}"), format!("churn{}", count + 1)];
            let made = client.all(names.iter().map(|name| json!({ "op": "run", "name": name })).collect());
            let pods: Vec<Pod> = made
                .into_iter()
                .zip(&names)
                .map(|(a, name)| a.pod(name).expect("a pod while the plugins change"))
                .collect();
            for op in ["stop", "remove"] {
                let requests = pods.iter().map(|pod| json!({ "op": op, "sandbox": pod.sandbox })).collect();
                client.all(requests).into_iter().for_each(|answer| drop(answer.ok()));
            }
            count += names.len();
        }
        count
    })
}

/// Ends the traffic, and fails if anything of it was lost.
fn quiet(run: &Run, node: &Node, all: Vec<Traffic>) {
    for traffic in all {
        let name = traffic.name.clone();
        let outcomes = traffic.end(node);
        let sum = |of: fn(&Outcome) -> usize| outcomes.iter().map(of).sum::<usize>();
        run.show(&format!(
            "{} pods from {name} on: {} pings, {} lost; {} datagrams to outside, each from a new port, {} lost",
            outcomes.len(),
            sum(|o| o.pings),
            sum(|o| o.lost_pings),
            sum(|o| o.datagrams),
            sum(|o| o.lost_datagrams)
        ));
        let lossy = outcomes.iter().find(|o| o.lost_pings + o.lost_datagrams > 0);
        assert!(lossy.is_none(), "lost: {:?}", lossy.map(|o| (&o.address, o.lost_pings, &o.words)));
    }
}
