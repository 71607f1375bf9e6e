//! The plugins need two capabilities, a few system calls, and nothing of their surroundings.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use trestle_faults::call::{Answer, Call};
use trestle_faults::network::{NAME, Way};
use trestle_faults::node::{Node, on_node, read_only, tmpfs};
use trestle_faults::seccomp;
use trestle_faults::state::State;

use crate::{ROOT, Test, network, ours};

pub fn tests() -> Vec<Test> {
    crate::tests![
        two_capabilities_are_enough,
        without_the_right_the_error_says_which,
        no_system_call_beyond_the_list,
        under_a_seccomp_filter_all_verbs_work,
        without_environment_and_stderr,
        nothing_is_written_outside_the_data_directory,
        read_only_sysctls_that_are_right_are_no_trouble,
        files_are_private,
        unsafe_code_does_not_grow
    ]
}

/// Every verb on networks of every kind, each call changed by `change`.
fn all_verbs(node: &Node, networks: &[&str], change: impl Fn(Call) -> Call) {
    for name in networks {
        let network = network(name).on_node();
        let (pod, other) = (node.pod(&format!("a-{name}")), node.pod(&format!("b-{name}")));
        let before = State::of(node, &[&pod, &other]).owned();
        let run = |what: &str, call: Call| -> Answer {
            let answer = change(call).run();
            assert!(answer.succeeded(), "{name}: {what}: {answer}");
            answer
        };
        run("STATUS", network.call("STATUS", &pod, &network.conf));
        let previous = run("ADD", network.add(&pod)).json().unwrap();
        run("CHECK", network.check(&pod, &previous));
        run("ADD", network.add(&other));
        run("GC", network.gc(&[&pod]));
        run("CHECK after GC", network.check(&pod, &previous));
        run("DEL", network.del(&other, Way::Empty));
        run("DEL", network.del(&pod, Way::There));
        assert_eq!(State::of(node, &[&pod, &other]).owned(), before, "{name}");
    }
}

const NETWORKS: [&str; 5] = ["masquerade", "spoof", "dual", "layer2", "host-local"];

fn two_capabilities_are_enough() {
    let setpriv =
        ["setpriv", "--bounding-set=-all,+net_admin,+sys_admin", "--inh-caps=-all", "--no-new-privs"];
    on_node(|node| all_verbs(node, &NETWORKS, |call| call.by(&setpriv)));
}

fn without_the_right_the_error_says_which() {
    on_node(|node| {
        let (network, pod) = (network("masquerade"), node.pod("pod"));
        for (bounds, word) in [
            ("--bounding-set=-all,+sys_admin", "CAP_NET_ADMIN"),
            ("--bounding-set=-all,+net_admin", "CAP_SYS_ADMIN"),
        ] {
            let (_, text) = network.add(&pod).by(&["setpriv", bounds]).run().failed();
            assert!(text.contains(word), "{bounds}: {text}");
            assert_eq!(State::of(node, &[&pod]).owned(), State::default(), "{bounds}");
        }
    });
}

/// The list in docs/reliability.md.
fn listed() -> BTreeSet<String> {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/reliability.md")).unwrap();
    let block = text.split("```seccomp\n").nth(1).and_then(|rest| rest.split("```").next());
    let words = block.expect("a seccomp block in docs/reliability.md").split_whitespace();
    words.map(str::to_owned).collect()
}

fn no_system_call_beyond_the_list() {
    let made = seccomp::made(&ours());
    let listed = listed();
    let beyond: Vec<_> = made.difference(&listed).collect();
    assert!(beyond.is_empty(), "not in docs/reliability.md: {beyond:?}");
    assert!(made.len() > 30, "{made:?}");
}

fn under_a_seccomp_filter_all_verbs_work() {
    let allowed = seccomp::numbers(&listed());
    assert_eq!(allowed.len(), listed().len(), "a name in the list is no system call");
    on_node(|node| {
        all_verbs(node, &["masquerade", "spoof", "dual", "layer2", "host-local", "delegated"], |call| {
            call.seccomp(&allowed)
        });
        // The filter is in force: without sendto(2) nothing can be asked.
        let crippled: Vec<u64> =
            allowed.iter().copied().filter(|n| i64::try_from(*n) != Ok(nix::libc::SYS_sendto)).collect();
        network("layer2").add(&node.pod("x")).seccomp(&crippled).run().failed();
    });
}

