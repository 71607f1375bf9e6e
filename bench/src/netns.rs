//! Network namespaces: a node's, or a pod's.

use crate::error::{Context, Error, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A named network namespace under /run/netns, as a runtime makes it. It goes when this value goes.
pub struct Netns {
    path: PathBuf,
    file: File,
}

impl Netns {
    /// Makes a namespace with this name; nothing in it is configured.
    pub fn create(name: &str) -> Result<Self> {
        let path = Path::new("/run/netns").join(name);
        File::create(&path).doing(|| format!("making {}", path.display()))?;
        // A thread that ends with its namespace: the caller stays where it is.
        let made = std::thread::scope(|scope| scope.spawn(|| pin(&path)).join());
        made.map_err(|_| Error("a thread panicked".to_owned()))??;
        let file = File::open(&path).doing(|| format!("opening {}", path.display()))?;
        Ok(Self { path, file })
    }

    /// The path to hand over as `CNI_NETNS`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves the calling thread there; programs it starts are there too.
    pub fn enter(&self) -> Result<()> {
        setns(&self.file, CloneFlags::CLONE_NEWNET).doing(|| format!("entering {}", self.path.display()))
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        // What fails here goes with the mount namespace at the end.
        let _ = umount2(&self.path, MntFlags::MNT_DETACH);
        let _ = std::fs::remove_file(&self.path);
    }
}

/// How many links the calling thread's namespace has, the loopback included.
pub fn links() -> Result<usize> {
    let path = "/proc/thread-self/net/dev";
    let text = std::fs::read_to_string(path).doing(|| format!("reading {path}"))?;
    Ok(text.lines().count().saturating_sub(2))
}

fn pin(path: &Path) -> Result<()> {
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNET).doing(|| "making a network namespace".to_owned())?;
    mount(Some("/proc/thread-self/ns/net"), path, none, MsFlags::MS_BIND, none)
        .doing(|| format!("naming the network namespace {}", path.display()))
}
