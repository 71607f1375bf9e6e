//! A directory of its own for each test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use cni_common::spec::NetworkName;

use crate::config::Place;

/// Waits until the clock of every file system has moved on, also of those that count whole seconds.
pub fn tick() {
    std::thread::sleep(std::time::Duration::from_millis(1100));
}

/// Removed when dropped, by the process that made it.
pub struct Scratch {
    root: PathBuf,
    is_mine: bool,
}

impl Scratch {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("cni-ipam-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        Scratch { root, is_mine: true }
    }

    /// The directory of a test that runs in another process.
    pub fn of(root: &Path) -> Self {
        Scratch { root: root.to_owned(), is_mine: false }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The data directory of a network called `net`: in the test's own directory, or in that which
    /// `CNI_IPAM_TEST_DATA` names, to try another file system.
    pub fn place(&self) -> Place {
        let above = std::env::var_os("CNI_IPAM_TEST_DATA").map(PathBuf::from);
        let data_dir = match (above, self.root.file_name()) {
            (Some(above), Some(name)) => above.join(name),
            _ => self.root.join("data"),
        };
        Place { data_dir, network: NetworkName::parse("net").unwrap() }
    }

    /// The directory of that network.
    pub fn dir(&self) -> PathBuf {
        self.place().dir()
    }

    /// The names in it, sorted; none where it was not made yet.
    pub fn names(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.dir()) else { return Vec::new() };
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.is_mine {
            let _ = std::fs::remove_dir_all(self.place().data_dir);
            let _ = std::fs::remove_dir_all(&self.root);
        }
    }
}
