//! Plugin folders as the installer finds and leaves them.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use trestle_installer::{Folder, Trouble};

const NAMES: &[&str] = &["bridge", "host-local", "loopback"];

/// A folder of the test, and a program that carries the mark.
struct Node {
    scratch: PathBuf,
    bin: PathBuf,
}

impl Node {
    fn new(test: &str) -> Self {
        let scratch = std::env::temp_dir().join(format!("trestle-installer-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&scratch);
        let bin = scratch.join("opt/cni/bin");
        fs::create_dir_all(&bin).unwrap();
        Node { scratch, bin }
    }

    fn release(&self, number: u8) -> PathBuf {
        let path = self.scratch.join(format!("release-{number}"));
        // The mark lies across the pieces in which the file is read.
        let mut bytes = vec![number; 64 * 1024 - 4];
        bytes.extend_from_slice(b"(Trestle 0.1.0");
        fs::write(&path, bytes).unwrap();
        path
    }

    fn install(&self, program: &Path) -> Result<Vec<String>, Trouble> {
        let mut said = Vec::new();
        Folder::create(&self.bin)?.install(program, NAMES, &mut |line| said.push(line.to_owned()))?;
        Ok(said)
    }

    fn remove(&self) -> Vec<String> {
        let mut said = Vec::new();
        Folder::open(&self.bin).unwrap().remove(NAMES, &mut |line| said.push(line.to_owned())).unwrap();
        said
    }

    /// The folder's files with what is in them, sorted.
    fn files(&self) -> Vec<String> {
        let names = fs::read_dir(&self.bin).unwrap();
        let mut names: Vec<_> = names.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.bin.join(name)).unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

#[test]
fn an_empty_folder_gets_one_file_under_all_names() {
    let node = Node::new("empty");
    let program = node.release(1);
    fs::remove_dir_all(&node.bin).unwrap();
    node.install(&program).unwrap();
    assert_eq!(node.files(), NAMES);
    assert_eq!(node.read("bridge"), fs::read(program).unwrap());
    let found = fs::metadata(node.bin.join("bridge")).unwrap();
    assert_eq!((found.nlink(), found.permissions().mode() & 0o7777), (3, 0o755));
    node.remove();
    assert!(node.files().is_empty());
}

#[test]
fn a_second_call_changes_nothing() {
    let node = Node::new("twice");
    let program = node.release(1);
    node.install(&program).unwrap();
    let before = fs::metadata(node.bin.join("bridge")).unwrap();
    let said = node.install(&program).unwrap();
    assert_eq!(fs::metadata(node.bin.join("bridge")).unwrap().ino(), before.ino());
    assert!(said.iter().all(|line| line.contains("there already")), "{said:?}");
}

#[test]
fn what_was_there_comes_back() {
    let node = Node::new("kept");
    fs::write(node.bin.join("bridge"), "reference").unwrap();
    fs::set_permissions(node.bin.join("bridge"), fs::Permissions::from_mode(0o711)).unwrap();
    fs::write(node.bin.join("portmap"), "portmap").unwrap();
    symlink("/nowhere", node.bin.join("loopback")).unwrap();
    let before = node.files();
    node.install(&node.release(1)).unwrap();
    assert_eq!(
        node.files(),
        ["bridge", "bridge.before-trestle", "host-local", "loopback", "loopback.before-trestle", "portmap"]
    );
    // An upgrade does not keep our own former release.
    node.install(&node.release(2)).unwrap();
    assert_eq!(node.read("bridge.before-trestle"), b"reference");
    assert_eq!(node.read("loopback"), fs::read(node.release(2)).unwrap());
    node.remove();
    assert_eq!(node.files(), before);
    assert_eq!(node.read("bridge"), b"reference");
    let mode = fs::metadata(node.bin.join("bridge")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o711);
    assert_eq!(fs::read_link(node.bin.join("loopback")).unwrap(), Path::new("/nowhere"));
}

#[test]
fn what_others_put_over_ours_is_theirs() {
    let node = Node::new("over");
    node.install(&node.release(1)).unwrap();
    fs::remove_file(node.bin.join("bridge")).unwrap();
    fs::write(node.bin.join("bridge"), "upgraded reference").unwrap();
    let said = node.remove();
    assert_eq!(node.files(), ["bridge"]);
    assert!(said.iter().any(|line| line.starts_with("left ")), "{said:?}");
    // The next installation keeps it and makes the names one file again.
    node.install(&node.release(1)).unwrap();
    assert_eq!(node.read("bridge.before-trestle"), b"upgraded reference");
    assert_eq!(fs::metadata(node.bin.join("loopback")).unwrap().nlink(), 3);
}

#[test]
fn a_copy_of_ours_is_made_one_file_again() {
    let node = Node::new("copies");
    let program = node.release(1);
    for name in NAMES {
        fs::copy(&program, node.bin.join(name)).unwrap();
    }
    node.install(&program).unwrap();
    assert_eq!(node.files(), NAMES);
    assert_eq!(fs::metadata(node.bin.join("bridge")).unwrap().nlink(), 3);
}

#[test]
fn leftovers_of_a_killed_call_do_not_matter() {
    let node = Node::new("killed");
    for name in [".trestle-new", ".trestle-link", ".trestle-kept"] {
        fs::write(node.bin.join(name), "half").unwrap();
    }
    fs::write(node.bin.join("bridge"), "reference").unwrap();
    node.install(&node.release(1)).unwrap();
    assert_eq!(node.files(), ["bridge", "bridge.before-trestle", "host-local", "loopback"]);
}

#[test]
fn a_directory_in_the_way_is_named() {
    let node = Node::new("directory");
    fs::create_dir(node.bin.join("host-local")).unwrap();
    let refused = node.install(&node.release(1)).unwrap_err().to_string();
    assert!(refused.contains("host-local is a directory"), "{refused}");
    assert!(!node.files().iter().any(|name| name.starts_with(".trestle")), "{:?}", node.files());
}
