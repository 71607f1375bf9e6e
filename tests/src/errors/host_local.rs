//! Ranges that cannot be, and addresses that are not there. Each through host-local itself, and through
//! bridge, which passes the error on unchanged.

use std::fs;

use serde_json::{Value, json};

use crate::confs::{addresses, host_local, plain};
use crate::harness::{Node, Side, Test, leases};

use super::Row;

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, code, words, ipam) in [
        ("no_ranges", 7, &["subnet"][..], json!({})),
        ("empty_ranges", 7, &["ranges"], json!({ "ranges": [] })),
        ("empty_range_set", 7, &["ranges[0]"], json!({ "ranges": [[]] })),
        ("ranges_not_nested", 6, &["ranges"], json!({ "ranges": [{ "subnet": "10.88.0.0/24" }] })),
        ("no_subnet", 7, &["subnet"], json!({ "ranges": [[{ "rangeStart": "10.88.0.5" }]] })),
        ("subnet_garbage", 7, &["subnet", "10.88/zz"], json!({ "subnet": "10.88/zz" })),
        ("subnet_without_length", 7, &["subnet", "10.88.0.0"], json!({ "subnet": "10.88.0.0" })),
        ("subnet_length_33", 7, &["subnet", "/33"], json!({ "subnet": "10.88.0.0/33" })),
        ("subnet_a_number", 6, &["subnet"], json!({ "subnet": 10 })),
        ("subnet_host_bits", 7, &["10.88.0.5/24", "10.88.0.0"], json!({ "subnet": "10.88.0.5/24" })),
        (
            "start_outside",
            7,
            &["rangeStart", "10.89.0.5"],
            json!({ "subnet": "10.88.0.0/24", "rangeStart": "10.89.0.5" }),
        ),
        (
            "end_outside",
            7,
            &["rangeEnd", "10.88.1.5"],
            json!({ "subnet": "10.88.0.0/24", "rangeEnd": "10.88.1.5" }),
        ),
        (
            "start_of_other_family",
            7,
            &["rangeStart"],
            json!({ "subnet": "10.88.0.0/24", "rangeStart": "fd00::5" }),
        ),
        (
            "start_garbage",
            7,
            &["rangeStart", "abc"],
            json!({ "subnet": "10.88.0.0/24", "rangeStart": "abc" }),
        ),
        (
            "start_after_end",
            7,
            &["10.88.0.9", "10.88.0.5"],
            json!({ "subnet": "10.88.0.0/24", "rangeStart": "10.88.0.9", "rangeEnd": "10.88.0.5" }),
        ),
        ("gateway_garbage", 7, &["gateway", "zz"], json!({ "subnet": "10.88.0.0/24", "gateway": "zz" })),
        (
            "sets_overlap",
            7,
            &["overlap"],
            json!({ "ranges": [[{ "subnet": "10.88.0.0/24" }], [{ "subnet": "10.88.0.128/25" }]] }),
        ),
        (
            "ranges_of_a_set_overlap",
            7,
            &["overlap"],
            json!({ "ranges": [[{ "subnet": "10.88.0.0/24" }, { "subnet": "10.88.0.0/25" }]] }),
        ),
        (
            "families_mixed_in_a_set",
            7,
            &["ranges[0]"],
            json!({ "ranges": [[{ "subnet": "10.88.0.0/24" }, { "subnet": "fd00::/64" }]] }),
        ),
        ("route_without_dst", 7, &["routes", "dst"], json!({ "subnet": "10.88.0.0/24", "routes": [{}] })),
        (
            "route_dst_garbage",
            7,
            &["routes", "dst", "0.0.0.0"],
            json!({ "subnet": "10.88.0.0/24", "routes": [{ "dst": "0.0.0.0" }] }),
        ),
        (
            "route_gateway_garbage",
            7,
            &["routes", "gw"],
            json!({ "subnet": "10.88.0.0/24", "routes": [{ "dst": "0.0.0.0/0", "gw": "here" }] }),
        ),
    ] {
        for verb in ["ADD", "CHECK", "STATUS"] {
            let codes = if verb == "STATUS" { vec![code, 50] } else { vec![code] };
            let conf = host_local(&ipam);
            let name = format!("host_local::{verb}_{name}").to_lowercase();
            rows.push(Row::new(name, &codes, words, move |_, pod| {
                Side::Ours.host_local().attach(verb, &conf, pod)
            }));
        }
        let mut conf = plain();
        conf["ipam"] = host_local(&ipam)["ipam"].clone();
        rows.push(Row::new(format!("host_local::through_bridge_{name}"), &[code], words, move |_, pod| {
            Side::Ours.bridge().attach("ADD", &conf, pod)
        }));
    }
    rows.extend(wishes());
    rows.push(Row::new("host_local::no_ipam", &[7], &["ipam"], |_, pod| {
        let mut conf = host_local(&json!({}));
        conf.as_object_mut().unwrap().remove("ipam");
        Side::Ours.host_local().attach("ADD", &conf, pod)
    }));
    rows.push(Row::new("host_local::two_subnets_of_a_family_in_0_2_0", &[7], &["0.2.0"], |_, pod| {
        let mut conf = host_local(
            &json!({ "ranges": [[{ "subnet": "10.88.0.0/24" }], [{ "subnet": "10.89.0.0/24" }]] }),
        );
        conf["cniVersion"] = "0.2.0".into();
        Side::Ours.host_local().attach("ADD", &conf, pod)
    }));
    rows.push(Row::new("host_local::data_dir_below_a_file", &[5], &["/run/work/file"], |_, pod| {
        fs::write("/run/work/file", "").unwrap();
        let ipam = json!({ "subnet": "10.88.0.0/24", "dataDir": "/run/work/file/networks" });
        Side::Ours.host_local().attach("ADD", &host_local(&ipam), pod)
    }));
    rows.push(Row::new(
        "host_local::resolv_conf_not_there",
        &[5, 7],
        &["resolvConf", "/run/work/nothing"],
        |_, pod| {
            let ipam = json!({ "subnet": "10.88.0.0/24", "resolvConf": "/run/work/nothing" });
            Side::Ours.host_local().attach("ADD", &host_local(&ipam), pod)
        },
    ));
    rows
}

