//! How it can be told, without asking the clock, that the owner of a lease is dead.

use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::stat::stat;
use nix::sys::statfs::statfs;

/// linux/magic.h `NSFS_MAGIC`
const NSFS_MAGIC: i64 = 0x6e73_6673;

/// Names one run of the kernel. No network namespace outlives it, so a lease noted in another one belongs
/// to a dead container (plugins#252, #697; k8s#57280).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootId([u8; 16]);

impl BootId {
    /// Nothing is known of the boot; equal to no boot.
    pub const UNKNOWN: BootId = BootId([0; 16]);

    /// Reads `/proc/sys/kernel/random/boot_id`.
    pub fn read(proc: &Path) -> Self {
        // 36 characters in one read; asking for the size first and for the end afterwards costs as much again.
        let mut text = [0; 64];
        let read =
            File::open(proc.join("sys/kernel/random/boot_id")).and_then(|mut file| file.read(&mut text));
        let text = text.get(..read.unwrap_or(0)).unwrap_or_default();
        Self::parse(text).unwrap_or(BootId::UNKNOWN)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let digits: String = std::str::from_utf8(text).ok()?.trim().chars().filter(|c| *c != '-').collect();
        let id = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32)?;
        Some(BootId(id.to_be_bytes()))
    }

    /// As stored in the index.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        BootId(bytes)
    }

    /// As stored in the index.
    pub fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// Both are known and differ: the kernel was started anew in between.
    pub fn is_other_than(self, other: BootId) -> bool {
        self != other && self != BootId::UNKNOWN && other != BootId::UNKNOWN
    }
}

/// The network namespace that a lease was made for, as noted by ADD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetnsNote {
    /// Inode number of the namespace; the kernel gives it again soon after the namespace is gone.
    pub inode: u32,
    /// Inode number of the mount namespace in which the path was looked up.
    pub mounts: u32,
    /// The path that ADD was given.
    pub path: PathBuf,
}

impl NetnsNote {
    /// Longest path that is noted, in bytes.
    pub const MAX_PATH: usize = 64;

    /// Looks at the namespace; `None` when it is none or cannot be noted. Then the lease is never taken for
    /// dead by its namespace.
    pub fn take(path: &Path, proc: &Path) -> Option<Self> {
        if !path.is_absolute() || path.as_os_str().as_bytes().len() > Self::MAX_PATH {
            return None;
        }
        if statfs(path).ok()?.filesystem_type().0 != NSFS_MAGIC {
            return None;
        }
        let inode = u32::try_from(stat(path).ok()?.st_ino).ok()?;
        Some(NetnsNote { inode, mounts: own_mounts(proc)?, path: path.to_owned() })
    }

    /// The path leads to that namespace no more. A path means the same only in the mount namespace in which
    /// it was noted, so from another one nothing is ever gone.
    pub fn is_gone(&self, proc: &Path) -> bool {
        if own_mounts(proc) != Some(self.mounts) {
            return false;
        }
        match stat(&self.path) {
            Ok(found) => found.st_ino != u64::from(self.inode),
            Err(errno) => matches!(errno, Errno::ENOENT | Errno::ENOTDIR | Errno::ESRCH),
        }
    }
}

/// The inode number of the calling thread's mount namespace.
fn own_mounts(proc: &Path) -> Option<u32> {
    stat(&proc.join("thread-self/ns/mnt")).ok().and_then(|found| u32::try_from(found.st_ino).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    #[test]
    fn boots_are_told_apart_only_when_both_are_known() {
        let here = BootId::read(Path::new("/proc"));
        let other = BootId::from_bytes([7; 16]);
        assert!(here != BootId::UNKNOWN && here.is_other_than(other) && !here.is_other_than(here));
        assert!(!here.is_other_than(BootId::UNKNOWN) && !BootId::UNKNOWN.is_other_than(here));
        assert_eq!(BootId::read(Path::new("/nowhere")), BootId::UNKNOWN);
    }

    #[test]
    fn only_a_namespace_is_noted() {
        let proc = Path::new("/proc");
        let note = NetnsNote::take(Path::new("/proc/self/ns/net"), proc).unwrap();
        assert!(!note.is_gone(proc));
        for not in ["/dev/null", "/nowhere", "proc/self/ns/net"] {
            assert_eq!(NetnsNote::take(Path::new(not), proc), None, "{not}");
        }
    }

    #[test]
    fn gone_means_gone_from_the_path_as_seen_from_the_same_place() {
        let proc = Path::new("/proc");
        let scratch = Scratch::new();
        let mounts = own_mounts(proc).unwrap();
        let path = scratch.root().join("netns");
        let note = NetnsNote { inode: 7, mounts, path: path.clone() };
        assert!(note.is_gone(proc), "no such file");
        std::fs::write(&path, "").unwrap();
        assert!(note.is_gone(proc), "the mount point that is left behind");
        assert!(!NetnsNote { mounts: mounts ^ 1, ..note.clone() }.is_gone(proc), "another mount namespace");
        assert!(!note.is_gone(Path::new("/nowhere")), "no proc to tell");
    }
}
