//! Every wait has an end, and its error names what was waited for.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use serde_json::json;
use trestle_faults::call::Call;
use trestle_faults::network::{NAME, Network, Way};
use trestle_faults::node::{Node, Pod, on_node};
use trestle_faults::state::State;

use crate::{Test, network, ours};

pub fn tests() -> Vec<Test> {
    crate::tests![
        a_held_lock_ends_in_code_11_that_names_the_holder,
        a_lock_that_is_given_back_is_taken,
        status_does_not_wait_for_the_lock,
        del_cleans_the_kernel_while_the_lock_is_held,
        a_timeout_that_is_no_number_changes_nothing,
        a_plugin_that_hangs_is_killed_and_named,
        a_plugin_that_floods_its_output_is_killed_and_named,
        a_grandchild_that_holds_the_pipe_is_not_waited_for,
        a_plugin_that_reads_no_configuration_gives_its_answer,
        a_broken_off_plugin_is_asked_to_give_back
    ]
}

/// Far below the product's own limits, far above what a call takes.
const SOON: Duration = Duration::from_secs(20);

fn hold_lock() -> File {
    let dir = format!("/var/lib/cni/networks/{NAME}");
    fs::create_dir_all(&dir).unwrap();
    let lock = File::options().create(true).truncate(false).write(true).open(format!("{dir}/lock")).unwrap();
    lock.lock().unwrap();
    lock
}

fn a_held_lock_ends_in_code_11_that_names_the_holder() {
    on_node(|node| {
        let (network, pod) = (network("host-local"), node.pod("pod"));
        let _lock = hold_lock();
        let own = std::process::id().to_string();
        let name = fs::read_to_string("/proc/self/comm").unwrap();
        for call in [network.add(&pod), network.del(&pod, Way::There), network.gc(&[])] {
            let (code, text) = call.env("CNI_LOCK_TIMEOUT", "0.3").limit(SOON).run().failed();
            assert_eq!(code, 11, "{text}");
            assert!(text.contains(&own) && text.contains(name.trim()), "{text} does not name {own} {name}");
        }
    });
}

fn a_lock_that_is_given_back_is_taken() {
    on_node(|node| {
        let (network, pod) = (network("host-local"), node.pod("pod"));
        let lock = hold_lock();
        let mut add = network.add(&pod).env("CNI_LOCK_TIMEOUT", "60").start();
        std::thread::sleep(Duration::from_millis(300));
        assert!(add.try_wait().unwrap().is_none(), "ADD did not wait for the lock");
        drop(lock);
        assert!(add.wait().unwrap().success());
    });
}

fn status_does_not_wait_for_the_lock() {
    on_node(|node| {
        let pod = node.pod("pod");
        let _lock = hold_lock();
        for name in ["host-local", "spoof"] {
            let network = network(name);
            let call = network.call("STATUS", &pod, &network.conf).env("CNI_LOCK_TIMEOUT", "600");
            let answer = call.limit(SOON).run();
            assert!(!answer.hung && answer.succeeded(), "{name}: {answer}");
        }
    });
}

fn del_cleans_the_kernel_while_the_lock_is_held() {
    on_node(|node| {
        let (network, pod) = (network("spoof"), node.pod("pod"));
        network.add(&pod).run().ok();
        let lock = hold_lock();
        let (code, text) = network.del(&pod, Way::There).env("CNI_LOCK_TIMEOUT", "0.3").run().failed();
        assert_eq!(code, 11, "{text}");
        let left = State::of(node, &[&pod]).owned().0;
        assert!(left.iter().all(|line| line.starts_with("file /var/lib/cni/networks")), "{left:?}");
        drop(lock);
        network.del(&pod, Way::There).run().ok();
        assert_eq!(State::of(node, &[&pod]).owned(), State::default());
    });
}

