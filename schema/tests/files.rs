//! The files of conf/schema are what the types say now.

use std::fs;

#[test]
fn the_files_are_those_of_the_types() {
    for schema in trestle_schema::all() {
        let path = trestle_schema::folder().join(schema.file);
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == schema.text(), "{} is stale: cargo run -p trestle-schema", path.display());
    }
}

#[test]
fn unknown_keys_are_allowed_everywhere() {
    for schema in trestle_schema::all() {
        assert!(!schema.text().contains(r#""additionalProperties": false"#), "{}", schema.file);
    }
}
