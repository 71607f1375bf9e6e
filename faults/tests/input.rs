//! No input makes a plugin do what it should not.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use serde_json::{Value, json};
use trestle_faults::network::{NAME, Way};
use trestle_faults::node::{Node, Pod, on_node};
use trestle_faults::state::State;

use crate::{Test, network, ours};

pub fn tests() -> Vec<Test> {
    crate::tests![
        a_gigabyte_on_stdin_is_refused,
        what_is_no_configuration_is_refused,
        names_do_not_leave_their_directory,
        odd_files_are_not_followed_and_nothing_hangs,
        the_hosts_own_namespace_is_refused,
        a_result_from_ipam_is_not_trusted
    ]
}

const SOON: Duration = Duration::from_secs(30);

fn a_gigabyte_on_stdin_is_refused() {
    on_node(|node| {
        let (network, pod) = (network("masquerade"), node.pod("pod"));
        let (code, text) = network.add(&pod).padded_to(1 << 30).limit(SOON).run().failed();
        assert!(code == 5 && text.contains("16 MiB"), "{code} {text}");
        assert_eq!(State::of(node, &[&pod]).owned(), State::default());
    });
}

fn what_is_no_configuration_is_refused() {
    on_node(|node| {
        let (network, pod) = (network("masquerade"), node.pod("pod"));
        let before = State::of(node, &[&pod]);
        let conf = network.conf.to_string();
        let nested = |open: &str, close: &str| format!("{}{}", open.repeat(200_000), close.repeat(200_000));
        let inside = |key: &str, value: &str| conf.replacen('{', &format!("{{\"{key}\": {value}, "), 1);
        let inputs: Vec<Vec<u8>> = vec![
            Vec::new(),
            b"null".to_vec(),
            b"[]".to_vec(),
            b"\xff\xfe{}".to_vec(),
            conf.replace("cni0", "cn\u{0}i").into_bytes(),
            conf.replace(NAME, "a\\u0000b").into_bytes(),
            conf.replace("cni0", "\\u0000").into_bytes(),
            conf.as_bytes()[..conf.len() / 2].to_vec(),
            [conf.as_bytes(), b"}"].concat(),
            conf.replace("net1", "\u{fffd}").replace('\u{fffd}', "\\ud800").into_bytes(),
            nested("[", "]").into_bytes(),
            inside("x", &nested("[", "]")).into_bytes(),
            inside("prevResult", &nested("{\"a\":", "}")).into_bytes(),
            inside("mtu", "1e400").into_bytes(),
        ];
        for input in inputs {
            for verb in ["ADD", "CHECK", "DEL", "GC", "STATUS"] {
                let answer = network.call(verb, &pod, &network.conf).stdin(input.clone()).limit(SOON).run();
                let shown = String::from_utf8_lossy(&input[..input.len().min(80)]).into_owned();
                assert!(!answer.hung && answer.code.is_some(), "{verb} {shown:?}: {answer}");
                assert!(!answer.stdout.contains("panicked"), "{verb} {shown:?}: {answer}");
                if verb == "ADD" {
                    answer.failed();
                }
            }
        }
        assert_eq!(State::of(node, &[&pod]), before, "something was made");
    });
}

fn names_do_not_leave_their_directory() {
    on_node(|node| {
        let pod = node.pod("pod");
        let network = network("host-local");
        let before = State::of(node, &[&pod]);
        for name in ["../up", "..", ".", "a/b", "/etc", "", "a b", "-a"] {
            network.call("ADD", &pod, &network.with("name", json!(name))).run().failed();
        }
        for id in ["../up", "a/b", "", ".", "a b", "a\nb"] {
            network.add(&pod.with_id(id)).run().failed();
        }
        for ifname in ["../up", "a/b", "", ".", "..", "a b", "abcdefghijklmnop"] {
            network.add(&Pod { ifname: ifname.into(), ..pod.clone() }).run().failed();
        }
        for plugin in ["../bridge", "/bin/sh", ".", "a/b", "a\u{0}b"] {
            let mut conf = crate::network("masquerade").conf;
            conf["ipam"]["type"] = json!(plugin);
            crate::network("masquerade").call("ADD", &pod, &conf).run().failed();
        }
        assert_eq!(State::of(node, &[&pod]), before);
    });
}

const KINDS: [&str; 5] = ["link to a file", "link to nowhere", "pipe", "device", "directory"];

fn put(kind: &str, at: &Path) {
    match kind {
        "link to a file" => symlink("/run/work/target", at).unwrap(),
        "link to nowhere" => symlink("/run/work/nowhere", at).unwrap(),
        "pipe" => nix::unistd::mkfifo(at, Mode::S_IRWXU).unwrap(),
        "device" => mknod(at, SFlag::S_IFCHR, Mode::S_IRWXU, makedev(1, 5)).unwrap(), // zero
        _ => fs::create_dir(at).unwrap(),
    }
}

fn odd_files_are_not_followed_and_nothing_hangs() {
    for kind in KINDS {
        for name in
            ["lock", "last_reserved_ip.0", ".index", ".index.new", ".lease.new", "10.88.0.2", "fd00:88::2"]
        {
            on_node(|node| {
                let dir = PathBuf::from("/var/lib/cni/networks").join(NAME);
                fs::create_dir_all(&dir).unwrap();
                fs::write("/run/work/target", "10.88.0.2").unwrap();
                put(kind, &dir.join(name));
                calls_end(node, &format!("{kind} as {name}"));
                assert_eq!(fs::read_to_string("/run/work/target").unwrap(), "10.88.0.2", "{kind} as {name}");
                assert!(!Path::new("/run/work/nowhere").exists(), "{kind} as {name} was followed");
            });
        }
    }
    // The network's directory itself, and what is not a directory in the way to it.
    for kind in KINDS {
        on_node(|node| {
            fs::create_dir_all("/var/lib/cni/networks").unwrap();
            fs::write("/run/work/target", "untouched").unwrap();
            put(kind, &Path::new("/var/lib/cni/networks").join(NAME));
            calls_end(node, &format!("{kind} as the directory"));
            assert_eq!(fs::read_to_string("/run/work/target").unwrap(), "untouched", "{kind}");
        });
    }
}

