//! docs/reliability.md names, for each promise, the test that holds it; the tests exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{ROOT, Test};

pub fn tests() -> Vec<Test> {
    crate::tests![every_promise_names_a_test_that_exists, every_test_here_holds_a_promise]
}

fn text() -> String {
    fs::read_to_string(Path::new(ROOT).join("docs/reliability.md")).unwrap()
}

/// Names of functions in the sources of the tests and the crates.
fn functions() -> BTreeSet<String> {
    let mut open: Vec<PathBuf> = ["faults", "tests", "cni-common", "cni-bridge", "cni-ipam", "cni-loopback"]
        .map(|f| Path::new(ROOT).join(f))
        .into();
    let mut names = BTreeSet::new();
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let lines = text
                    .lines()
                    .filter_map(|line| line.trim_start().trim_start_matches("pub ").strip_prefix("fn "));
                names.extend(lines.filter_map(|line| Some(line.split(['(', '<']).next()?.to_owned())));
            }
        }
    }
    names
}

/// The rows of the tables whose last column names tests, as (promise, tests).
fn promises() -> Vec<(String, Vec<String>)> {
    let text = text();
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise"));
    rows.filter_map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let tests = cells.last()?;
        let names: Vec<String> = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        (!names.is_empty()).then(|| (cells[0].to_owned(), names))
    })
    .collect()
}

fn every_promise_names_a_test_that_exists() {
    let (promises, functions) = (promises(), functions());
    assert!(promises.len() > 15, "{promises:?}");
    for (promise, tests) in promises {
        for test in tests {
            let name = test.rsplit("::").next().unwrap();
            assert!(functions.contains(name), "{promise:?} is held by {test}, and there is no such test");
        }
    }
}

fn every_test_here_holds_a_promise() {
    let text = text();
    let all = [
        crate::sweeps::tests(),
        crate::waiting::tests(),
        crate::input::tests(),
        crate::privilege::tests(),
        crate::surroundings::tests(),
        crate::upgrade::tests(),
    ];
    for (path, _) in all.into_iter().flatten() {
        let name = path.rsplit("::").next().unwrap();
        assert!(text.contains(&format!("{name}`")), "{name} is not in docs/reliability.md");
    }
}
