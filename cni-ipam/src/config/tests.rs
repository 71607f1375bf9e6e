use cni_common::spec::Environment;

use super::*;

fn request(json: &str, args: &str) -> Request {
    let env = Environment {
        command: "ADD".into(),
        container_id: "c1".into(),
        netns: "/run/netns/x".into(),
        ifname: "eth0".into(),
        args: args.into(),
        path: "/opt/cni/bin".into(),
        ..Environment::default()
    };
    Request::new(&env, json.as_bytes().to_vec()).unwrap()
}

/// A configuration of version 1.1.0 with `ipam` and, behind it, `more`.
fn read(ipam: &str, more: &str, args: &str) -> Result<Config, CniError> {
    let json = format!(r#"{{"cniVersion": "1.1.0", "name": "net", "ipam": {ipam}{more}}}"#);
    Config::read(&request(&json, args))
}

fn sets(config: &Config) -> Vec<String> {
    config.sets.iter().map(ToString::to_string).collect()
}

#[test]
fn range_sets_come_in_the_references_order() {
    let ipam = r#"{"type": "host-local", "subnet": "10.1.0.0/24", "rangeStart": "10.1.0.9", "rangeEnd": "10.1.0.20",
        "gateway": "10.1.0.30", "ranges": [[{"subnet": "10.2.0.0/30"}, {"subnet": "10.3.0.0/30"}], [{"subnet": "fd00::/127"}]]}"#;
    let more = r#", "runtimeConfig": {"ipRanges": [[{"subnet": "10.4.0.0/30"}]]}"#;
    let expected =
        ["10.4.0.1-10.4.0.2", "10.1.0.9-10.1.0.20", "10.2.0.1-10.2.0.2,10.3.0.1-10.3.0.2", "fd00::-fd00::1"];
    assert_eq!(sets(&read(ipam, more, "").unwrap()), expected);
}

#[test]
fn keys_are_matched_as_go_does() {
    let ipam =
        r#"{"SUBNET": "10.1.0.0/24", "RangeStart": null, "rangeEnd": "", "DATADIR": "/x", "datadir": "/y"}"#;
    let config = read(ipam, "", "").unwrap();
    assert_eq!(sets(&config), ["10.1.0.1-10.1.0.254"]);
    assert_eq!(config.place.dir(), Path::new("/y/net"));
    assert_eq!(
        read(r#"{"subnet": "10.1.0.0/24"}"#, "", "").unwrap().place.data_dir,
        Path::new(DEFAULT_DATA_DIR)
    );
}

#[test]
fn wanted_addresses_come_from_three_places() {
    let ipam = r#"{"ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "10.2.0.0/24"}], [{"subnet": "fd00::/64"}], [{"subnet": "10.3.0.0/24"}]]}"#;
    let more = r#", "args": {"cni": {"ips": ["10.2.0.7/24", "10.1.0.5"]}}, "runtimeConfig": {"ips": ["fd00::7/64"]}"#;
    let config = read(ipam, more, "IP=10.1.0.5;MAC=x;GATEWAY=y;K8S_POD_NAME=z").unwrap();
    let wanted: Vec<_> = config.wanted.iter().map(|w| w.map(|a| a.to_string()).unwrap_or_default()).collect();
    assert_eq!(wanted, ["10.1.0.5", "10.2.0.7", "fd00::7", ""]);
}

#[test]
fn routes_keep_all_their_fields() {
    let ipam = r#"{"subnet": "10.1.0.0/24", "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.9.1.1/16", "gw": "10.1.0.3",
        "mtu": 1400, "advmss": 1360, "priority": 7, "table": 100, "scope": 0}]}"#;
    let routes = read(ipam, "", "").unwrap().routes;
    assert_eq!(routes[0], Route::new("0.0.0.0/0".parse().unwrap(), None));
    let expected = Route {
        mtu: Some(1400),
        advmss: Some(1360),
        priority: Some(7),
        table: Some(100),
        scope: Some(0),
        ..Route::new("10.9.0.0/16".parse().unwrap(), "10.1.0.3".parse().ok())
    };
    assert_eq!(routes[1], expected);
}

