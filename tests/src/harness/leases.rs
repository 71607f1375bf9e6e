//! Facts about the files of a node: leases, cursors, indexes, caches.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

/// Where host-local and libcni keep what they know.
pub const CNI_DIR: &str = "/var/lib/cni";

/// One fact per file or directory below /var/lib/cni, sorted by path, with mode and contents.
pub fn facts() -> Vec<String> {
    let mut facts = Vec::new();
    visit(Path::new(CNI_DIR), &mut facts);
    facts
}

fn visit(path: &Path, facts: &mut Vec<String>) {
    let Ok(meta) = fs::symlink_metadata(path) else { return };
    let mode = meta.permissions().mode() & 0o7777;
    let kind = meta.file_type();
    let shown = path.display();
    if kind.is_dir() {
        facts.push(format!("directory {shown} {mode:o}"));
        let mut entries: Vec<_> = fs::read_dir(path).unwrap().map(|e| e.unwrap().path()).collect();
        entries.sort();
        for entry in entries {
            visit(&entry, facts);
        }
    } else if kind.is_file() {
        let bytes = fs::read(path).unwrap_or_default();
        // Indexes and caches in binary form are judged by what they make the plugin do.
        let text = String::from_utf8(bytes).ok().filter(|text| !text.contains(char::from(0)));
        facts.push(format!(
            "file {shown} {mode:o} {}",
            text.map_or("binary".to_owned(), |text| format!("{text:?}"))
        ));
    } else {
        let what = if kind.is_symlink() {
            "link"
        } else if kind.is_fifo() {
            "pipe"
        } else {
            "special"
        };
        facts.push(format!("{what} {shown} {mode:o}"));
    }
}

/// Addresses that are taken in a network's directory, sorted as text.
pub fn taken(network: &str) -> Vec<String> {
    let mut taken: Vec<String> = fs::read_dir(Path::new(CNI_DIR).join("networks").join(network))
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.parse::<std::net::IpAddr>().is_ok())
        .collect();
    taken.sort();
    taken
}

/// Path of a lease.
pub fn lease(network: &str, address: &str) -> std::path::PathBuf {
    Path::new(CNI_DIR).join("networks").join(network).join(address)
}
