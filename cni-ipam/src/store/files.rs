//! The directory of one network, used through a descriptor: nothing below it is reached by following a
//! link, and only regular files are read or written.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use cni_common::spec::CniError;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::config::Place;

/// Mode of every file, as in the reference.
pub const FILE_MODE: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);
/// Mode of every directory, as in the reference.
const DIR_MODE: u32 = 0o755;

/// Why a file could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The system's refusal.
    Os(Errno),
    /// Something else stands where a regular file is expected.
    Odd(&'static str),
}

impl From<Errno> for Trouble {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ELOOP => Trouble::Odd("a symbolic link"),
            Errno::EISDIR => Trouble::Odd("a directory"),
            Errno::ENXIO => Trouble::Odd("a FIFO, socket or device"),
            errno => Trouble::Os(errno),
        }
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Trouble::from(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Os(errno) => errno.fmt(f),
            Trouble::Odd(what) => write!(f, "it is {what}, not a regular file"),
        }
    }
}

impl Trouble {
    /// The file does not exist.
    pub fn is_missing(self) -> bool {
        self == Trouble::Os(Errno::ENOENT)
    }

    /// Code 5: what was to be done with which file, why it failed, and what helps.
    pub fn error(self, what: &str, path: &Path) -> CniError {
        let remedy = match self {
            Trouble::Odd(_) => "links are not followed; move it away",
            Trouble::Os(Errno::ENOSPC | Errno::EDQUOT) => "make room on that file system",
            Trouble::Os(Errno::EROFS) => "mount it writable, or set ipam.dataDir to a writable place",
            Trouble::Os(Errno::EACCES | Errno::EPERM) => "run the plugin as the owner of that directory",
            Trouble::Os(Errno::EMFILE | Errno::ENFILE) => "raise the limit of open files",
            Trouble::Os(Errno::ENOTDIR) => {
                "each part of ipam.dataDir, and the network's own, must be a directory"
            }
            Trouble::Os(_) => "see the file system's health and ipam.dataDir",
        };
        CniError::io(format!("cannot {what} {}: {self}; {remedy}", path.display()))
    }
}

/// The result of using a file.
pub type Outcome<T> = Result<T, Trouble>;

/// The kind of a file, when it is not a regular one.
fn odd_kind(stat: &FileStat) -> Option<&'static str> {
    let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
    if kind == SFlag::S_IFREG {
        return None;
    }
    Some(if kind == SFlag::S_IFDIR {
        "a directory"
    } else if kind == SFlag::S_IFLNK {
        "a symbolic link"
    } else {
        "a FIFO, socket or device"
    })
}

/// An open network directory.
#[derive(Debug)]
pub struct LeaseDir {
    fd: OwnedFd,
    path: PathBuf,
}

impl LeaseDir {
    /// Opens the network's directory; `None` when it is not there.
    ///
    /// # Errors
    /// Code 5. A link in the place of the network's directory is not followed.
    pub fn open(place: &Place) -> Result<Option<Self>, CniError> {
        let path = place.dir();
        let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        match open(&path, flags, Mode::empty()) {
            Ok(fd) => Ok(Some(LeaseDir { fd, path })),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(Trouble::from(errno).error("open the directory", &path)),
        }
    }

    /// Opens the network's directory, and makes it and those above it where they are missing.
    ///
    /// # Errors
    /// Code 5.
    pub fn create(place: &Place) -> Result<Self, CniError> {
        if let Some(dir) = Self::open(place)? {
            return Ok(dir);
        }
        let fail = |trouble: Trouble| trouble.error("make the directory", &place.dir());
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(DIR_MODE)
            .create(&place.data_dir)
            .map_err(|e| fail(e.into()))?;
        let above = open(&place.data_dir, OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|e| fail(e.into()))?;
        match mkdirat(&above, place.network.as_str(), Mode::from_bits_truncate(DIR_MODE)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(fail(errno.into())),
        }
        Self::open(place)?.ok_or_else(|| fail(Trouble::Os(Errno::ENOENT)))
    }

    /// The path of a file in it, for messages.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Its own path, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its state.
    pub fn stat(&self) -> Outcome<FileStat> {
        Ok(fstat(&self.fd)?)
    }

    /// The state of a file in it, of a link itself; `None` when it is not there.
    pub fn stat_file(&self, name: &str) -> Outcome<Option<FileStat>> {
        match fstatat(&self.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Opens a regular file in it.
    pub fn open_file(&self, name: &str, flags: OFlag) -> Outcome<(File, FileStat)> {
        // Without O_NONBLOCK a FIFO in the file's place would make this wait for ever.
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file = File::from(openat(&self.fd, name, flags, FILE_MODE)?);
        let stat = fstat(&file)?;
        match odd_kind(&stat) {
            None => Ok((file, stat)),
            Some(kind) => Err(Trouble::Odd(kind)),
        }
    }

    /// The first `limit` bytes of a regular file, with its state; `None` when it is not there.
    pub fn read(&self, name: &str, limit: u64) -> Outcome<Option<(Vec<u8>, FileStat)>> {
        let (file, stat) = match self.open_file(name, OFlag::O_RDONLY) {
            Err(trouble) if trouble.is_missing() => return Ok(None),
            opened => opened?,
        };
        // One read for what a lease holds; `read_to_end` would ask the size and read twice.
        let mut bytes = vec![0; usize::try_from(limit).unwrap_or(0)];
        let mut len = 0;
        while let Some(rest) = bytes.get_mut(len..).filter(|rest| !rest.is_empty()) {
            match (&file).read(rest) {
                Ok(0) => break,
                Ok(n) => len += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
            if u64::try_from(stat.st_size).is_ok_and(|size| size <= len as u64) {
                break;
            }
        }
        bytes.truncate(len);
        Ok(Some((bytes, stat)))
    }

    /// Removes a file in it; `false` when it was not there.
    pub fn unlink(&self, name: &str) -> Outcome<bool> {
        match unlinkat(&self.fd, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The names in it, in no order.
    pub fn names(&self) -> Outcome<Vec<String>> {
        let mut dir =
            nix::dir::Dir::openat(&self.fd, ".", OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        let mut names = Vec::new();
        for entry in dir.iter() {
            // A name that is not UTF-8 is no name of ours.
            if let Ok(name) = entry?.file_name().to_str() {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }
}

impl AsFd for LeaseDir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
