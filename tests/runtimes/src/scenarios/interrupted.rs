//! The harness itself is interrupted, and killed: nothing of its nodes may stay on the host.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::command::wait_for;
use crate::programs::programs;
use crate::run::{Run, Scenario};

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "harness::interrupted",
        about: "this program is interrupted and killed with pods running; no process, cgroup, mount or link stays",
        work: interrupted,
    }]
}

fn interrupted(run: &mut Run) {
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let links = links();
        let mut harness = Command::new(std::env::current_exe().unwrap())
            .args(["single", "containerd-2::sandboxes"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let pid = harness.id();
        let dir = programs().runtimes.join("run").join(pid.to_string());
        // Both its nodes have pods by then.
        let leases = |side: &str| {
            fs::read_dir(dir.join(side).join("var/cni/networks/pods")).is_ok_and(|d| d.count() > 5)
        };
        wait_for(Duration::from_mins(1), || (leases("trestle") && leases("reference")).then_some(()))
            .expect("the other harness has pods");
        let tag = format!("trestle-{pid}-");
        let before = left(&tag, &dir);
        assert!(before.len() > 10, "nothing to be cleaned up: {before:?}");
        // To the whole group, as a terminal does.
        kill(Pid::from_raw(-i32::try_from(pid).unwrap()), signal).unwrap();
        harness.wait().unwrap();
        let mut after = Vec::new();
        let gone = wait_for(Duration::from_secs(20), || {
            after = left(&tag, &dir);
            after.is_empty().then_some(())
        });
        assert!(gone.is_some(), "{signal}: left on the host: {after:#?}");
        assert_eq!(links, self::links(), "links of the host");
        // An interrupted one may have come as far as to remove it itself.
        let _ = fs::remove_dir_all(&dir);
        run.say(format!(
            "{signal}: {} processes and cgroups before, 0 after, no mount, no link",
            before.len()
        ));
    }
}

/// Names of the host's links.
fn links() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir("/sys/class/net")
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Cgroups of this tag, the processes in them, others that name the folder, and mounts below it.
fn left(tag: &str, dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let top = [Path::new("/sys/fs/cgroup").to_owned()];
    let hierarchies =
        fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    for folder in top.into_iter().chain(hierarchies) {
        for group in fs::read_dir(folder).into_iter().flatten().flatten() {
            if group.file_name().to_string_lossy().starts_with(tag) {
                found.push(format!("cgroup {}", group.path().display()));
            }
        }
    }
    let dir = dir.to_string_lossy();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let groups = fs::read_to_string(process.path().join("cgroup")).unwrap_or_default();
        let words = fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
        if groups.contains(tag) || words.contains(&*dir) || words.contains(tag) {
            found.push(format!("process {} {}", process.file_name().display(), words.replace('\0', " ")));
        }
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    found.extend(mounts.lines().filter(|line| line.contains(&*dir)).map(|line| format!("mount {line}")));
    found
}
