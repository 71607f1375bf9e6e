//! GC: who stays and who goes (design, section 6; plugins#1289, cni#1086, cni#1103).

use super::*;

fn filled() -> Net {
    let net = Net::new(r#""subnet": "10.1.0.0/24""#);
    for id in ["c1", "c2", "c2/eth1", "c3"] {
        net.add(id).unwrap();
    }
    net.reference_add("10.1.0.10", "ref");
    net.write("10.1.0.11", "old");
    net
}

const ALL: &str = "10.1.0.10=ref 10.1.0.11=old 10.1.0.2=c1 10.1.0.3=c2 10.1.0.4=c2 10.1.0.5=c3";

#[test]
fn the_list_is_the_runtimes_word() {
    for (list, left) in [
        ("[]", ""),
        (r#"[{"containerID": "c2", "ifname": "eth0"}]"#, "10.1.0.3=c2"),
        (
            r#"[{"containerID": "c2", "ifname": "eth1"}, {"containerID": "c1", "ifname": "eth0"}]"#,
            "10.1.0.2=c1 10.1.0.4=c2",
        ),
        (r#"[{"containerID": "old", "ifname": "eth0"}]"#, "10.1.0.11=old"),
        (
            r#"[{"containerID": "ref", "ifname": "eth0"}, {"containerID": "ghost", "ifname": "eth0"}]"#,
            "10.1.0.10=ref",
        ),
        ("null", ALL),
    ] {
        let mut net = filled();
        net.gc(list).unwrap();
        assert_eq!(net.shown(), left, "{list}");
        for name in ["lock", "last_reserved_ip.0"] {
            assert!(net.dir().join(name).exists(), "{name} is no lease");
        }
        net.add("next").unwrap();
    }
}

#[test]
fn no_list_and_the_other_name_of_the_list() {
    let mut net = filled();
    let env = Environment { command: "GC".into(), path: "/p".into(), ..Environment::default() };
    net.call(&env).unwrap();
    assert_eq!(net.shown(), ALL);
    net.more = r#", "cni.dev/attachments": [{"containerID": "c1", "ifname": "eth0"}]"#.into();
    net.call(&env).unwrap();
    assert_eq!(net.shown(), "10.1.0.2=c1");
}

#[test]
fn gc_needs_neither_ranges_nor_a_directory() {
    let mut net = Net::new(r#""subnet": "broken""#);
    net.gc("[]").unwrap();
    assert!(!net.dir().exists());
    net.write("10.1.0.2", "c1\r\neth0");
    net.gc("[]").unwrap();
    assert_eq!(net.shown(), "");
}

#[test]
fn without_a_list_only_the_dead_go() {
    let mut net = Net::new(r#""subnet": "10.1.0.0/24""#);
    let [alive, gone] = ["alive", "gone"].map(|name| net.scratch.root().join(name));
    for path in [&alive, &gone] {
        std::os::unix::fs::symlink("/proc/self/ns/net", path).unwrap();
    }
    net.add_in("c1", alive.to_str().unwrap()).unwrap();
    net.add_in("c2", gone.to_str().unwrap()).unwrap();
    net.add("c3").unwrap();
    net.gc("null").unwrap();
    assert_eq!(net.shown(), "10.1.0.2=c1 10.1.0.3=c2 10.1.0.4=c3");
    std::fs::remove_file(&gone).unwrap();
    net.gc("null").unwrap();
    assert_eq!(net.shown(), "10.1.0.2=c1 10.1.0.4=c3", "a namespace that never was says nothing");
    net.boot(2);
    net.gc("null").unwrap();
    assert_eq!(net.shown(), "");
}

#[test]
fn a_bad_list_frees_nothing() {
    let mut net = filled();
    for list in ["5", r#"[{"containerID": "../x", "ifname": "eth0"}]"#, r#"["c1"]"#] {
        assert_ne!(code(net.gc(list)), 0);
        assert_eq!(net.shown(), ALL, "{list}");
    }
}

/// One lease that cannot be removed keeps no other from being freed, and is reported.
#[test]
fn errors_are_collected_and_the_rest_is_done() {
    let mut net = filled();
    // The lease becomes a directory after the index has noted it as a file.
    net.check("old").unwrap();
    net.gc(r#"[{"containerID": "c1", "ifname": "eth0"}]"#).unwrap();
    assert_eq!(net.shown(), "10.1.0.2=c1");
    std::fs::remove_file(net.dir().join("10.1.0.2")).unwrap();
    std::fs::create_dir(net.dir().join("10.1.0.2")).unwrap();
    net.add("c4").unwrap();
    net.gc("[]").unwrap();
    assert!(net.dir().join("10.1.0.2").is_dir(), "what is no lease stays");
    assert_eq!(net.leases().len(), 1);
}
