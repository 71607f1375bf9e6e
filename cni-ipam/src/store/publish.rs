//! A lease file appears with its content or not at all, on every kind of file system.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, RenameFlags, openat, renameat2};
use nix::sys::stat::{FileStat, fstat};
use nix::unistd::linkat;

use super::files::{FILE_MODE, LeaseDir, Outcome, Trouble};

/// The name that a lease has before it is complete, where unnamed files cannot be had. Left behind by a
/// kill it is no lease, and the next use removes it.
pub const UNFINISHED: &str = ".lease.new";

/// How a complete file gets its name, best first. Each that a file system does not have gives way to the
/// next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// An unnamed file (`O_TMPFILE`) gets a name: nothing is left by a kill. ext4, xfs, btrfs, tmpfs.
    Unnamed,
    /// A file of another name is renamed, unless the name is taken. FAT; overlay before Linux 6.3.
    Renamed,
    /// A file of another name gets a second one, and loses the first. NFS, 9p.
    Linked,
    /// The file is made under its name and then written. A kill in between leaves an empty file, which
    /// belongs to nobody.
    InPlace,
}

/// What became of it.
#[derive(Debug)]
pub enum Published {
    /// The file is there.
    Made,
    /// Something of that name was there before.
    Taken,
}

/// Told of a file that is complete, mostly before it has its name. What is noted then is there when the
/// process is killed in between.
pub type Note<'a> = &'a mut dyn FnMut(&FileStat);

/// Makes the file `name` with this content, unless there is one. `note` is told first, again where a file
/// system does not have the first way.
///
/// # Errors
/// The system's refusal; then nothing is left.
pub fn publish(dir: &LeaseDir, name: &str, content: &str, first: Way, note: Note<'_>) -> Outcome<Published> {
    let mut way = first;
    loop {
        let next = match way {
            Way::Unnamed => Way::Renamed,
            Way::Renamed => Way::Linked,
            Way::Linked => Way::InPlace,
            Way::InPlace => return in_place(dir, name, content, note),
        };
        let done = match way {
            Way::Unnamed => unnamed(dir, name, content, note),
            _ => staged(dir, name, content, way, note),
        };
        match done {
            Err(Trouble::Os(errno)) if is_unsupported(errno) => way = next,
            Err(Trouble::Odd(_)) => way = next,
            done => return done,
        }
    }
}

/// Answers by which file systems say that they cannot do it this way.
fn is_unsupported(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::EOPNOTSUPP
            | Errno::EINVAL
            | Errno::ENOSYS
            | Errno::EPERM
            | Errno::ENOENT
            | Errno::EXDEV
            | Errno::EMLINK
    )
}

fn write(mut file: &File, content: &str, note: Note<'_>) -> Outcome<()> {
    file.write_all(content.as_bytes())?;
    note(&fstat(file)?);
    Ok(())
}

/// The answer of what gives a file its name.
fn named(result: nix::Result<()>) -> Outcome<Published> {
    match result {
        Ok(()) => Ok(Published::Made),
        Err(Errno::EEXIST) => Ok(Published::Taken),
        Err(errno) => Err(Trouble::Os(errno)),
    }
}

fn unnamed(dir: &LeaseDir, name: &str, content: &str, note: Note<'_>) -> Outcome<Published> {
    let file =
        File::from(openat(dir, ".", OFlag::O_TMPFILE | OFlag::O_WRONLY | OFlag::O_CLOEXEC, FILE_MODE)?);
    write(&file, content, note)?;
    let result = match linkat(&file, "", dir, name, AtFlags::AT_EMPTY_PATH) {
        // Before Linux 6.10 that needs CAP_DAC_READ_SEARCH; the way through /proc needs none.
        Err(Errno::ENOENT) => {
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            linkat(AT_FDCWD, path.as_str(), dir, name, AtFlags::AT_SYMLINK_FOLLOW)
        }
        result => result,
    };
    named(result)
}

fn staged(dir: &LeaseDir, name: &str, content: &str, way: Way, note: Note<'_>) -> Outcome<Published> {
    dir.unlink(UNFINISHED)?;
    let (file, _) = dir.open_file(UNFINISHED, OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL)?;
    let done = write(&file, content, note).and_then(|()| {
        let result = match way {
            Way::Linked => linkat(dir, UNFINISHED, dir, name, AtFlags::empty()),
            _ => renameat2(dir, UNFINISHED, dir, name, RenameFlags::RENAME_NOREPLACE),
        };
        named(result)
    });
    if !(way == Way::Renamed && matches!(done, Ok(Published::Made))) {
        // Nothing depends on it: the next one to come removes it too.
        let _ = dir.unlink(UNFINISHED);
    }
    done
}

fn in_place(dir: &LeaseDir, name: &str, content: &str, note: Note<'_>) -> Outcome<Published> {
    let file = match dir.open_file(name, OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL) {
        Ok((file, _)) => file,
        Err(Trouble::Os(Errno::EEXIST)) => return Ok(Published::Taken),
        Err(trouble) => return Err(trouble),
    };
    write(&file, content, note).map(|()| Published::Made).inspect_err(|_| {
        // The write's failure is the one to report.
        let _ = dir.unlink(name);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    #[test]
    fn every_way_makes_the_same_file_and_replaces_none() {
        for way in [Way::Unnamed, Way::Renamed, Way::Linked, Way::InPlace] {
            let scratch = Scratch::new();
            let dir = LeaseDir::create(&scratch.place()).unwrap();
            std::fs::write(scratch.dir().join(UNFINISHED), "left by a kill").unwrap();
            let mut noted = None;
            let made = publish(&dir, "10.0.0.2", "c1\r\neth0", way, &mut |stat| noted = Some(*stat)).unwrap();
            assert!(matches!(made, Published::Made), "{way:?}");
            let taken = publish(&dir, "10.0.0.2", "c2\r\neth0", way, &mut |_| {}).unwrap();
            assert!(matches!(taken, Published::Taken), "{way:?}");
            let path = scratch.dir().join("10.0.0.2");
            assert_eq!(std::fs::read(&path).unwrap(), b"c1\r\neth0");
            let stat = nix::sys::stat::stat(&path).unwrap();
            assert_eq!((stat.st_mode & 0o7777, stat.st_nlink), (0o600, 1), "{way:?}");
            let noted: FileStat = noted.unwrap();
            assert_eq!((noted.st_ino, noted.st_mtime_nsec), (stat.st_ino, stat.st_mtime_nsec));
            let left = scratch.names();
            assert!(
                way == Way::Unnamed || way == Way::InPlace || !left.contains(&UNFINISHED.to_owned()),
                "{left:?}"
            );
        }
    }

    #[test]
    fn an_odd_file_is_never_replaced_or_followed() {
        let scratch = Scratch::new();
        let dir = LeaseDir::create(&scratch.place()).unwrap();
        let target = scratch.root().join("target");
        std::os::unix::fs::symlink(&target, scratch.dir().join("10.0.0.2")).unwrap();
        std::fs::create_dir(scratch.dir().join("10.0.0.3")).unwrap();
        for way in [Way::Unnamed, Way::Renamed, Way::Linked, Way::InPlace] {
            for name in ["10.0.0.2", "10.0.0.3"] {
                assert!(
                    matches!(publish(&dir, name, "c1", way, &mut |_| {}).unwrap(), Published::Taken),
                    "{way:?} {name}"
                );
            }
        }
        assert!(!target.exists());
    }
}
