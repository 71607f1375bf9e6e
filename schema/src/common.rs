//! Keys that are no plugin's own: those of the specification (1.1.0, "Configuration format"), those that
//! libcni adds, and those of our log.

use cni_common::spec::SpecVersion;
use serde_json::{Map, Value, json};

/// The keys in the order in which one writes them; `plugin` is the schema of `type`.
pub fn keys(plugin: &Value) -> Map<String, Value> {
    let versions: Vec<&str> = SpecVersion::ALL.iter().map(|version| version.as_str()).collect();
    let texts = |what: &str| json!({ "description": what, "type": "array", "items": { "type": "string" } });
    let mut plugin = plugin.clone();
    if let Some(plugin) = plugin.as_object_mut() {
        plugin.insert("description".into(), "Name of the plugin's program.".into());
    }
    let keys = [
        (
            "cniVersion",
            json!({
                "description": "Version of the CNI specification. In a list it stands beside the list's name.",
                "enum": versions,
            }),
        ),
        (
            "name",
            json!({
                "description": "Name of the network, unique on the node. In a list it is the list's name.",
                "type": "string",
                "pattern": "^[a-zA-Z0-9][a-zA-Z0-9_.-]*$",
                "maxLength": 200,
            }),
        ),
        ("type", plugin),
        (
            "dns",
            json!({
                "description": "Resolver settings for the container.",
                "type": "object",
                "properties": {
                    "nameservers": texts("Addresses of name servers, the preferred one first."),
                    "domain": { "description": "The local domain.", "type": "string" },
                    "search": texts("Domains that are tried for short names."),
                    "options": texts("Options as in resolv.conf(5)."),
                },
            }),
        ),
        (
            "capabilities",
            json!({
                "description": "What the runtime may fill in under runtimeConfig: \"mac\", \"ips\", \"ipRanges\".",
                "type": "object",
                "additionalProperties": { "type": "boolean" },
            }),
        ),
        (
            "prevResult",
            json!({
                "description": "Result of the plugin before, or of ADD; the runtime puts it in, not written by hand.",
                "type": "object",
            }),
        ),
        ("disableCheck", json!({ "description": "The runtime does not call CHECK.", "type": "boolean" })),
        ("disableGC", json!({ "description": "The runtime does not call GC.", "type": "boolean" })),
        (
            "logFile",
            json!({
                "description": "A file to log to, absolute; without it nothing is logged. CNI_LOG_FILE goes before it.",
                "type": "string",
            }),
        ),
        (
            "logLevel",
            json!({
                "description": "The least grave that is logged. CNI_LOG_LEVEL goes before it.",
                "enum": ["error", "warn", "warning", "info", "debug", "trace"],
            }),
        ),
        (
            "logFormat",
            json!({
                "description": "Form of the log's lines. CNI_LOG_FORMAT goes before it.",
                "enum": ["text", "json"],
            }),
        ),
    ];
    keys.into_iter().map(|(key, schema)| (key.to_owned(), schema)).collect()
}
