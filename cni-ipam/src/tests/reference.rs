//! The same calls to the reference's host-local and to ours: same addresses, same files, same success.
//! Needs the reference's programs: `REFERENCE_BIN` names their directory.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::storm;
use super::*;

fn program() -> Option<PathBuf> {
    let found = std::env::var_os("REFERENCE_BIN").map(|dir| Path::new(&dir).join("host-local"));
    if found.is_none() {
        eprintln!("skipped: REFERENCE_BIN is not set");
    }
    found
}

/// Runs the reference on a network's configuration.
fn reference(program: &Path, net: &Net, verb: &str, id: &str, args: &str) -> Result<Value, String> {
    let (id, ifname) = id.split_once('/').unwrap_or((id, "eth0"));
    let mut child = Command::new(program)
        .env("CNI_COMMAND", verb)
        .env("CNI_CONTAINERID", id)
        .env("CNI_IFNAME", ifname)
        .env("CNI_NETNS", "/run/netns/none")
        .env("CNI_PATH", "/opt/cni/bin")
        .env("CNI_ARGS", args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(net.conf().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let value: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    if output.status.success() { Ok(value) } else { Err(value["msg"].to_string()) }
}

fn ours(net: &Net, verb: &str, id: &str, args: &str) -> Result<Value, String> {
    let env = Environment { args: args.into(), ..Net::env(verb, id) };
    let result = net.call(&env).map_err(|e| e.msg)?;
    Ok(result.map_or(Value::Null, |r| serde_json::from_str(&r.to_json(request_version(net))).unwrap()))
}

fn request_version(net: &Net) -> cni_common::spec::SpecVersion {
    cni_common::spec::SpecVersion::parse(net.version).unwrap()
}

/// Every file but the index and the lock, with its content.
fn files(net: &Net) -> BTreeMap<String, String> {
    let names = net.scratch.names().into_iter().filter(|name| name != ".index" && name != "lock");
    names.map(|name| (name.clone(), net.text(&name))).collect()
}

/// Sets our cursors to theirs.
fn follow(theirs: &Net, own: &Net) {
    for (name, text) in files(theirs).into_iter().filter(|(name, _)| name.starts_with("last")) {
        own.write(&name, text);
    }
}

struct Case {
    what: &'static str,
    ipam: &'static str,
    more: &'static str,
    version: &'static str,
    /// Calls, with `;`: verb, attachment, `CNI_ARGS`.
    calls: &'static str,
}

const PLAIN: Case = Case { what: "", ipam: FIVE, more: "", version: "1.0.0", calls: "" };

const CASES: [Case; 22] = [
    Case {
        what: "round and full",
        calls: "ADD a;ADD b;ADD c;ADD d;ADD e;ADD f;DEL b;DEL d;ADD g;ADD h;DEL g;DEL h;ADD i;DEL i;ADD j",
        ..PLAIN
    },
    Case { what: "second ADD", calls: "ADD a;ADD a;ADD a/eth1;DEL a;ADD a;CHECK a;CHECK b;DEL b", ..PLAIN },
    Case {
        what: "dual stack",
        ipam: r#""ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00::/64"}]]"#,
        calls: "ADD a;ADD b;DEL a;ADD c;CHECK c",
        ..PLAIN
    },
    Case {
        what: "several ranges",
        ipam: r#""ranges": [[{"subnet": "10.1.0.0/30"}, {"subnet": "10.2.0.0/29", "rangeStart": "10.2.0.3", "rangeEnd": "10.2.0.4"}]]"#,
        calls: "ADD a;ADD b;ADD c;ADD d;DEL a;ADD e;DEL b;DEL c;ADD f;ADD g",
        ..PLAIN
    },
    Case {
        what: "single and ranges",
        ipam: r#""subnet": "10.1.0.0/24", "ranges": [[{"subnet": "10.2.0.0/24"}]]"#,
        calls: "ADD a",
        ..PLAIN
    },
    Case {
        what: "runtime ranges",
        more: r#", "runtimeConfig": {"ipRanges": [[{"subnet": "10.9.0.0/24", "rangeStart": "10.9.0.7"}]]}"#,
        calls: "ADD a;ADD b;DEL a",
        ..PLAIN
    },
    Case {
        what: "gateway in the middle",
        ipam: r#""subnet": "10.1.0.0/29", "gateway": "10.1.0.3""#,
        calls: "ADD a;ADD b;ADD c;ADD d;ADD e;ADD f",
        ..PLAIN
    },
    Case {
        what: "gateway outside",
        ipam: r#""subnet": "10.1.0.0/30", "gateway": "192.0.2.1""#,
        calls: "ADD a;ADD b;ADD c",
        ..PLAIN
    },
    Case {
        what: "gateway last",
        ipam: r#""subnet": "10.1.0.0/29", "gateway": "10.1.0.6", "rangeStart": "10.1.0.4""#,
        calls: "ADD a;ADD b;ADD c;DEL a;ADD d",
        ..PLAIN
    },
    Case {
        what: "ends of the subnet",
        ipam: r#""subnet": "10.1.0.0/30", "rangeStart": "10.1.0.0", "rangeEnd": "10.1.0.3""#,
        calls: "ADD a;ADD b;ADD c;ADD d",
        ..PLAIN
    },
    Case {
        what: "IP in CNI_ARGS",
        calls: "ADD a IP=10.1.0.5;ADD b IP=10.1.0.5;ADD c IP=10.1.0.1;ADD d IP=10.9.9.9;ADD e;ADD f IP=10.1.0.3/29;ADD g IP=;ADD h FOO=1;ADD h FOO=1,IgnoreUnknown=1",
        ..PLAIN
    },
    Case {
        what: "ips in args.cni",
        more: r#", "args": {"cni": {"ips": ["10.1.0.4"]}}"#,
        calls: "ADD a;ADD b;DEL a;ADD c",
        ..PLAIN
    },
    Case {
        what: "ips in runtimeConfig",
        ipam: r#""ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00::/64"}]]"#,
        more: r#", "runtimeConfig": {"ips": ["fd00::9/64", "10.1.0.77"]}"#,
        calls: "ADD a;ADD b",
        ..PLAIN
    },
    Case {
        what: "wanted without a place",
        more: r#", "runtimeConfig": {"ips": ["10.1.0.4", "10.1.0.5"]}"#,
        calls: "ADD a",
        ..PLAIN
    },
    Case {
        what: "routes",
        ipam: r#""subnet": "10.1.0.0/24", "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.0.0.0/8", "gw": "10.1.0.9", "mtu": 1400, "advmss": 1300, "priority": 9, "table": 7, "scope": 253}]"#,
        version: "1.1.0",
        calls: "ADD a",
        ..PLAIN
    },
    Case { what: "host bits", ipam: r#""subnet": "10.1.0.1/24""#, calls: "ADD a;CHECK a", ..PLAIN },
    Case {
        what: "start outside",
        ipam: r#""subnet": "10.1.0.0/24", "rangeStart": "10.2.0.0""#,
        calls: "ADD a",
        ..PLAIN
    },
    Case {
        what: "start after end",
        ipam: r#""subnet": "10.1.0.0/24", "rangeStart": "10.1.0.9", "rangeEnd": "10.1.0.5""#,
        calls: "ADD a",
        ..PLAIN
    },
    Case {
        what: "overlap",
        ipam: r#""ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "10.1.0.0/16"}]]"#,
        calls: "ADD a",
        ..PLAIN
    },
    Case {
        what: "mixed families",
        ipam: r#""ranges": [[{"subnet": "10.1.0.0/24"}, {"subnet": "fd00::/64"}]]"#,
        calls: "ADD a",
        ..PLAIN
    },
    Case { what: "0.2.0", version: "0.2.0", calls: "ADD a;DEL a;ADD b", ..PLAIN },
    Case {
        what: "keys in any case",
        ipam: r#""SUBNET": "10.1.0.0/24", "RANGESTART": "10.1.0.9", "rangeEnd": null, "Gateway": """#,
        calls: "ADD a;ADD b",
        ..PLAIN
    },
];

#[test]
fn the_same_calls_do_the_same() {
    let Some(program) = program() else { return };
    for case in &CASES {
        let make = || Net { more: case.more.into(), version: case.version, ..Net::new(case.ipam) };
        let (theirs, own) = (make(), make());
        for call in case.calls.split(';') {
            let mut words = call.split(' ');
            let (verb, id) = (words.next().unwrap(), words.next().unwrap());
            let args = words.next().unwrap_or_default().replace(',', ";");
            let expected = reference(&program, &theirs, verb, id, &args);
            let got = ours(&own, verb, id, &args);
            let context = format!("{}: {call}: reference {expected:?}, ours {got:?}", case.what);
            assert_eq!(expected.is_ok(), got.is_ok(), "{context}");
            match (expected, got) {
                (Ok(expected), Ok(got)) => assert_eq!(expected, got, "{context}"),
                // The reference moves the cursor even when it gives the address back.
                _ => follow(&theirs, &own),
            }
            assert_eq!(files(&theirs), files(&own), "{context}");
        }
    }
}

/// Both at once on one directory.
#[test]
fn both_share_one_directory() {
    let Some(program) = program() else { return };
    let net = Net::new(r#""subnet": "10.1.0.0/24""#);
    let both = |verb: &'static str| {
        std::thread::scope(|scope| {
            for i in 0..40 {
                let (net, program) = (&net, &program);
                scope.spawn(move || match i % 2 {
                    0 => drop(reference(program, net, verb, &format!("c{i}"), "").unwrap()),
                    _ => {
                        assert!(storm::command(&[], net, verb, &format!("c{i}")).status().unwrap().success());
                    }
                });
            }
        });
    };
    both("ADD");
    assert_eq!(net.leases().len(), 40, "{}", net.shown());
    let owners: std::collections::BTreeSet<_> = net.leases().into_values().collect();
    assert_eq!(owners.len(), 40);
    // Each frees what the other made.
    for i in 0..40 {
        match i % 2 {
            0 => net.del(&format!("c{i}")).unwrap(),
            _ => drop(reference(&program, &net, "DEL", &format!("c{i}"), "").unwrap()),
        }
        assert_eq!(net.leases().len(), 39 - i, "{}", net.shown());
    }
}
