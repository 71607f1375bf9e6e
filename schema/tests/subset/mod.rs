//! As much of JSON Schema as our schemas use. A keyword that is not here fails the test, so that nothing
//! is passed over.

use regex_lite::Regex;
use serde_json::{Map, Value};

/// What of `value` is not as the schema says, each with its path.
pub fn errors(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    validate(schema, value, "", &mut found);
    found
}

fn validate(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    for (keyword, rule) in schema.as_object().expect("a schema is an object") {
        let holds = match keyword.as_str() {
            "$schema" | "title" | "description" | "default" => true,
            "type" => is_of_type(rule, value),
            "const" => rule == value,
            "enum" => rule.as_array().unwrap().contains(value),
            "pattern" => value.as_str().is_none_or(|text| pattern(rule).is_match(text)),
            "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= number(rule)),
            "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 <= number(rule)),
            "minimum" => value.as_f64().is_none_or(|n| n >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|n| n <= rule.as_f64().unwrap()),
            "required" => value.as_object().is_none_or(|map| has_all(rule, map)),
            "properties" => {
                let rules = rule.as_object().unwrap();
                for (key, value) in value.as_object().into_iter().flatten() {
                    if let Some(rule) = rules.get(key) {
                        validate(rule, value, &format!("{path}.{key}"), found);
                    }
                }
                true
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    validate(rule, item, &format!("{path}[{index}]"), found);
                }
                true
            }
            "additionalProperties" => {
                assert!(schema.get("properties").is_none(), "{path}: not both here");
                for (key, value) in value.as_object().into_iter().flatten() {
                    validate(rule, value, &format!("{path}.{key}"), found);
                }
                true
            }
            other => panic!("{path}: the keyword {other} is not known here"),
        };
        if !holds {
            found.push(format!("{path}: {value} is not {keyword} {rule}"));
        }
    }
}

fn is_of_type(rule: &Value, value: &Value) -> bool {
    match rule.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        _ => panic!("the type {rule} is not known here"),
    }
}

fn pattern(rule: &Value) -> Regex {
    Regex::new(rule.as_str().unwrap()).unwrap()
}

fn number(rule: &Value) -> u64 {
    rule.as_u64().unwrap()
}

fn has_all(rule: &Value, map: &Map<String, Value>) -> bool {
    rule.as_array().unwrap().iter().all(|key| map.contains_key(key.as_str().unwrap()))
}
