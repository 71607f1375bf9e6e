//! Environment variables: missing, empty, or with a value that cannot be.

use std::fs;

use crate::confs;
use crate::harness::{Side, WORK_DIR};

use super::Row;

const ATTACHED: &[&str] = &["ADD", "CHECK", "DEL"];

pub fn rows() -> Vec<Row> {
    let long_id = "x".repeat(300);
    let mut rows = Vec::new();
    let mut variable = |name: &str, verbs: &[&'static str], variable: &'static str, value: Option<&str>| {
        for plugin in ["bridge", "host-local"] {
            for verb in verbs.iter().copied() {
                let value = value.map(str::to_owned);
                rows.push(Row::new(
                    format!("environment::{plugin}_{verb}_{name}").to_lowercase(),
                    &[4],
                    &[variable],
                    move |_, pod| {
                        let call = Side::Ours.plugin(plugin).attach(verb, &confs::plain(), pod);
                        match value {
                            Some(value) => call.env(variable, &value),
                            None => call.without(variable),
                        }
                    },
                ));
            }
        }
    };
    variable("container_id_missing", ATTACHED, "CNI_CONTAINERID", None);
    variable("container_id_empty", ATTACHED, "CNI_CONTAINERID", Some(""));
    for (name, id) in [
        ("container_id_dots", ".."),
        ("container_id_slash", "a/b"),
        ("container_id_space", "a b"),
        ("container_id_dash_first", "-a"),
        ("container_id_too_long", long_id.as_str()),
    ] {
        variable(name, &["ADD"], "CNI_CONTAINERID", Some(id));
    }
    variable("ifname_missing", ATTACHED, "CNI_IFNAME", None);
    variable("ifname_empty", ATTACHED, "CNI_IFNAME", Some(""));
    for (name, ifname) in [
        ("ifname_dot", "."),
        ("ifname_dots", ".."),
        ("ifname_slash", "a/b"),
        ("ifname_colon", "a:b"),
        ("ifname_space", "a b"),
        ("ifname_16_characters", "0123456789abcdef"),
    ] {
        variable(name, &["ADD"], "CNI_IFNAME", Some(ifname));
    }
    variable("netns_missing", &["ADD", "CHECK"], "CNI_NETNS", None);
    variable("netns_empty", &["ADD", "CHECK"], "CNI_NETNS", Some(""));
    variable("path_missing", &["ADD", "CHECK", "DEL", "GC", "STATUS"], "CNI_PATH", None);
    variable("command_unknown", &["FROB"], "CNI_COMMAND", Some("FROB"));
    variable("args_not_pairs", &["ADD"], "CNI_ARGS", Some("FOO"));
    variable("args_unknown_key", &["ADD"], "CNI_ARGS", Some("FOO=bar"));
    variable("args_bad_ignore_unknown", &["ADD"], "CNI_ARGS", Some("IgnoreUnknown=maybe"));
    rows.push(args("args_bad_mac", "bridge", "IgnoreUnknown=1;MAC=zz:zz"));
    rows.push(args("args_bad_ip", "host-local", "IgnoreUnknown=1;IP=10.88.0"));
    rows.extend(namespaces());
    rows
}

fn args(name: &str, plugin: &'static str, value: &'static str) -> Row {
    let word = if value.contains("MAC") { "MAC" } else { "IP" };
    Row::new(format!("environment::{plugin}_{name}"), &[4], &["CNI_ARGS", word], move |_, pod| {
        Side::Ours.plugin(plugin).attach("ADD", &confs::plain(), pod).env("CNI_ARGS", value)
    })
}

/// Paths that are no namespace of a container.
fn namespaces() -> Vec<Row> {
    let row = |name: &str, make: fn() -> String| {
        Row::new(format!("environment::bridge_netns_{name}"), &[4], &["CNI_NETNS"], move |_, pod| {
            Side::Ours.bridge().attach("ADD", &confs::plain(), pod).env("CNI_NETNS", &make())
        })
    };
    vec![
        row("not_there", || "/run/netns/nobody".into()),
        row("a_file", || {
            let path = format!("{WORK_DIR}/file");
            fs::write(&path, "text").unwrap();
            path
        }),
        row("a_directory", || WORK_DIR.into()),
        row("a_pipe", || {
            let path = format!("{WORK_DIR}/pipe");
            nix::unistd::mkfifo(path.as_str(), nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
            path
        }),
        row("of_another_kind", || "/proc/self/ns/mnt".into()),
        row("the_nodes_own", || "/proc/self/ns/net".into()),
    ]
}