fn a_timeout_that_is_no_number_changes_nothing() {
    on_node(|node| {
        let (network, pod) = (network("masquerade"), node.pod("pod"));
        for bad in ["", "soon", "-1", "inf", "1e999"] {
            let with = |call: Call| call.env("CNI_LOCK_TIMEOUT", bad).env("CNI_PLUGIN_TIMEOUT", bad);
            with(network.add(&pod)).run().ok();
            with(network.del(&pod, Way::There)).run().ok();
        }
    });
}

/// A network whose IPAM plugin is this shell script.
fn scripted(script: &str) -> Network {
    let dir = "/run/work/plugins";
    fs::create_dir_all(dir).unwrap();
    let path = format!("{dir}/scripted");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let mut network = network("masquerade");
    network.conf["ipam"] = json!({ "type": "scripted" });
    network
}

fn add(network: &Network, pod: &Pod) -> Call {
    network
        .add(pod)
        .env("CNI_PATH", &format!("/run/work/plugins:{}", ours().display()))
        .env("CNI_PLUGIN_TIMEOUT", "1")
        .limit(SOON)
}

fn nothing_is_left(node: &Node, pod: &Pod) {
    assert_eq!(State::of(node, &[pod]).owned(), State::default());
}

fn a_plugin_that_hangs_is_killed_and_named() {
    on_node(|node| {
        let pod = node.pod("pod");
        let network = scripted("echo $$ >/run/work/pid; exec sleep 1000");
        let start = Instant::now();
        let (code, text) = add(&network, &pod).run().failed();
        assert!(code == 11 && text.contains("/run/work/plugins/scripted"), "{code} {text}");
        assert!(start.elapsed() >= Duration::from_secs(1));
        let pid = fs::read_to_string("/run/work/pid").unwrap();
        assert!(!fs::exists(format!("/proc/{}", pid.trim())).unwrap(), "the plugin still runs");
        nothing_is_left(node, &pod);
    });
}

fn a_plugin_that_floods_its_output_is_killed_and_named() {
    on_node(|node| {
        let pod = node.pod("pod");
        let (code, text) = add(&scripted("[ $CNI_COMMAND = DEL ] || exec yes"), &pod)
            .env("CNI_PLUGIN_TIMEOUT", "60")
            .run()
            .failed();
        assert!(code == 103 && text.contains("/run/work/plugins/scripted"), "{code} {text}");
        nothing_is_left(node, &pod);
    });
}

fn a_grandchild_that_holds_the_pipe_is_not_waited_for() {
    on_node(|node| {
        let pod = node.pod("pod");
        let script = r#"sleep 1000 & echo $! >/run/work/pid
            echo '{"cniVersion": "1.1.0", "ips": [{"address": "10.88.0.7/16", "gateway": "10.88.0.1"}]}'"#;
        let network = scripted(script);
        let answer = add(&network, &pod).env("CNI_PLUGIN_TIMEOUT", "1000").run();
        let pid: i32 = fs::read_to_string("/run/work/pid").unwrap().trim().parse().unwrap();
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        assert_eq!(answer.ok().addresses(), ["10.88.0.7"]);
    });
}

fn a_plugin_that_reads_no_configuration_gives_its_answer() {
    on_node(|node| {
        let pod = node.pod("pod");
        let mut network =
            scripted(r#"exec <&-; echo '{"cniVersion": "1.1.0", "ips": [{"address": "10.88.0.7/16"}]}'"#);
        network.conf["filler"] = json!("x".repeat(1 << 20));
        assert_eq!(add(&network, &pod).run().ok().addresses(), ["10.88.0.7"]);
    });
}

fn a_broken_off_plugin_is_asked_to_give_back() {
    on_node(|node| {
        let pod = node.pod("pod");
        let network = scripted("echo $CNI_COMMAND >>/run/work/asked; [ $CNI_COMMAND = DEL ] || kill -9 $$");
        let (code, text) = add(&network, &pod).run().failed();
        assert!(code == 103 && text.contains("given back"), "{code} {text}");
        assert_eq!(fs::read_to_string("/run/work/asked").unwrap(), "ADD\nDEL\n");
        nothing_is_left(node, &pod);
    });
}
