//! ADD, CHECK and DEL.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn the_files_are_the_references_byte_for_byte() {
    let net = Net::new(r#""ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00::/64"}]]"#);
    assert_eq!(net.add("c1").unwrap(), "10.1.0.2 fd00::2");
    assert_eq!(net.text("10.1.0.2"), "c1\r\neth0");
    assert_eq!(net.text("fd00::2"), "c1\r\neth0");
    assert_eq!(
        (net.text("last_reserved_ip.0"), net.text("last_reserved_ip.1")),
        ("10.1.0.2".into(), "fd00::2".into())
    );
    let expected = [".index", "10.1.0.2", "fd00::2", "last_reserved_ip.0", "last_reserved_ip.1", "lock"];
    assert_eq!(net.scratch.names(), expected);
    for name in expected {
        assert_eq!(net.dir().join(name).metadata().unwrap().permissions().mode() & 0o7777, 0o600, "{name}");
    }
    for dir in [net.dir(), net.scratch.place().data_dir] {
        assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o7777, 0o755);
    }
}

#[test]
fn the_result_has_gateway_routes_and_dns() {
    let mut net = Net::new(r#""subnet": "10.1.0.0/24", "routes": [{"dst": "0.0.0.0/0"}]"#);
    let resolv = net.scratch.root().join("resolv.conf");
    std::fs::write(&resolv, "nameserver 192.0.2.3\n").unwrap();
    net.ipam = format!(r#"{}, "resolvConf": {resolv:?}"#, net.ipam);
    let result = net.result("c1").unwrap();
    assert_eq!(result.ips[0].address.to_string(), "10.1.0.2/24");
    assert_eq!(result.ips[0].gateway.unwrap().to_string(), "10.1.0.1");
    assert_eq!(result.ips[0].interface, None);
    assert_eq!((result.routes.len(), result.dns.nameservers), (1, vec!["192.0.2.3".to_owned()]));
    std::fs::remove_file(&resolv).unwrap();
    assert_eq!(code(net.add("c2")), 5);
    assert_eq!(net.shown(), "10.1.0.2=c1", "nothing is leased for an ADD that cannot succeed");
}

/// Golden order, as the reference's allocator gives it: the next after the last, then from the start.
#[test]
fn addresses_go_round() {
    let net = Net::new(FIVE);
    let order: Vec<_> = (0..5).map(|i| net.add(&format!("c{i}")).unwrap()).collect();
    assert_eq!(order, ["10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5", "10.1.0.6"]);
    assert_eq!(code(net.add("c5")), 104);
    net.del("c1").unwrap();
    net.del("c3").unwrap();
    assert_eq!(net.add("c6").unwrap(), "10.1.0.3");
    assert_eq!(net.add("c7").unwrap(), "10.1.0.5");
    net.del("c6").unwrap();
    net.del("c7").unwrap();
    assert_eq!(net.add("c8").unwrap(), "10.1.0.3", "the cursor stands at .5: .6 is taken, .2 too");
    net.del("c8").unwrap();
    assert_eq!(net.add("c9").unwrap(), "10.1.0.5", "the one after .3, though .3 is free");
}

#[test]
fn ranges_of_a_set_are_used_one_after_the_other() {
    let net = Net::new(
        r#""ranges": [[{"subnet": "10.1.0.0/30"}, {"subnet": "10.2.0.0/29", "rangeStart": "10.2.0.5"}]]"#,
    );
    let order: Vec<_> = (0..3).map(|i| net.add(&format!("c{i}")).unwrap()).collect();
    assert_eq!(order, ["10.1.0.2", "10.2.0.5", "10.2.0.6"]);
    assert_eq!(net.result("x").unwrap_err().code.0, 104);
    net.del("c0").unwrap();
    let result = net.result("c4").unwrap();
    assert_eq!(result.ips[0].address.to_string(), "10.1.0.2/30");
}

/// Issue 5: /31, /32, /127 and /128.
#[test]
fn the_smallest_subnets_are_used_whole() {
    for (subnet, expected) in [
        ("10.1.0.2/31", "10.1.0.2 10.1.0.3"),
        ("10.1.0.2/32", "10.1.0.2"),
        ("fd00::2/127", "fd00::2 fd00::3"),
        ("fd00::2/128", "fd00::2"),
    ] {
        let net = Net::new(&format!(r#""subnet": "{subnet}""#));
        let got: Vec<_> = (0..3).map_while(|i| net.add(&format!("c{i}")).ok()).collect();
        assert_eq!(got.join(" "), expected);
        assert_eq!(net.result("x").unwrap_err().code.0, 104);
        net.del("c0").unwrap();
        assert_eq!(net.result("y").unwrap().ips[0].gateway, None);
    }
}

/// plugins#328: the specification has no second ADD; another interface is another attachment.
#[test]
fn a_second_add_is_refused() {
    let net = Net::new(FIVE);
    net.add("c1").unwrap();
    let error = net.add("c1").unwrap_err();
    assert_eq!(error.code.0, 102);
    assert!(error.msg.contains("10.1.0.2 has been allocated to c1, duplicate allocation is not allowed"));
    assert_eq!(net.add("c1/eth1").unwrap(), "10.1.0.3");
    net.del("c1").unwrap();
    assert_eq!(net.shown(), "10.1.0.3=c1");
    assert_eq!(net.text("10.1.0.3"), "c1\r\neth1");
}

#[test]
fn wanted_addresses_are_given_or_refused() {
    let mut net = Net::new(r#""ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00::/64"}]]"#);
    net.more = r#", "args": {"cni": {"ips": ["10.1.0.88", "fd00::77/64"]}}"#.into();
    assert_eq!(net.add("c1").unwrap(), "10.1.0.88 fd00::77");
    let error = net.add("c2").unwrap_err();
    assert_eq!(error.code.0, 102);
    for part in
        ["10.1.0.88", "not available in range set 10.1.0.1-10.1.0.254", "container c1, interface eth0"]
    {
        assert!(error.msg.contains(part), "{}", error.msg);
    }
    net.more = r#", "runtimeConfig": {"ips": ["fd00::77"]}"#.into();
    assert_eq!(code(net.add("c3")), 102);
    assert_eq!(net.leases().len(), 2, "the first set's address was given back");
    assert_eq!(net.text("last_reserved_ip.0"), "10.1.0.88", "and its cursor did not move");
    net.more = String::new();
    assert_eq!(net.add("c3").unwrap(), "10.1.0.89 fd00::78");
    let env = Environment { args: "IgnoreUnknown=1;K8S_X=y;IP=10.1.0.100".into(), ..Net::env("ADD", "c4") };
    let result = net.call(&env).unwrap().unwrap();
    assert_eq!(result.ips[0].address.to_string(), "10.1.0.100/24");
}

#[test]
fn del_needs_neither_ranges_nor_a_lease() {
    let mut net = Net::new(FIVE);
    net.del("c1").unwrap();
    assert!(!net.scratch.place().data_dir.exists(), "DEL makes nothing");
    net.add("c1").unwrap();
    net.ipam = r#""subnet": "broken", "ranges": 7"#.into();
    assert_eq!(code(net.add("c2")), 6);
    net.del("c1").unwrap();
    net.del("c1").unwrap();
    assert_eq!(net.shown(), "");
}

/// Files of old versions hold the container ID alone.
#[test]
fn old_leases_are_honoured_and_freed() {
    let net = Net::new(FIVE);
    net.write("10.1.0.2", "old");
    net.write("10.1.0.3", "both");
    net.write("10.1.0.4", "both\r\neth0\n");
    assert_eq!(code(net.add("old")), 102);
    assert_eq!(net.add("new").unwrap(), "10.1.0.5");
    net.check("old").unwrap();
    net.check("both").unwrap();
    net.del("old").unwrap();
    assert!(!net.leases().contains_key("10.1.0.2"));
    net.del("both").unwrap();
    assert_eq!(net.shown(), "10.1.0.3=both 10.1.0.5=new", "the exact one goes, as in the reference");
    net.del("both").unwrap();
    assert_eq!(net.shown(), "10.1.0.5=new");
}

#[test]
fn check_names_what_is_gone() {
    let mut net = Net::new(r#""ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00::/64"}]]"#);
    let error = net.check("c1").unwrap_err();
    assert!(error.code.0 == 100 && error.msg.contains("container c1, interface eth0"), "{}", error.msg);
    net.add("c1").unwrap();
    net.check("c1").unwrap();
    net.more = r#", "prevResult": {"ips": [{"address": "10.1.0.2/24"}, {"address": "fd00::2/64"}, {"address": "192.0.2.7/24"}]}"#.into();
    net.check("c1").unwrap();
    std::fs::remove_file(net.dir().join("fd00::2")).unwrap();
    let error = net.check("c1").unwrap_err();
    assert!(error.code.0 == 100 && error.msg.contains("fd00::2 is not leased"), "{}", error.msg);
    net.write("fd00::2", "c9\r\neth0");
    let error = net.check("c1").unwrap_err();
    assert!(error.msg.contains("fd00::2 is leased to container c9"), "{}", error.msg);
    std::fs::remove_file(net.dir().join("10.1.0.2")).unwrap();
    assert_eq!(code(net.check("c1")), 100);
}

/// No drift: the operator moved the network to another range while the pod runs.
#[test]
fn check_passes_for_a_lease_outside_the_ranges_of_today() {
    let mut net = Net::new(r#""subnet": "10.1.0.0/24""#);
    net.add("c1").unwrap();
    net.ipam = r#""subnet": "10.2.0.0/24""#.into();
    net.more = r#", "prevResult": {"ips": [{"address": "10.1.0.2/24"}]}"#.into();
    net.check("c1").unwrap();
}

/// A lease that is there counts, however wrong the index; one that is not there is missed.
#[test]
fn check_believes_the_files() {
    let net = Net::new(FIVE);
    net.add("c1").unwrap();
    net.write(".index", "rubbish");
    net.check("c1").unwrap();
    net.reference_add("10.1.0.5", "c2");
    net.check("c2").unwrap();
    std::fs::remove_file(net.dir().join("10.1.0.5")).unwrap();
    assert_eq!(code(net.check("c2")), 100);
}

#[test]
fn a_full_range_says_so() {
    let net = Net::new(FIVE);
    for i in 0..5 {
        net.add(&format!("c{i}")).unwrap();
    }
    let before = net.scratch.names();
    let error = net.add("c9").unwrap_err();
    let dir = net.dir();
    for part in [
        "no IP addresses available in range set: 10.1.0.1-10.1.0.6",
        "5 of 5 are taken",
        dir.to_str().unwrap(),
    ] {
        assert!(error.msg.contains(part), "{}", error.msg);
    }
    assert!(error.details.contains("10.1.0.2: container c0, interface eth0"), "{}", error.details);
    assert_eq!(net.add("c9").unwrap_err().msg, error.msg, "the same words the second time");
    assert_eq!(net.scratch.names(), before);
}

#[test]
fn results_fit_every_version() {
    for version in ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
        let net = Net { version, ..Net::new(FIVE) };
        assert_eq!(net.add("c1").unwrap(), "10.1.0.2", "{version}");
        net.del("c1").unwrap();
    }
}

#[test]
fn a_place_that_cannot_be_used_is_named() {
    let net = Net::new(FIVE);
    std::fs::write(net.scratch.place().data_dir, "").unwrap();
    let error = net.add("c1").unwrap_err();
    assert!(error.code.0 == 5 && error.msg.contains("data"), "{}", error.msg);
    let net = Net::new(FIVE);
    std::fs::create_dir(net.scratch.place().data_dir).unwrap();
    std::os::unix::fs::symlink("/tmp", net.dir()).unwrap();
    for result in [net.add("c1").map(drop), net.del("c1"), net.check("c1")] {
        assert_eq!(code(result), 5, "a link in the network's place is not followed");
    }
}
