//! The pages in docs describe every key, and no other. A key is described where its path stands in
//! backticks at the beginning of a table's row or of a heading, below a heading with the word "Keys":
//! "| `mtu` |", "### `ipam.subnet`". The last part of a path is enough where it says which one is meant.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;

use trestle_schema::{PluginSchema, paths};

/// A key on a page.
#[derive(Debug, PartialEq)]
struct Entry {
    key: String,
    line: usize,
    /// It stands under a heading with the word "Keys", where nothing but keys may stand in its place.
    is_a_key: bool,
}

/// The text in backticks at the beginning, without the brackets that lists have.
fn key_of(text: &str) -> Option<String> {
    let (key, _) = text.trim_start().strip_prefix('`')?.split_once('`')?;
    Some(key.replace("[]", ""))
}

fn entries(page: &str) -> Vec<Entry> {
    let mut found = Vec::new();
    // The headings that a line is under, outermost first.
    let mut headings: Vec<(usize, &str)> = Vec::new();
    let mut in_code = false;
    for (line, text) in (1..).zip(page.lines()) {
        in_code ^= text.trim_start().starts_with("```");
        let level = if in_code { 0 } else { text.bytes().take_while(|byte| *byte == b'#').count() };
        if level > 0 {
            headings.retain(|(above, _)| *above < level);
        }
        let rest = if level > 0 { text.get(level..) } else { text.strip_prefix('|').filter(|_| !in_code) };
        if let Some(key) = rest.and_then(key_of) {
            let is_a_key = headings.last().is_some_and(|(_, heading)| heading.contains("Keys"));
            found.push(Entry { key, line, is_a_key });
        }
        if level > 0 {
            headings.push((level, text));
        }
    }
    found
}

fn names(entry: &Entry, path: &str) -> bool {
    path == entry.key || path.strip_suffix(&entry.key).is_some_and(|above| above.ends_with('.'))
}

/// What page and schema do not agree on.
fn faults(schema: &PluginSchema, page: &str) -> Vec<String> {
    let (entries, paths) = (entries(page), paths::of(&schema.json));
    let missing = paths
        .iter()
        .filter(|path| !entries.iter().any(|entry| entry.is_a_key && names(entry, path)))
        .map(|path| format!("{}: no row or heading for `{path}`", schema.page));
    let unknown = entries
        .iter()
        .filter(|entry| entry.is_a_key && !paths.iter().any(|path| names(entry, path)))
        .map(|entry| format!("{}:{}: `{}` is no key", schema.page, entry.line, entry.key));
    missing.chain(unknown).collect()
}

fn assert_agrees(schema: &PluginSchema) {
    let path = trestle_schema::folder().join("../../docs").join(schema.page);
    let page = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let faults = faults(schema, &page);
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_page_of_bridge_has_its_keys() {
    assert_agrees(&trestle_schema::bridge());
}

#[test]
fn the_page_of_host_local_has_its_keys() {
    assert_agrees(&trestle_schema::host_local());
}

#[test]
fn keys_are_found_in_rows_and_headings() {
    let page = "# `x`\n## Keys\n| `a` | `b` |\n### `c[].d`\n| `e` |\n## More\n| `f` |\n```\n| `g` |\n```\n";
    let found: Vec<_> = entries(page).into_iter().map(|e| (e.key, e.is_a_key)).collect();
    let expected = [("x", false), ("a", true), ("c.d", true), ("e", false), ("f", false)];
    assert_eq!(found, expected.map(|(key, known)| (key.to_owned(), known)));
}

#[test]
fn a_page_without_a_key_or_with_a_stranger_fails() {
    let schema = trestle_schema::bridge();
    let rows: Vec<_> = paths::of(&schema.json).iter().map(|path| format!("| `{path}` |\n")).collect();
    assert_eq!(faults(&schema, &format!("## Keys\n{}", rows.concat())), Vec::<String>::new());
    let wrong = format!("## Keys\n{}| `mtuu` |\n", rows.concat().replace("`mtu`", "`other`"));
    assert_eq!(faults(&schema, &wrong).len(), 3);
}
