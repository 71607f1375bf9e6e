//! A new file beside the one that it will replace, whole and on the disk before the rename.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::Trouble;
use crate::trouble::io;

/// SHA-256 of a file's content.
pub type Sum = [u8; 32];

/// Removed again unless it was renamed.
#[derive(Debug)]
pub struct Staged {
    path: PathBuf,
}

impl Staged {
    /// Copies `from` to `path`, and reads it back.
    ///
    /// # Errors
    /// When it cannot be written, or is not on the disk what was read.
    pub fn copy(from: &Path, path: PathBuf, mode: u32) -> Result<(Self, Sum), Trouble> {
        let mut source = File::open(from).map_err(io("open", from))?;
        let mut hash = Sha256::new();
        let staged = Self::fill(path, mode, |file, path| {
            pump(&mut source, from, |bytes| {
                hash.update(bytes);
                file.write_all(bytes).map_err(io("write", path))
            })
        })?;
        let written: Sum = hash.finalize().into();
        if sum(&staged.path)? != written {
            return Err(Trouble::Differs(staged.path.clone()));
        }
        Ok((staged, written))
    }

    /// Writes `bytes` to `path`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(bytes: &[u8], path: PathBuf, mode: u32) -> Result<Self, Trouble> {
        Self::fill(path, mode, |file, path| file.write_all(bytes).map_err(io("write", path)))
    }

    /// A hard link to `from`.
    ///
    /// # Errors
    /// When the file system or the kernel refuses: the caller has another way.
    pub fn link(from: &Path, path: PathBuf) -> std::io::Result<Self> {
        fs::hard_link(from, &path)?;
        Ok(Staged { path })
    }

    fn fill(
        path: PathBuf,
        mode: u32,
        content: impl FnOnce(&mut File, &Path) -> Result<(), Trouble>,
    ) -> Result<Self, Trouble> {
        // What a killed call left. The folder's lock says that nobody is at it.
        remove(&path)?;
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)
            .map_err(io("create", &path))?;
        let staged = Staged { path };
        // Not left to the caller's umask.
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        file.set_permissions(permissions).map_err(io("set the mode of", &staged.path))?;
        content(&mut file, &staged.path)?;
        file.sync_all().map_err(io("write", &staged.path))?;
        Ok(staged)
    }

    /// The file as it is now.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name in one step.
    ///
    /// # Errors
    /// When the rename is refused.
    pub fn rename(self, to: &Path) -> Result<(), Trouble> {
        fs::rename(&self.path, to).map_err(io("replace", to))
        // Dropped now: where the two names are one file already, the rename does nothing and leaves this one.
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Removes a file that need not be there.
///
/// # Errors
/// When it is there and stays.
pub fn remove(path: &Path) -> Result<bool, Trouble> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(io("remove", path)(e)),
    }
}

/// The digest of what is in a file.
///
/// # Errors
/// When it cannot be read.
pub fn sum(path: &Path) -> Result<Sum, Trouble> {
    let mut hash = Sha256::new();
    pump(&mut File::open(path).map_err(io("open", path))?, path, |bytes| {
        hash.update(bytes);
        Ok(())
    })?;
    Ok(hash.finalize().into())
}

/// Hands a file's content on, piece by piece.
///
/// # Errors
/// Of the reading, or of `to`.
pub fn pump(
    from: &mut File,
    path: &Path,
    mut to: impl FnMut(&[u8]) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let mut piece = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut piece).map_err(io("read", path))?;
        match piece.get(..read) {
            None | Some([]) => return Ok(()),
            Some(bytes) => to(bytes)?,
        }
    }
}

/// As `sha256sum` prints it.
pub fn hex(sum: &Sum) -> String {
    sum.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
