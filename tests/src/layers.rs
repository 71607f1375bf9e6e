//! The layers of the project: each sees only those before it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::Test;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// In the order in which they stand on each other.
const LAYERS: [&str; 5] = ["spec", "kernel", "plan", "resources", "driver"];

pub fn tests() -> Vec<Test> {
    crate::tests![a_layer_names_no_later_one, plugins_see_no_kernel_message, unsafe_has_a_reason]
}

/// Every Rust source below a folder, with its text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![Path::new(ROOT).join(folder)];
    while let Some(folder) = open.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

/// Lines of code that satisfy `wrong`, as `file:line: text`. Comments may name what they like.
fn offences(sources: &[(PathBuf, String)], wrong: impl Fn(&str) -> bool) -> Vec<String> {
    let mut offences = Vec::new();
    for (path, text) in sources {
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if wrong(code) {
                offences.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    offences
}

fn a_layer_names_no_later_one() {
    let mut all = Vec::new();
    for (index, layer) in LAYERS.iter().enumerate() {
        let mut files: Vec<(PathBuf, String)> = sources("cni-common/src")
            .into_iter()
            .filter(|(path, _)| {
                let inside = path
                    .strip_prefix(Path::new(ROOT).join("cni-common/src"))
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                inside.starts_with(&format!("{layer}/")) || inside == format!("{layer}.rs")
            })
            .collect();
        assert!(!files.is_empty(), "the layer {layer} has no source");
        files.sort();
        let later = &LAYERS[index + 1..];
        all.extend(offences(&files, |code| {
            later.iter().any(|later| {
                code.contains(&format!("crate::{later}::"))
                    || code.contains(&format!("crate::{later};"))
                    || in_braces(code, later)
            })
        }));
    }
    assert!(all.is_empty(), "these lines name a later layer:\n{}", all.join("\n"));
}

/// `use crate::{kernel::X, plan}`
fn in_braces(code: &str, layer: &str) -> bool {
    let Some((_, list)) = code.split_once("use crate::{") else { return false };
    list.split([',', '{', '}'])
        .any(|item| item.trim() == layer || item.trim().starts_with(&format!("{layer}::")))
}

/// No message type leaves the kernel layer.
fn plugins_see_no_kernel_message() {
    let crates = ["netlink_packet", "netlink_sys", "rtnetlink"];
    let mut all = Vec::new();
    for folder in ["cni-bridge/src", "cni-ipam/src", "trestle/src"] {
        all.extend(offences(&sources(folder), |code| crates.iter().any(|name| code.contains(name))));
    }
    let outside: Vec<_> = sources("cni-common/src")
        .into_iter()
        .filter(|(path, _)| !path.to_string_lossy().contains("/cni-common/src/kernel"))
        .collect();
    all.extend(offences(&outside, |code| crates.iter().any(|name| code.contains(name))));
    assert!(all.is_empty(), "kernel messages outside the kernel layer:\n{}", all.join("\n"));
    for manifest in ["cni-bridge/Cargo.toml", "cni-ipam/Cargo.toml", "trestle/Cargo.toml"] {
        let text = fs::read_to_string(Path::new(ROOT).join(manifest)).unwrap();
        assert!(!text.contains("netlink"), "{manifest} depends on a crate of kernel messages");
    }
}

fn unsafe_has_a_reason() {
    let mut all = Vec::new();
    for folder in ["cni-common/src", "cni-bridge/src", "cni-ipam/src", "trestle/src"] {
        for (path, text) in sources(folder) {
            let lines: Vec<&str> = text.lines().collect();
            for (number, line) in lines.iter().enumerate() {
                let before = &lines[number.saturating_sub(6)..number];
                let code = line.split("//").next().unwrap_or_default();
                if (code.contains("unsafe {") || code.contains("unsafe impl"))
                    && !before.iter().any(|l| l.contains("SAFETY:"))
                {
                    all.push(format!("{}:{}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(all.is_empty(), "unsafe without a SAFETY comment:\n{}", all.join("\n"));
}
