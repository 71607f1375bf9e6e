//! The JSON Schema (draft 2020-12) of each plugin's configuration.
//!
//! The plugin's own keys come from the types that read them, so that a schema cannot promise what the
//! plugin does not do; the keys that the specification gives to every plugin are added in [`common`].

pub mod common;
pub mod paths;

use std::path::PathBuf;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// A schema and the file that it stands in.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginSchema {
    /// The file's name in conf/schema.
    pub file: &'static str,
    /// The page in docs that describes the same keys.
    pub page: &'static str,
    /// The schema.
    pub json: Value,
}

impl PluginSchema {
    /// As written to the file.
    pub fn text(&self) -> String {
        format!("{:#}\n", self.json)
    }
}

/// Where the schema files are in the sources.
pub fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "conf", "schema"].iter().collect()
}

/// The schemas of all plugins that have keys of their own.
pub fn all() -> [PluginSchema; 2] {
    [bridge(), host_local()]
}

/// A configuration of `bridge`: what stands in a list, or what the plugin gets on stdin.
pub fn bridge() -> PluginSchema {
    let mut json = schema_of::<cni_bridge::keys::Keys>();
    put_properties(&mut json, common::keys(&json!({ "const": "bridge" })));
    let json = with_head("bridge", "Network configuration of the CNI plugin bridge.", "type", &json);
    PluginSchema { file: "bridge.schema.json", page: "bridge.md", json }
}

/// A configuration whose `ipam` is `host-local`; the plugin around it may be any.
pub fn host_local() -> PluginSchema {
    let mut json = schema_of::<cni_ipam::config::RawConf>();
    if let Some(ipam) = json.pointer_mut("/properties/ipam") {
        // The type that reads it allows its absence, to tell it in a better sentence.
        put(ipam, "type", json!("object"));
        put(ipam, "required", json!(["type"]));
        if let Some(plugin) = ipam.pointer_mut("/properties/type") {
            put(plugin, "type", json!("string"));
            put(plugin, "const", json!("host-local"));
        }
    }
    put_properties(&mut json, common::keys(&json!({ "type": "string" })));
    let json =
        with_head("host-local", "Network configuration with the IPAM plugin host-local.", "ipam", &json);
    PluginSchema { file: "host-local.schema.json", page: "host-local.md", json }
}

/// The schema of a type, without references, so that an editor shows each key where it stands.
fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut json = Value::from(settings.into_generator().into_root_schema_for::<T>());
    plain(&mut json);
    json
}

/// Takes out what says nothing to a person: `null` among the types and defaults, which only means that a
/// key may be left out, and the sizes of Rust's integers.
fn plain(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".into(), only);
                }
            }
            if map.get("default").is_some_and(says_nothing) {
                map.remove("default");
            }
            map.remove("format");
            map.values_mut().for_each(plain);
        }
        Value::Array(values) => values.iter_mut().for_each(plain),
        _ => {}
    }
}

/// A default that is the absence of a value.
fn says_nothing(default: &Value) -> bool {
    match default {
        Value::Null | Value::Object(_) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn put(schema: &mut Value, key: &str, value: Value) {
    if let Some(map) = schema.as_object_mut() {
        map.insert(key.into(), value);
    }
}

/// What a reader wants to know first.
fn with_head(title: &str, description: &str, required: &str, schema: &Value) -> Value {
    let mut whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": description,
        "type": "object",
        "required": [required],
    });
    if let Some(properties) = schema.get("properties") {
        put(&mut whole, "properties", properties.clone());
    }
    whole
}

/// The specification's keys first, as one writes them.
fn put_properties(schema: &mut Value, common: Map<String, Value>) {
    let Some(place) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    let own = std::mem::take(place);
    place.extend(common);
    place.extend(own);
}