/// Every verb answers: success, or an error of the specification.
fn calls_end(node: &Node, what: &str) {
    let (network, pod) = (network("host-local"), node.pod("pod"));
    let calls = [
        ("ADD", network.add(&pod)),
        ("CHECK", network.call("CHECK", &pod, &network.conf)),
        ("STATUS", network.call("STATUS", &pod, &network.conf)),
        ("GC", network.gc(&[])),
        ("DEL", network.del(&pod, Way::There)),
    ];
    for (verb, call) in calls {
        let answer = call.limit(SOON).run();
        assert!(!answer.hung, "{what}: {verb} hung");
        if !answer.succeeded() {
            let (code, text) = answer.failed();
            assert!(code != 199, "{what}: {verb}: {text}");
        }
    }
}

fn the_hosts_own_namespace_is_refused() {
    on_node(|node| {
        let (network, mut pod) = (network("masquerade"), node.pod("pod"));
        let before = State::of(node, &[]);
        for path in ["/proc/self/ns/net", "/proc/thread-self/ns/net"] {
            pod.path = path.into();
            for call in
                [network.add(&pod), network.del(&pod, Way::There), network.call("CHECK", &pod, &network.conf)]
            {
                let answer = call.run();
                let (code, text) = answer.failed();
                assert!(matches!(code, 4 | 7), "{code} {text}");
            }
        }
        assert_eq!(State::of(node, &[]), before);
    });
}

fn answer(value: &Value) -> String {
    let mut answer = json!({ "cniVersion": "1.1.0" });
    for (key, value) in value.as_object().unwrap() {
        answer[key] = value.clone();
    }
    answer.to_string()
}

fn ip(address: &str) -> Value {
    json!({ "ips": [{ "address": address }] })
}

fn a_result_from_ipam_is_not_trusted() {
    let many: Vec<Value> =
        (0..5000).map(|i| json!({ "address": format!("10.1.{}.{}/8", i / 250, i % 250 + 1) })).collect();
    let route = |more: &Value| json!({ "ips": [{ "address": "10.88.0.7/16" }], "routes": [more] }).clone();
    let answers: Vec<String> = [
        json!({}),
        json!({ "ips": [] }),
        json!({ "ips": many }),
        json!({ "ips": 7 }),
        json!({ "ips": [{ "address": "10.88.0.7/16", "interface": 99 }] }),
        json!({ "ips": [{ "address": "10.88.0.7/16", "gateway": "fd00::1" }] }),
        json!({ "ips": [{ "address": "10.88.0.7/16", "gateway": "10.99.0.1" }] }),
        ip("10.88.0.7"),
        ip("10.88.0.7/33"),
        ip("224.0.0.1/4"),
        ip("127.0.0.1/8"),
        ip("0.0.0.0/0"),
        ip("255.255.255.255/32"),
        ip("::/0"),
        ip("::1/128"),
        ip("ff02::1/64"),
        ip("10.88.0.7/16\u{0}"),
        ip("../../etc"),
        route(&json!({ "dst": "0.0.0.0/99" })),
        route(&json!({ "dst": "0.0.0.0/0", "gw": "fd00::1" })),
        route(&json!({ "dst": "0.0.0.0/0", "gw": "192.0.2.1" })),
        route(&json!({ "dst": "0.0.0.0/0", "mtu": -1 })),
        route(&json!({ "dst": "0.0.0.0/0", "table": 99_999_999_999_u64 })),
    ]
    .iter()
    .map(answer)
    .chain([String::new(), "null".into(), "[]".into(), "{".into(), "[".repeat(100_000), "\u{fffd}".into()])
    .collect();
    on_node(|node| {
        fs::create_dir_all("/run/work/plugins").unwrap();
        let script = "#!/bin/sh\nwhile read -r line; do printf '%s\\n' \"$line\"; done </run/work/answer\n";
        fs::write("/run/work/plugins/scripted", script).unwrap();
        fs::set_permissions("/run/work/plugins/scripted", fs::Permissions::from_mode(0o755)).unwrap();
        let mut network = network("spoof");
        network.conf["ipam"] = json!({ "type": "scripted" });
        let pod = node.pod("pod");
        let path = format!("/run/work/plugins:{}", ours().display());
        for text in &answers {
            let shown: String = text.chars().take(100).collect();
            fs::write("/run/work/answer", text).unwrap();
            let answer = network.add(&pod).env("CNI_PATH", &path).limit(SOON).run();
            assert!(!answer.hung && !answer.stdout.contains("panicked"), "{shown}: {answer}");
            if answer.succeeded() {
                let previous = answer.json().unwrap();
                network.check(&pod, &previous).env("CNI_PATH", &path).limit(SOON).run();
                network.del(&pod, Way::There).env("CNI_PATH", &path).run().ok();
            } else {
                answer.failed();
            }
            let left = State::of(node, &[&pod]).owned();
            assert_eq!(left, State::default(), "{shown}: {answer}");
        }
    });
}
