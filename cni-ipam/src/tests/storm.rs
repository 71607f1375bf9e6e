//! Many processes at once on one network.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::*;

/// Says what the child process is to do: verb, attachment, the test's directory, the keys of `ipam`.
const CHILD: &str = "CNI_IPAM_TEST_CHILD";

/// Not a test: what a child process runs.
#[test]
fn child() {
    let Ok(order) = std::env::var(CHILD) else { return };
    let [verb, id, root, ipam] = order.splitn(4, '|').collect::<Vec<_>>()[..] else { panic!("{order}") };
    let mut net = Net::of(Path::new(root), ipam);
    match verb {
        "ADD" => std::fs::write(Path::new(root).join(format!("added-{id}")), net.add(id).unwrap()).unwrap(),
        "DEL" => net.del(id).unwrap(),
        "GC" => net.gc(r#"[{"containerID": "c1", "ifname": "eth0"}]"#).unwrap(),
        _ => panic!("{verb}"),
    }
}

/// A command that runs one call in a process of its own, behind the words of `wrapper`.
pub fn command(wrapper: &[&str], net: &Net, verb: &str, id: &str) -> Command {
    let exe = std::env::current_exe().unwrap();
    let mut words = wrapper.iter().map(std::ffi::OsStr::new).chain([exe.as_os_str()]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words).args(["--exact", "tests::storm::child", "--test-threads", "1"]);
    let order = format!("{verb}|{id}|{}|{}", net.scratch.root().display(), net.ipam);
    command.env(CHILD, order).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The address that a child process was given.
pub fn added(net: &Net, id: &str) -> Option<String> {
    std::fs::read_to_string(net.scratch.root().join(format!("added-{id}"))).ok()
}

fn start(net: &Net, verb: &str, ids: impl IntoIterator<Item = u32>) -> Vec<Child> {
    ids.into_iter().map(|id| command(&[], net, verb, &format!("c{id}")).spawn().unwrap()).collect()
}

fn wait(children: Vec<Child>) {
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
}

/// Issue 4: every address distinct, none lost.
#[test]
fn a_hundred_processes_get_a_hundred_addresses() {
    let net = Net::new(r#""subnet": "10.1.0.0/24""#);
    wait(start(&net, "ADD", 0..100));
    let given: BTreeSet<_> = (0..100).map(|id| added(&net, &format!("c{id}")).unwrap()).collect();
    assert_eq!(given.len(), 100);
    assert_eq!(net.leases().into_keys().collect::<BTreeSet<_>>(), given);
    for id in 0..100 {
        let addr = added(&net, &format!("c{id}")).unwrap();
        assert_eq!(net.text(&addr), format!("c{id}\r\neth0"));
    }
    // Half of them go while others come.
    let mut children = start(&net, "DEL", 0..50);
    children.extend(start(&net, "ADD", 100..150));
    wait(children);
    assert_eq!(net.leases().len(), 100);
    wait(start(&net, "DEL", 50..150));
    assert_eq!(net.shown(), "");
    // The index says the same.
    assert_eq!(net.add("last").map(|_| net.leases().len()).unwrap(), 1);
}
