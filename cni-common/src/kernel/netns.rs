//! Network namespaces.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};

use super::{KernelError, Outcome};

/// linux/magic.h `NSFS_MAGIC`; a bind mount of a namespace has it too.
const NSFS_MAGIC: i64 = 0x6e73_6673;

nix::ioctl_none_bad!(
    /// ioctl_nsfs(2)
    ns_get_nstype,
    0xb703
);

/// Which kind of namespace: the flag by which clone(2) makes one.
fn kind(file: &File) -> Result<i32, Errno> {
    // SAFETY: this request takes no argument and returns an integer; the descriptor is open.
    unsafe { ns_get_nstype(file.as_raw_fd()) }
}

/// An open network namespace.
#[derive(Debug)]
pub struct NetNs {
    file: File,
    path: PathBuf,
    inode: u64,
}

impl NetNs {
    /// Opens a namespace by path.
    ///
    /// # Errors
    /// ENOENT when it is not there, EINVAL when it is not a network namespace.
    pub fn open(path: &Path) -> Outcome<Self> {
        let what = || format!("open netns {}", path.display());
        let file = nix::fcntl::open(
            path,
            nix::fcntl::OFlag::O_RDONLY | nix::fcntl::OFlag::O_CLOEXEC | nix::fcntl::OFlag::O_NONBLOCK,
            nix::sys::stat::Mode::empty(),
        )
        .map(File::from)
        .map_err(|errno| KernelError::new(what(), errno))?;
        let stat = nix::sys::statfs::fstatfs(&file).map_err(|errno| KernelError::new(what(), errno))?;
        if stat.filesystem_type().0 != NSFS_MAGIC {
            return Err(KernelError {
                hint: Some("not a namespace".into()),
                ..KernelError::new(what(), Errno::EINVAL)
            });
        }
        if kind(&file).map_err(|errno| KernelError::new(what(), errno))? != CloneFlags::CLONE_NEWNET.bits() {
            let hint = Some("a namespace, but not of the network".into());
            return Err(KernelError { hint, ..KernelError::new(what(), Errno::EINVAL) });
        }
        let inode = file.metadata().map_err(|e| KernelError::from_io(what(), &e))?.ino();
        Ok(NetNs { file, path: path.to_owned(), inode })
    }

    /// The namespace of the calling thread.
    ///
    /// # Errors
    /// Any errno of open(2), if /proc is not mounted.
    pub fn own() -> Outcome<Self> {
        Self::open(Path::new("/proc/thread-self/ns/net"))
    }

    /// A second handle to the same namespace.
    ///
    /// # Errors
    /// EMFILE when there are no descriptors left.
    pub fn try_clone(&self) -> Outcome<Self> {
        let file =
            self.file.try_clone().map_err(|e| KernelError::from_io("duplicate netns descriptor", &e))?;
        Ok(NetNs { file, path: self.path.clone(), inode: self.inode })
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its inode number, which names it for as long as it lives.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// Its descriptor.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Runs `work` with the calling thread in this namespace, and comes back to `home` whatever happened.
    ///
    /// # Errors
    /// Those of setns(2), and those of `work`.
    pub fn enter<T>(&self, home: &NetNs, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        let go = |to: &NetNs| {
            setns(to.fd(), CloneFlags::CLONE_NEWNET).map_err(|errno| KernelError {
                hint: (errno == Errno::EPERM).then(|| "needs CAP_SYS_ADMIN".to_owned()),
                ..KernelError::new(format!("enter netns {}", to.path.display()), errno)
            })
        };
        go(self)?;
        let result = work();
        go(home)?;
        result
    }
}
