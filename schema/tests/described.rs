//! Each key's description is whole: its type is the schema's, a default, the version of the specification
//! that it is there since, and an example whose value the schema allows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod subset;

use std::fs;

use cni_common::spec::SpecVersion;
use serde_json::Value;
use subset::errors;
use trestle_schema::{PluginSchema, bridge, folder, host_local, paths};

fn page(schema: &PluginSchema) -> String {
    fs::read_to_string(folder().join("../../docs").join(schema.page)).unwrap()
}

/// The schema of the key at a path.
fn schema_at<'s>(schema: &'s Value, path: &str) -> &'s Value {
    path.split('.').fold(schema, |schema, key| &items(schema)["properties"][key])
}

/// What stands in a list, or in lists of lists.
fn items(schema: &Value) -> &Value {
    schema.get("items").map_or(schema, items)
}

/// The values that a configuration has at a path; lists add nothing to it.
fn values_at<'v>(value: &'v Value, path: &[&str], found: &mut Vec<&'v Value>) {
    let Some((key, below)) = path.split_first() else { return found.push(value) };
    match value {
        Value::Array(items) => items.iter().for_each(|item| values_at(item, path, found)),
        Value::Object(map) => map.get(*key).into_iter().for_each(|value| values_at(value, below, found)),
        _ => {}
    }
}

fn is_version(text: &str) -> bool {
    SpecVersion::ALL.iter().any(|version| version.as_str() == text)
}

/// The words for a type; a schema with "enum" or "const" has none.
fn says_type(text: &str, schema: &Value) -> bool {
    let starts = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
    match schema["type"].as_str() {
        Some("boolean") => starts(&["True or false", "boolean"]),
        Some("integer") => starts(&["Whole number", "number", "bytes"]),
        Some("array") => starts(&["List", "list", "as `"]),
        Some("object") => starts(&["Object", "object"]),
        Some("string") | None => starts(&["Text", "`\"", "string", "address", "network/prefix", "path"]),
        Some(other) => panic!("the type {other} is not known here"),
    }
}

/// Blocks of JSON of a page.
fn blocks(page: &str) -> Vec<Value> {
    let fenced = page.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    fenced.map(|text| serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))).collect()
}

/// What is missing in the section of a key; `bridge.md` has one for each.
fn faults_of_section(page: &str, examples: &[Value], schema: &PluginSchema, path: &str) -> Vec<String> {
    let of_key = schema_at(&schema.json, path);
    let heading = format!("\n### `{path}`\n");
    let Some((_, rest)) = page.split_once(&heading) else { return vec![format!("no heading for `{path}`")] };
    let text = rest.split("\n#").next().unwrap().trim();
    let mut faults = Vec::new();
    if !says_type(text, of_key) {
        faults.push(format!("`{path}`: does not begin with the type {}", of_key["type"]));
    }
    if !text.contains("Default") && !text.contains("No default") {
        faults.push(format!("`{path}`: no default"));
    }
    let since =
        text.split_once("Since ").and_then(|(_, rest)| rest.split_once(". ").or(rest.split_once(".\n")));
    let since = since.map(|(version, _)| version).or_else(|| text.rsplit_once("Since ")?.1.strip_suffix('.'));
    if !since.is_some_and(is_version) {
        faults.push(format!("`{path}`: no version that it is there since"));
    }
    let keys: Vec<_> = path.split('.').collect();
    let mut values = Vec::new();
    for example in examples {
        values_at(example, &keys, &mut values);
    }
    if values.is_empty() {
        faults.push(format!("`{path}`: no example on the page"));
    }
    faults.extend(values.into_iter().flat_map(|v| errors(of_key, v)).map(|e| format!("`{path}`{e}")));
    faults
}

/// What is missing in the row of a key; `host-local.md` has one for each.
fn faults_of_row(page: &str, schema: &PluginSchema, path: &str) -> Vec<String> {
    let of_key = schema_at(&schema.json, path);
    let is_row = |line: &&str| line.replace("[]", "").starts_with(&format!("| `{path}` |"));
    let Some(row) = page.lines().find(is_row) else { return vec![format!("no row for `{path}`")] };
    let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
    let [_, kind, default, effect, since, example] = cells.as_slice() else {
        return vec![format!("`{path}`: {} cells where six belong", cells.len())];
    };
    let mut faults = Vec::new();
    if !says_type(kind, of_key) {
        faults.push(format!("`{path}`: {kind} is not the type {}", of_key["type"]));
    }
    if default.is_empty() || effect.is_empty() {
        faults.push(format!("`{path}`: no default, or no effect"));
    }
    if !is_version(since.split(';').next().unwrap()) {
        faults.push(format!("`{path}`: {since:?} is no version of the specification"));
    }
    match serde_json::from_str(example.trim_matches('`')) {
        Ok(value) => faults.extend(errors(of_key, &value).into_iter().map(|e| format!("`{path}`{e}"))),
        Err(error) => faults.push(format!("`{path}`: the example is no JSON ({error})")),
    }
    faults
}

fn faults_of_bridge(page: &str) -> Vec<String> {
    let (schema, examples) = (bridge(), blocks(page));
    let section = |path: &String| faults_of_section(page, &examples, &schema, path);
    paths::of(&schema.json).iter().flat_map(section).collect()
}

fn faults_of_host_local(page: &str) -> Vec<String> {
    let schema = host_local();
    paths::of(&schema.json).iter().flat_map(|path| faults_of_row(page, &schema, path)).collect()
}

#[test]
fn bridge_says_type_default_version_and_example_of_each_key() {
    let faults = faults_of_bridge(&page(&bridge()));
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn host_local_says_type_default_version_and_example_of_each_key() {
    let faults = faults_of_host_local(&page(&host_local()));
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn a_description_that_lacks_something_fails() {
    let text = page(&bridge());
    for (good, bad) in [
        ("True or false. Default `false`. Since 0.1.0. The bridge is promiscuous", "True or false"),
        ("Since 1.1.0. The runtime does not call GC", "Since 1.2.0. The runtime does not call GC"),
        ("{ \"mtu\": 1450 }", "{ \"mtu\": \"1450\" }"),
        ("{ \"portIsolation\": true }", "{}"),
        (
            "Object. Default: none. Since 0.2.0. Arguments of",
            "List. Default: none. Since 0.2.0. Arguments of",
        ),
    ] {
        assert!(text.contains(good), "{good}");
        assert!(!faults_of_bridge(&text.replacen(good, bad, 1)).is_empty(), "{bad}");
    }
    let text = page(&host_local());
    for (good, bad) in [
        ("| `1400` |", "| `\"1400\"` |"),
        ("| `disableGC` | boolean | `false` |", "| `disableGC` | string | `false` |"),
    ] {
        assert!(text.contains(good), "{good}");
        assert_eq!(faults_of_host_local(&text.replacen(good, bad, 1)).len(), 1, "{bad}");
    }
}
