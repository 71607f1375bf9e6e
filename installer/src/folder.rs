//! A plugin folder of the node.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use crate::Trouble;
use crate::staged::{self, Staged, Sum};
use crate::trouble::io;

/// What comes after the name of a file that was there before.
const KEPT: &str = ".before-trestle";
/// Stands in every release of the program, and in no plugin of others.
const MARK: &[u8] = b"(Trestle ";

/// The folder, locked: two installers do one after the other.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    lock: Flock<File>,
}

impl Folder {
    /// Makes the folder if it is not there.
    ///
    /// # Errors
    /// When it cannot be made or opened.
    pub fn create(path: &Path) -> Result<Self, Trouble> {
        fs::create_dir_all(path).map_err(io("make", path))?;
        Self::open(path)
    }

    /// Waits for the folder's lock.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, Trouble> {
        let file = File::open(path).map_err(io("open", path))?;
        let lock = Flock::lock(file, FlockArg::LockExclusive)
            .map_err(|(_, errno)| io("lock", path)(errno.into()))?;
        Ok(Folder { path: path.to_owned(), lock })
    }

    /// Puts `program` there under each of `names`, as one file. Where it is already, nothing is touched.
    ///
    /// # Errors
    /// The first step that failed. Each name then leads to the old file or to the new one.
    pub fn install(&self, program: &Path, names: &[&str], say: &mut dyn FnMut(&str)) -> Result<(), Trouble> {
        let wanted = staged::sum(program)?;
        if self.holds(&wanted, names) {
            say(&format!("{}: there already, sha256 {}", self.path.display(), staged::hex(&wanted)));
            return Ok(());
        }
        let (new, sum) = Staged::copy(program, self.path.join(".trestle-new"), 0o755)?;
        for name in names {
            let place = self.path.join(name);
            self.keep(&place, name, say)?;
            self.second_name(new.path())?.rename(&place)?;
            say(&format!("installed {}", place.display()));
        }
        drop(new);
        // So that a power cut does not bring back the old names.
        self.lock.sync_all().map_err(io("write", &self.path))?;
        say(&format!("{}: sha256 {}", self.path.display(), staged::hex(&sum)));
        Ok(())
    }

    /// Takes the program out and puts back what was kept.
    ///
    /// # Errors
    /// The first of them; the other names are still done.
    pub fn remove(&self, names: &[&str], say: &mut dyn FnMut(&str)) -> Result<(), Trouble> {
        let mut outcome = Ok(());
        for name in names {
            match self.remove_one(name) {
                Ok(Some(line)) => say(&line),
                Ok(None) => {}
                Err(trouble) => {
                    outcome = outcome.and(Err(trouble));
                }
            }
        }
        let _ = self.lock.sync_all();
        outcome
    }

    fn remove_one(&self, name: &str) -> Result<Option<String>, Trouble> {
        let place = self.path.join(name);
        let kept = self.path.join(format!("{name}{KEPT}"));
        if fs::symlink_metadata(&place).is_ok() && !ours(&place) {
            return Ok(Some(format!("left {}: it is not Trestle's", place.display())));
        }
        if fs::symlink_metadata(&kept).is_ok() {
            fs::rename(&kept, &place).map_err(io("put back", &place))?;
            return Ok(Some(format!("put back {}", place.display())));
        }
        Ok(staged::remove(&place)?.then(|| format!("removed {}", place.display())))
    }

    /// Whether all names are one file already, and that file is the program.
    fn holds(&self, wanted: &Sum, names: &[&str]) -> bool {
        let mut inodes = names.iter().map(|name| {
            let found = fs::symlink_metadata(self.path.join(name)).ok()?;
            (found.is_file() && found.mode() & 0o111 == 0o111).then(|| (found.dev(), found.ino()))
        });
        let Some(Some(first)) = inodes.next() else { return false };
        let one = inodes.all(|inode| inode == Some(first));
        let program = names.first().map(|name| self.path.join(name));
        one && program.is_some_and(|path| staged::sum(&path).is_ok_and(|sum| sum == *wanted))
    }

    /// A second name for the new file; a second file where the file system has no hard links.
    fn second_name(&self, new: &Path) -> Result<Staged, Trouble> {
        self.link_or_copy(new, ".trestle-link", 0o755)
    }

    /// Keeps what stands at `place`, unless it is ours. It stays where it is, too, until the rename.
    fn keep(&self, place: &Path, name: &str, say: &mut dyn FnMut(&str)) -> Result<(), Trouble> {
        let Ok(found) = fs::symlink_metadata(place) else { return Ok(()) };
        if found.is_dir() {
            return Err(Trouble::Directory(place.to_owned()));
        }
        if ours(place) {
            return Ok(());
        }
        let kept = format!("{name}{KEPT}");
        self.link_or_copy(place, ".trestle-kept", found.mode() & 0o7777)?.rename(&self.path.join(&kept))?;
        say(&format!("kept {} as {kept}", place.display()));
        Ok(())
    }

    fn link_or_copy(&self, from: &Path, name: &str, mode: u32) -> Result<Staged, Trouble> {
        let to = self.path.join(name);
        staged::remove(&to)?;
        match Staged::link(from, to.clone()) {
            Ok(staged) => Ok(staged),
            Err(_) => Ok(Staged::copy(from, to, mode)?.0),
        }
    }
}

/// Whether a file is this program, of any release. It is looked at, not started: it may be anybody's.
fn ours(path: &Path) -> bool {
    let Ok(mut file) = File::open(path) else { return false };
    let mut found = false;
    let mut last = Vec::new();
    let read = staged::pump(&mut file, path, |bytes| {
        last.extend_from_slice(bytes);
        found |= last.windows(MARK.len()).any(|window| window == MARK);
        // A mark may lie across two pieces.
        let done = last.len().saturating_sub(MARK.len());
        last.drain(..done);
        Ok(())
    });
    read.is_ok() && found
}
