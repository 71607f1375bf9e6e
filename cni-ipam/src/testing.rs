//! A directory of its own for each test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use cni_common::spec::NetworkName;

use crate::config::Place;

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

    /// The data directory of a network called `net`.
    pub fn place(&self) -> Place {
        Place { data_dir: self.root.join("data"), network: NetworkName::parse("net").unwrap() }
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
            let _ = std::fs::remove_dir_all(&self.root);
        }
    }
}
