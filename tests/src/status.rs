//! STATUS tells the truth: 50 with the reason when an ADD now would fail, and it changes nothing.

use std::fs::{self, File};
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};
use serde_json::{Value, json};

use crate::confs::{dual, host_local, layer2, masquerade, merged, plain};
use crate::harness::{Node, Side, Test, on_node};

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    let iptables = merged(&masquerade(), &json!({ "ipMasqBackend": "iptables" }));
    for (name, conf) in [
        ("plain", plain()),
        ("masquerade", masquerade()),
        ("iptables", iptables),
        ("dual", dual()),
        ("layer2", layer2()),
        ("macspoofchk", merged(&plain(), &json!({ "macspoofchk": true }))),
        ("host_local", host_local(&json!({ "subnet": "10.88.0.0/24" }))),
    ] {
        tests.push(Test::new(format!("ready::{name}"), move || on_node(|node| ready(node, &conf))));
    }
    for (name, words, keys) in [
        ("bad_range", &["subnet"][..], json!({ "ipam": { "subnet": "10.88.0.1/16" } })),
        ("ipam_missing", &["nobody"], json!({ "ipam": { "type": "nobody" } })),
        ("data_dir_below_a_file", &["/run/work/file"], json!({ "ipam": { "dataDir": "/run/work/file/x" } })),
        ("hairpin_and_promisc", &["hairpinMode"], json!({ "hairpinMode": true, "promiscMode": true })),
        (
            "close_to_a_known_key",
            &["ipMask", "ipMasq"],
            json!({ "ipMask": true, "ipam": { "type": "nobody" } }),
        ),
    ] {
        let conf = merged(&plain(), &keys);
        tests.push(Test::new(format!("unavailable::{name}"), move || {
            on_node(|node| {
                fs::write("/run/work/file", "").unwrap();
                unavailable(node, &conf, words);
            });
        }));
    }
    tests.extend(crate::node_tests![
        exhausted_range,
        no_iptables_where_it_is_asked_for,
        k8s_4666_never_waits_for_the_lock,
        empty_variables_of_containerd,
        read_only_data_dir
    ]);
    tests
}

fn ready(node: &Node, conf: &Value) {
    let plugin = Side::Ours.plugin(conf["type"].as_str().unwrap());
    for _ in 0..2 {
        let before = node.snapshot();
        let output = plugin.call("STATUS", conf).run().ok();
        assert_eq!(output.stdout.trim(), "");
        before.assert_same(&node.snapshot(), "STATUS");
        // Again with a pod there.
        if !node.pod_names().contains(&"a".to_owned()) {
            plugin.added(conf, &node.pod("a"));
        }
    }
}

fn unavailable(node: &Node, conf: &Value, words: &[&str]) {
    let before = node.snapshot();
    let error = Side::Ours.bridge().call("STATUS", conf).run().failed().code(50);
    let text = format!("{}\n{}", error.msg, error.details);
    for word in words {
        assert!(text.contains(word), "{word:?} is not named: {error:?}");
    }
    before.assert_same(&node.snapshot(), "STATUS");
    Side::Ours.bridge().add(conf, &node.pod("a")).failed();
}

fn exhausted_range(node: &Node) {
    let (bridge, conf) =
        (Side::Ours.bridge(), merged(&plain(), &json!({ "ipam": { "subnet": "10.88.0.0/30" } })));
    bridge.call("STATUS", &conf).run().ok();
    let pod = node.pod("a");
    bridge.added(&conf, &pod);
    let error = bridge.call("STATUS", &conf).run().failed().code(50);
    assert!(format!("{}{}", error.msg, error.details).contains("10.88.0.1-10.88.0.2"), "{error:?}");
    bridge.del(&conf, &pod).ok();
    bridge.call("STATUS", &conf).run().ok();
}

fn no_iptables_where_it_is_asked_for(node: &Node) {
    let conf = merged(&masquerade(), &json!({ "ipMasqBackend": "iptables" }));
    let call = Side::Ours.bridge().call("STATUS", &conf).env("PATH", "/nowhere");
    let error = call.run().failed().code(50);
    assert!(format!("{}{}", error.msg, error.details).contains("iptables"), "{error:?}");
    // nftables needs no program.
    let _ = node;
    Side::Ours.bridge().call("STATUS", &masquerade()).env("PATH", "/nowhere").run().ok();
}

/// containerd#4666, plugins#561: a lock that somebody holds must not take the node down.
fn k8s_4666_never_waits_for_the_lock(node: &Node) {
    let (bridge, conf) = (Side::Ours.bridge(), plain());
    bridge.added(&conf, &node.pod("a"));
    let file = File::open("/var/lib/cni/networks/net1/lock").unwrap();
    let _held = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, e)| e).unwrap();
    let start = Instant::now();
    bridge.call("STATUS", &conf).run().ok();
    assert!(start.elapsed() < Duration::from_secs(5), "it waited {:?}", start.elapsed());
}

fn empty_variables_of_containerd(node: &Node) {
    let _ = node;
    let call = Side::Ours.bridge().call("STATUS", &plain());
    call.env("CNI_CONTAINERID", "").env("CNI_NETNS", "").env("CNI_IFNAME", "").env("CNI_ARGS", "").run().ok();
    // podman asks for VERSION with "dummy" for everything.
    let call = Side::Ours.bridge().call("VERSION", &json!({ "cniVersion": "1.0.0" }));
    let version = call
        .env("CNI_CONTAINERID", "dummy")
        .env("CNI_NETNS", "dummy")
        .env("CNI_IFNAME", "dummy")
        .env("CNI_PATH", "dummy")
        .run()
        .ok()
        .json();
    assert_eq!(version["supportedVersions"].as_array().unwrap().len(), 7);
}

fn read_only_data_dir(node: &Node) {
    let conf = merged(&plain(), &json!({ "ipam": { "dataDir": "/run/work/data" } }));
    node.sh("mkdir /run/work/data; mount -t tmpfs -o ro tmpfs /run/work/data");
    let error = Side::Ours.bridge().call("STATUS", &conf).run().failed().code(50);
    assert!(format!("{}{}", error.msg, error.details).contains("/run/work/data"), "{error:?}");
    Side::Ours.bridge().add(&conf, &node.pod("a")).failed().code(5);
}
