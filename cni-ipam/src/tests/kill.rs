//! SIGKILL, and an error, at every system call that matters, by strace(1)'s injection.

use std::process::{Command, Stdio};

use super::storm::{added, command};
use super::*;

/// The calls between which the state on disk differs. (A kill before any other one leaves what the kill before
/// the next of these leaves.) None of them is made by the test's own process before the verb starts, and
/// strace counts them by kind.
const CHANGES: [&str; 11] = [
    "mkdir",
    "mkdirat",
    "flock",
    "linkat",
    "unlinkat",
    "renameat",
    "renameat2",
    "pwrite64",
    "ftruncate",
    "utimensat",
    "getdents64",
];

/// Further calls that can fail.
const LOOKS: [&str; 4] = ["pread64", "newfstatat", "fstatfs", "statfs"];

fn has_strace() -> bool {
    let run = Command::new("strace").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let found = run.is_ok_and(|status| status.success());
    if !found {
        eprintln!("skipped: no strace");
    }
    found
}

/// Runs a verb again and again, with `fault` at another call each time, until each kind of call came through
/// without one. `prepare` gives each run its network; `settle` says what must hold afterwards, and is told
/// whether the verb succeeded. Returns the number of runs that did not.
fn sweep(
    verb: &str,
    calls: &[&str],
    fault: &str,
    prepare: impl Fn() -> Net,
    settle: impl Fn(&Net, bool, &str),
) -> usize {
    let mut failed = 0;
    for call in calls {
        for point in 1.. {
            let net = prepare();
            let inject = format!("inject={call}:{fault}:when={point}");
            let trace = format!("trace={call}");
            let log = net.scratch.root().join("strace");
            let out = log.to_str().unwrap();
            let wrapper = ["strace", "-f", "-o", out, "-e", trace.as_str(), "-e", inject.as_str()];
            let status = command(&wrapper, &net, verb, "victim").status().unwrap();
            let log = std::fs::read_to_string(log).unwrap();
            let hit = log.contains("INJECTED") || log.contains("killed by SIGKILL");
            settle(&net, status.success(), &format!("{verb} with {fault} at {call} {point}"));
            failed += usize::from(!status.success());
            if !hit {
                break;
            }
        }
    }
    failed
}

/// Leases are whole or not there; what the index says is what the files say.
fn is_consistent(net: &Net, when: &str) {
    for (addr, text) in net.leases() {
        assert!(text.ends_with("\r\neth0"), "{when}: {addr} holds {text:?}");
        net.check(text.split("\r\n").next().unwrap()).unwrap();
    }
}

const DUAL: &str = r#""ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00::/64"}]]"#;

/// Nothing there yet.
fn empty() -> Net {
    Net::new(DUAL)
}

/// A lease of ours and one of the reference, which the index has not seen.
fn mixed() -> Net {
    let net = Net::new(DUAL);
    net.add("c1").unwrap();
    net.reference_add("10.1.0.9", "ref");
    net
}

/// Two attachments of ours.
fn two() -> Net {
    let net = Net::new(DUAL);
    net.add("c1").unwrap();
    net.add("victim").unwrap();
    net
}

#[test]
fn add_killed_anywhere_leaves_nothing_that_del_does_not_free() {
    if !has_strace() {
        return;
    }
    let settle = |net: &Net, success: bool, when: &str| {
        is_consistent(net, when);
        net.add("other").unwrap();
        let given = added(net, "victim").unwrap_or_default();
        assert_eq!(success, !given.is_empty(), "{when}");
        let leases = net.leases();
        assert!(given.split_whitespace().all(|a| leases[a] == "victim\r\neth0"), "{when}: {given}");
        net.del("victim").unwrap();
        assert!(net.leases().values().all(|text| !text.starts_with("victim")), "{when}: {}", net.shown());
        net.del("other").unwrap();
        is_consistent(net, when);
        let names = net.scratch.names();
        assert!(
            ![".lease.new", ".index.new"].iter().any(|name| names.contains(&(*name).into())),
            "{when}: {names:?}"
        );
    };
    let first = sweep("ADD", &CHANGES, "signal=KILL", empty, settle);
    let later = sweep("ADD", &CHANGES, "signal=KILL", mixed, settle);
    eprintln!("{first} and {later} kills");
    assert!(first > 15 && later > 15, "{first} and {later} kills");
}

#[test]
fn del_and_gc_killed_anywhere_are_finished_by_the_next() {
    if !has_strace() {
        return;
    }
    let settle = |net: &Net, _: bool, when: &str| {
        is_consistent(net, when);
        net.del("victim").unwrap();
        assert_eq!(net.shown(), "10.1.0.2=c1 fd00::2=c1", "{when}");
        net.add("victim").unwrap();
        net.del("victim").unwrap();
        net.check("c1").unwrap();
    };
    let del = sweep("DEL", &CHANGES, "signal=KILL", two, settle);
    let gc = sweep("GC", &CHANGES, "signal=KILL", two, settle);
    eprintln!("{del} and {gc} kills");
    assert!(del > 7 && gc > 7, "{del} and {gc} kills");
}

/// Issue 7: an error at any call. ADD either succeeds or leaves nothing; the calls after it see the truth.
#[test]
fn an_error_anywhere_leaves_the_leases_true() {
    if !has_strace() {
        return;
    }
    let calls: Vec<&str> = CHANGES.iter().chain(&LOOKS).copied().collect();
    let settle_add = |net: &Net, success: bool, when: &str| {
        is_consistent(net, when);
        let victims = net.leases().values().filter(|text| text.starts_with("victim")).count();
        assert_eq!(victims, if success { 2 } else { 0 }, "{when}: {}", net.shown());
        net.add("other").unwrap();
        net.del("victim").unwrap();
        assert_eq!(
            net.shown(),
            "10.1.0.2=c1 10.1.0.9=ref 10.1.0.10=other fd00::2=c1 fd00::3=other"
                .replace("fd00::3=other", if success { "fd00::4=other" } else { "fd00::3=other" })
                .replace("10.1.0.10=other", if success { "10.1.0.11=other" } else { "10.1.0.10=other" })
                .split(' ')
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
                .join(" "),
            "{when}"
        );
    };
    let settle_del = |net: &Net, success: bool, when: &str| {
        is_consistent(net, when);
        let victims = net.leases().values().filter(|text| text.starts_with("victim")).count();
        assert!(!success || victims == 0, "{when}");
        net.del("victim").unwrap();
        assert_eq!(net.shown(), "10.1.0.2=c1 fd00::2=c1", "{when}");
    };
    let mut failed = 0;
    failed += sweep("ADD", &calls, "error=EIO", mixed, settle_add);
    failed += sweep("ADD", &CHANGES, "error=ENOSPC", mixed, settle_add);
    failed += sweep("DEL", &calls, "error=EIO", two, settle_del);
    failed += sweep("GC", &CHANGES, "error=EPERM", two, settle_del);
    eprintln!("{failed} calls failed");
    assert!(failed > 20, "{failed} calls failed");
}