/// Requested addresses that cannot be had.
fn wishes() -> Vec<Row> {
    let row = |name: &str, codes: &[u64], words: &[&str], more: Value| {
        Row::new(format!("host_local::wish_{name}"), codes, words, move |_, pod| {
            let conf = crate::confs::merged(&host_local(&json!({ "subnet": "10.88.0.0/24" })), &more);
            Side::Ours.host_local().attach("ADD", &conf, pod)
        })
    };
    vec![
        row("outside", &[7, 104], &["10.99.0.5"], json!({ "args": { "cni": { "ips": ["10.99.0.5"] } } })),
        row(
            "the_gateway",
            &[7, 104],
            &["10.88.0.1", "gateway"],
            json!({ "runtimeConfig": { "ips": ["10.88.0.1"] } }),
        ),
        row("garbage", &[6, 7], &["ips", "zz"], json!({ "runtimeConfig": { "ips": ["zz"] } })),
        row(
            "two_in_one_range",
            &[7, 104],
            &["10.88.0."],
            json!({ "runtimeConfig": { "ips": ["10.88.0.8", "10.88.0.9"] } }),
        ),
        row(
            "capability_range_bad",
            &[7],
            &["ipRanges"],
            json!({ "runtimeConfig": { "ipRanges": [[{ "subnet": "10.0.0.1/24" }]] } }),
        ),
    ]
}

pub fn tests() -> Vec<Test> {
    crate::node_tests![
        no_address_left_names_the_range_and_keeps_all,
        second_set_exhausted_frees_the_first,
        wish_that_is_taken_is_refused,
        second_add_of_an_attachment_is_refused,
        last_address_can_be_taken_again
    ]
}

fn no_address_left_names_the_range_and_keeps_all(node: &Node) {
    let plugin = Side::Ours.host_local();
    let conf = host_local(&json!({ "subnet": "10.88.0.0/29" })); // .2 to .6
    for name in ["a", "b", "c", "d", "e"] {
        plugin.added(&conf, &node.pod(name));
    }
    let before = node.snapshot();
    let error = plugin.add(&conf, &node.pod("f")).failed().code(104);
    let text = format!("{}\n{}", error.msg, error.details);
    assert!(text.contains("10.88.0.1-10.88.0.6"), "the range is not named: {text}");
    assert!(text.contains('5'), "how many are taken is not said: {text}");
    assert!(text.contains("/var/lib/cni/networks/net1"), "where to look is not said: {text}");
    let files = |s: &crate::harness::Snapshot| s.0["files"].clone();
    assert_eq!(files(&before), files(&node.snapshot()));
}

fn second_set_exhausted_frees_the_first(node: &Node) {
    let plugin = Side::Ours.host_local();
    let conf = host_local(&json!({ "ranges": [
        [{ "subnet": "10.88.0.0/24" }],
        [{ "subnet": "fd00::/64", "rangeStart": "fd00::2", "rangeEnd": "fd00::2" }]
    ] }));
    plugin.added(&conf, &node.pod("a"));
    let before = leases::taken("net1");
    plugin.add(&conf, &node.pod("b")).failed().code(104);
    assert_eq!(before, leases::taken("net1"));
}

fn wish_that_is_taken_is_refused(node: &Node) {
    let plugin = Side::Ours.host_local();
    let conf = host_local(&json!({ "subnet": "10.88.0.0/24" }));
    let wish = |pod: &str| {
        plugin.attach("ADD", &conf, &node.pod(pod)).env("CNI_ARGS", "IgnoreUnknown=1;IP=10.88.0.77").run()
    };
    assert_eq!(addresses(&wish("a").ok().json()), ["10.88.0.77"]);
    let error = wish("b").failed();
    assert!(error.msg.contains("10.88.0.77"), "{error:?}");
    assert!(matches!(error.code, 102 | 104), "{error:?}");
    assert_eq!(leases::taken("net1"), ["10.88.0.77"]);
}

fn second_add_of_an_attachment_is_refused(node: &Node) {
    let plugin = Side::Ours.host_local();
    let conf = host_local(&json!({ "subnet": "10.88.0.0/24" }));
    let pod = node.pod("a");
    plugin.added(&conf, &pod);
    plugin.add(&conf, &pod).failed().code(102).says(&["10.88.0.2"]);
    assert_eq!(leases::taken("net1"), ["10.88.0.2"]);
    // Another interface of the same container is another attachment.
    assert_eq!(addresses(&plugin.added(&conf, &pod.with_ifname("eth1"))), ["10.88.0.3"]);
}

fn last_address_can_be_taken_again(node: &Node) {
    let plugin = Side::Ours.host_local();
    let conf =
        host_local(&json!({ "subnet": "10.88.0.0/24", "rangeStart": "10.88.0.9", "rangeEnd": "10.88.0.9" }));
    for name in ["a", "b", "c"] {
        let pod = node.pod(name);
        assert_eq!(addresses(&plugin.added(&conf, &pod)), ["10.88.0.9"]);
        plugin.del(&conf, &pod).ok();
    }
}