#[test]
fn every_error_names_key_value_and_remedy() {
    let subnet = r#""subnet": "10.1.0.0/24""#;
    for (ipam, more, args, code, parts) in [
        ("null", "", "", 7, ["\"ipam\"", "missing", "\"subnet\""]),
        ("{}", "", "", 7, ["no IP ranges", "\"subnet\"", "\"ranges\""]),
        (r#"{"subnet": ""}"#, "", "", 7, ["ipam.subnet", "\"\"", "10.88.0.0/16"]),
        (r#"{"subnet": "10.1.0.0"}"#, "", "", 7, ["ipam.subnet", "10.1.0.0", "10.88.0.0/16"]),
        (r#"{"subnet": "10.1.0.0/33"}"#, "", "", 7, ["ipam.subnet", "10.1.0.0/33", "write"]),
        (r#"{"subnet": "::ffff:10.1.0.0/120"}"#, "", "", 7, ["ipam.subnet", "::ffff:10.1.0.0/120", "write"]),
        (r#"{"subnet": 5}"#, "", "", 6, ["ipam.subnet", "the number 5", "must be a string"]),
        (
            r#"{"subnet": "10.1.0.0/24", "gateway": "x"}"#,
            "",
            "",
            7,
            ["ipam.gateway", "\"x\"", "write one like"],
        ),
        (r#"{"ranges": [[]]}"#, "", "", 7, ["ipam.ranges[0]", "empty", "give it a range"]),
        (r#"{"ranges": [[{}]]}"#, "", "", 7, ["ipam.ranges[0][0].subnet", "missing", "10.88.0.0/16"]),
        (
            r#"{"ranges": [{"subnet": "10.1.0.0/24"}]}"#,
            "",
            "",
            6,
            ["ipam.ranges[0]", "an object", "must be a list"],
        ),
        (
            r#"{"subnet": "10.1.0.0/24", "ranges": [[{"subnet": "10.1.0.0/28"}]]}"#,
            "",
            "",
            7,
            ["\"ipam\" overlaps", "ipam.ranges[0]", "disjoint"],
        ),
        (r#"{"subnet": "10.1.0.0/24", "dataDir": "x/y"}"#, "", "", 7, ["ipam.dataDir", "x/y", "absolute"]),
        (r#"{"subnet": "10.1.0.0/24", "dataDir": "/x/../y"}"#, "", "", 7, ["ipam.dataDir", "/x/../y", ".."]),
        (
            r#"{"subnet": "10.1.0.0/24", "routes": [{}]}"#,
            "",
            "",
            7,
            ["ipam.routes[0].dst", "missing", "0.0.0.0/0"],
        ),
        (
            r#"{"subnet": "10.1.0.0/24", "routes": [{"dst": "10.0.0.0/8", "gw": "fd00::1"}]}"#,
            "",
            "",
            7,
            ["ipam.routes[0].gw", "fd00::1", "of that family"],
        ),
        (&format!("{{{subnet}}}"), "", "IP=10.1.0", 4, ["CNI_ARGS", "10.1.0", "write"]),
        (&format!("{{{subnet}}}"), "", "FOO=1", 4, ["CNI_ARGS", "FOO=1", "IgnoreUnknown"]),
        (&format!("{{{subnet}}}"), "", "IP=10.1.0.1", 7, ["10.1.0.1", "gateway", "another"]),
        (&format!("{{{subnet}}}"), "", "IP=10.7.0.5", 7, ["10.7.0.5", "CNI_ARGS", "10.1.0.1-10.1.0.254"]),
        (
            &format!("{{{subnet}}}"),
            r#", "args": {"cni": {"ips": ["10.1.0.5", "10.1.0.6"]}}"#,
            "",
            7,
            ["10.1.0.6", "args.cni.ips[1]", "one address out of each"],
        ),
        (
            &format!("{{{subnet}}}"),
            r#", "runtimeConfig": {"ips": [""]}"#,
            "",
            7,
            ["runtimeConfig.ips[0]", "\"\"", "write"],
        ),
    ] {
        let error = read(ipam, more, args).unwrap_err();
        assert_eq!(error.code.0, code, "{ipam}{more} {args}: {}", error.msg);
        for part in parts {
            assert!(error.msg.contains(part), "{ipam}{more} {args}: {} lacks {part}", error.msg);
        }
    }
}

#[test]
fn old_versions_have_one_address_per_family() {
    let json = |version: &str, second: &str| {
        format!(
            r#"{{"cniVersion": "{version}", "name": "net", "ipam": {{"ranges": [[{{"subnet": "10.1.0.0/24"}}], [{{"subnet": "{second}"}}]]}}}}"#
        )
    };
    let code = |text: &str| Config::read(&request(text, "")).map_or_else(|e| e.code.0, |_| 0);
    assert_eq!(code(&json("0.2.0", "10.2.0.0/24")), 7);
    assert_eq!(code(&json("0.2.0", "fd00::/64")), 0);
    assert_eq!(code(&json("0.3.0", "10.2.0.0/24")), 0);
}

#[test]
fn a_slip_of_the_pen_is_named() {
    let error = read(r#"{"subnett": "10.1.0.0/24"}"#, "", "").unwrap_err();
    assert!(
        error.details.contains("ipam.subnett") && error.details.contains("\"subnet\""),
        "{}",
        error.details
    );
    let config = read(r#"{"subnet": "10.1.0.0/24", "gatway": "10.1.0.9", "banana": 1}"#, "", "").unwrap();
    assert_eq!(config.slips, ["the key \"ipam.gatway\" is not known; did you mean \"gateway\"?"]);
}

/// Issue 4: DEL works with a configuration whose ranges are broken.
#[test]
fn the_place_needs_no_ranges() {
    for ipam in ["null", "{}", r#"{"ranges": 5, "subnet": "x", "dataDir": ""}"#] {
        let json = format!(r#"{{"name": "net", "ipam": {ipam}}}"#);
        let place = Place::read(&request(&json, "").conf).unwrap();
        assert_eq!(place.dir(), Path::new("/var/lib/cni/networks/net"), "{ipam}");
    }
    let json = r#"{"name": "net", "ipam": {"ranges": 5, "dataDir": "/x"}}"#;
    assert_eq!(Place::read(&request(json, "").conf).unwrap().dir(), Path::new("/x/net"));
}
