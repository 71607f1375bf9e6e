//! The keys of a schema as paths: `ipam.ranges.subnet`. Lists add nothing to a path.

use serde_json::Value;

/// The path of every key, in the schema's order.
pub fn of(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(schema, "", &mut found);
    found
}

fn collect(schema: &Value, above: &str, found: &mut Vec<String>) {
    if let Some(items) = schema.get("items") {
        collect(items, above, found);
    }
    for (key, below) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        found.push(path.clone());
        collect(below, &path, found);
    }
}
