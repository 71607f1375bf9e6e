//! docs/troubleshooting.md: every message on the page is provoked, and its commands are run. Whoever reads the
//! page at night searches for the words that he sees, so they are compared literally; only names that are
//! made at random, process numbers, times and the folder of the plugins differ.

mod commands;
mod rows;

use std::fs;
use std::path::Path;

use regex_lite::Regex;
use serde_json::{Value, json};

use crate::confs::{NETWORK, merged};
use crate::harness::{Side, Test, WORK_DIR, on_node};

pub fn tests() -> Vec<Test> {
    let row_test = |row: rows::Row| {
        let test = Test::new(row.name, move || {
            let message = on_node(row.provoke);
            let (found, expected) = (masked(&message), masked(&message_of_page(row.begins)));
            assert!(found == expected, "\n  page: {expected}\n  said: {found}");
        });
        if row.without_vlan { test.vlan_filtering(false) } else { test }
    };
    let mut tests: Vec<Test> = rows::rows().into_iter().map(row_test).collect();
    tests.push(Test::new("every_message_of_the_page_has_its_row", every_message_has_its_row));
    tests.push(Test::new("commands", commands::all));
    tests
}

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/troubleshooting.md");
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The messages of the page: its blocks of text.
fn messages() -> Vec<String> {
    let page = page();
    page.split("\n```text\n").skip(1).map(|rest| rest.split("\n```").next().unwrap().to_owned()).collect()
}

fn message_of_page(begins: &str) -> String {
    let mut found = messages();
    found.retain(|message| message.starts_with(begins));
    assert!(found.len() == 1, "{} messages of the page begin with {begins:?}", found.len());
    found.remove(0)
}

fn every_message_has_its_row() {
    let rows = rows::rows();
    for message in messages() {
        let count = rows.iter().filter(|row| message.starts_with(row.begins)).count();
        assert!(count == 1, "{count} rows provoke {message:?}");
    }
}

/// The text without what is different in each call.
fn masked(text: &str) -> String {
    let folders = Side::Ours.cni_path();
    let mut text =
        text.replace(&folders, "/opt/cni/bin").replace(&format!("{WORK_DIR}/plugins"), "/opt/cni/bin");
    for (pattern, placeholder) in [
        (r"\bveth[0-9a-f]{11}\b", "vethX"),
        (r"\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b", "MAC"),
        (r"\bprocess \d+ \([^)]*\)", "process N (NAME)"),
        (r"\b(after|within) [0-9.]+ s\b", "$1 T s"),
    ] {
        text = Regex::new(pattern).unwrap().replace_all(&text, placeholder).into_owned();
    }
    text
}

/// The network of the page: five addresses.
fn conf() -> Value {
    json!({
        "cniVersion": "1.1.0", "name": NETWORK, "type": "bridge", "bridge": "cni0", "isGateway": true,
        "ipam": { "type": "host-local", "subnet": "10.88.0.0/29" }
    })
}

fn conf_with(keys: &Value) -> Value {
    merged(&conf(), keys)
}
