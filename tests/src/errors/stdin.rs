//! Configurations that cannot be read, or that no plugin accepts.

use serde_json::{Value, json};

use crate::confs::{merged, plain};
use crate::harness::Side;

use super::Row;

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let texts: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("cut_off", b"{\"cniVersion\": \"1.1.0\", ".to_vec()),
        ("a_list", b"[]".to_vec()),
        ("a_number", b"5".to_vec()),
        ("text_behind_it", format!("{} x", plain()).into_bytes()),
        ("two_values", format!("{}{}", plain(), plain()).into_bytes()),
        ("not_utf8", b"{\"name\": \"\xff\xfe\"}".to_vec()),
        ("nested_20000_deep", deep.into_bytes()),
    ];
    for (name, text) in texts {
        for (plugin, verb) in
            [("bridge", "ADD"), ("host-local", "ADD"), ("bridge", "CHECK"), ("host-local", "STATUS")]
        {
            let text = text.clone();
            rows.push(Row::new(
                format!("stdin::{plugin}_{verb}_{name}").to_lowercase(),
                &[6],
                &[],
                move |_, pod| Side::Ours.plugin(plugin).attach(verb, &plain(), pod).stdin(text),
            ));
        }
    }
    let long = "n".repeat(300);
    for (name, code, word, keys) in [
        ("name_null", 7, "name", json!({ "name": null })),
        ("name_empty", 7, "name", json!({ "name": "" })),
        ("name_dots", 7, "name", json!({ "name": ".." })),
        ("name_leaves_the_directory", 7, "name", json!({ "name": "../../etc" })),
        ("name_with_slash", 7, "name", json!({ "name": "a/b" })),
        ("name_with_space", 7, "name", json!({ "name": "a b" })),
        ("name_too_long", 7, "name", json!({ "name": long })),
        ("name_a_number", 6, "name", json!({ "name": 5 })),
        ("version_unknown", 1, "9.9.9", json!({ "cniVersion": "9.9.9" })),
        ("version_short", 1, "1.0", json!({ "cniVersion": "1.0" })),
        ("version_a_number", 6, "cniVersion", json!({ "cniVersion": 1 })),
    ] {
        for (plugin, verb) in
            [("bridge", "ADD"), ("host-local", "ADD"), ("bridge", "DEL"), ("host-local", "GC")]
        {
            rows.push(keyed(&format!("{plugin}_{verb}_{name}"), plugin, verb, code, &[word], keys.clone()));
        }
    }
    for (verb, version) in [("CHECK", "0.3.1"), ("STATUS", "1.0.0"), ("GC", "1.0.0"), ("GC", "0.4.0")] {
        for plugin in ["bridge", "host-local"] {
            let name = format!("{plugin}_{verb}_before_its_version_{version}");
            rows.push(keyed(&name, plugin, verb, 1, &[version], json!({ "cniVersion": version })));
        }
    }
    rows
}

fn keyed(
    name: &str,
    plugin: &'static str,
    verb: &'static str,
    code: u64,
    words: &[&str],
    keys: Value,
) -> Row {
    Row::new(format!("stdin::{name}").to_lowercase(), &[code], words, move |_, pod| {
        Side::Ours.plugin(plugin).attach(verb, &merged(&plain(), &keys), pod)
    })
}