fn without_environment_and_stderr() {
    on_node(|node| {
        // A /tmp that cannot be used; where the programs under test are elsewhere.
        if !ours().starts_with("/tmp") {
            tmpfs("/tmp", "size=4k,nr_inodes=1,mode=0000");
        }
        all_verbs(node, &NETWORKS, |call| call.without("PATH").stderr_closed());
    });
}

fn nothing_is_written_outside_the_data_directory() {
    on_node(|node| {
        // /run and /var/lib are mounts of their own.
        read_only("/");
        all_verbs(node, &NETWORKS, |call| call);
        let beside: Vec<String> =
            State::of(node, &[]).0.into_iter().filter(|line| is_outside(line)).collect();
        assert_eq!(beside, Vec::<String>::new());
    });
}

fn is_outside(line: &str) -> bool {
    let path = line.split(' ').nth(1).unwrap_or_default();
    let above = ["/var/lib", "/var/lib/cni", "/run"];
    (line.starts_with("file ") || line.starts_with("dir "))
        && !above.contains(&path)
        && !path.starts_with("/var/lib/cni/networks")
}

fn read_only_sysctls_that_are_right_are_no_trouble() {
    on_node(|node| {
        let network = network("masquerade");
        let first = node.pod("first");
        network.add(&first).run().ok();
        let second = node.pod("second");
        read_only("/proc/sys");
        let previous = network.add(&second).run().ok().json().unwrap();
        network.check(&second, &previous).run().ok();
        network.del(&second, Way::There).run().ok();
        network.del(&first, Way::There).run().ok();
    });
}

fn files_are_private() {
    on_node(|node| {
        let (network, pod) = (network("dual"), node.pod("pod"));
        // Whatever the runtime's mask.
        for mask in [0o000, 0o077] {
            nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(mask));
            network.add(&pod).run().ok();
            nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
            let dir = Path::new("/var/lib/cni/networks").join(NAME);
            for entry in fs::read_dir(&dir).unwrap().map(Result::unwrap) {
                let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
                assert!(
                    mode.trailing_zeros() >= 7 && mode & 0o400 != 0,
                    "{} {mode:o}",
                    entry.path().display()
                );
            }
            let mode = fs::metadata(&dir).unwrap().permissions().mode() & 0o7777;
            assert_eq!(mode & !0o755, 0, "{mode:o}");
            network.del(&pod, Way::There).run().ok();
            fs::remove_dir_all("/var/lib/cni").unwrap();
        }
    });
}

/// Blocks of unsafe code in what is shipped, and why each is there.
const UNSAFE: [(&str, usize, &str); 3] = [
    ("cni-common/src/kernel/netns.rs", 1, "the ioctl that tells what kind of namespace a file is"),
    (
        "cni-common/src/kernel/process.rs",
        5,
        "pidfd_open(2) and close_range(2) have no safe wrapper; the descriptor given is taken over; fork(2), _exit(2)",
    ),
    ("cni-common/src/kernel/rtnl/only_end.rs", 1, "setsockopt(2) with a filter has no safe wrapper"),
];

fn unsafe_code_does_not_grow() {
    let mut found = BTreeMap::new();
    let mut open: Vec<_> = ["cni-common", "cni-bridge", "cni-ipam", "cni-loopback", "trestle"]
        .map(|c| Path::new(ROOT).join(c))
        .into();
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let lines: Vec<&str> = text.lines().collect();
                for (at, _) in lines.iter().enumerate().filter(|(_, line)| is_unsafe(line)) {
                    let shown = path.strip_prefix(ROOT).unwrap_or(&path).display().to_string();
                    let has_reason =
                        lines[at.saturating_sub(4)..at].iter().any(|line| line.contains("// SAFETY: "));
                    assert!(has_reason, "{shown}:{}: no SAFETY comment", at + 1);
                    *found.entry(shown.trim_start_matches('/').to_owned()).or_insert(0) += 1;
                }
            }
        }
    }
    let expected: BTreeMap<String, usize> =
        UNSAFE.iter().map(|(file, count, _)| ((*file).to_owned(), *count)).collect();
    assert_eq!(found, expected, "unsafe code: a new block needs its place and reason in this test");
}

fn is_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"].iter().any(|word| code.contains(word))
}
