//! The network's lock: flock(2) on the file `lock`, as the reference holds it, with a bounded wait.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use cni_common::spec::CniError;
use nix::fcntl::OFlag;

use super::files::{LeaseDir, Trouble};
use crate::host::Host;

/// The file's name, the reference's.
pub const LOCK: &str = "lock";

/// Held until dropped: closing the file gives the lock back, which cannot fail.
#[derive(Debug)]
pub struct Lock {
    _held: File,
}

impl Lock {
    /// Takes the lock of a network, and waits for it no longer than the host's limit.
    ///
    /// # Errors
    /// Code 11 with the holder's process ID and name when the wait was in vain; code 5 when the lock file
    /// cannot be opened.
    pub fn take(dir: &LeaseDir, host: &Host) -> Result<Self, CniError> {
        let path = dir.file(LOCK);
        let (file, _) = dir
            .open_file(LOCK, OFlag::O_RDONLY | OFlag::O_CREAT)
            .map_err(|trouble| trouble.error("open the lock", &path))?;
        if cni_common::mutation::is_broken("lock") {
            return Ok(Lock { _held: file });
        }
        match file.try_lock() {
            Ok(()) => Ok(Lock { _held: file }),
            Err(TryLockError::WouldBlock) => wait(file, &path, host),
            Err(TryLockError::Error(error)) => Err(Trouble::from(error).error("lock", &path)),
        }
    }
}

/// Waits in a thread of its own. flock(2) has no time limit and a signal would need a handler for the whole
/// process; a thread that waits in the kernel's own queue costs 30 µs, only when somebody else is there,
/// and needs no polling. One that came too late gets the lock, finds nobody to hand it to, and drops it.
fn wait(file: File, path: &Path, host: &Host) -> Result<Lock, CniError> {
    let inode = file.metadata().map_or(0, |m| m.ino());
    let (sender, receiver) = channel();
    let waiter = move || {
        let result = loop {
            match file.lock() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result.map(|()| file),
            }
        };
        // If nobody waits any more, the file is closed with the message.
        let _ = sender.send(result);
    };
    let spawned = thread::Builder::new().name("lock".into()).stack_size(64 * 1024).spawn(waiter);
    if let Err(why) = spawned {
        return Err(CniError::try_again(format!(
            "the lock {} is held by {}, and no thread could be made to wait for it: {why}",
            path.display(),
            holder(&host.proc, inode)
        )));
    }
    match receiver.recv_timeout(host.lock_timeout) {
        Ok(Ok(held)) => Ok(Lock { _held: held }),
        Ok(Err(error)) => Err(Trouble::from(error).error("lock", path)),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            Err(timed_out(path, &holder(&host.proc, inode), host.lock_timeout))
        }
    }
}

fn timed_out(path: &Path, holder: &str, waited: Duration) -> CniError {
    CniError::try_again(format!(
        "the lock {} is held by {holder}; gave up after {} s; see what that process waits for, or set \
         CNI_LOCK_TIMEOUT to more seconds",
        path.display(),
        waited.as_secs_f64()
    ))
}

/// Who holds a flock on the file with this inode number: proc(5), `/proc/locks`. Its device column is not
/// the one of stat(2) on every file system, so the inode number alone decides.
fn holder(proc: &Path, inode: u64) -> String {
    let locks = std::fs::read_to_string(proc.join("locks")).unwrap_or_default();
    let pid = locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["FLOCK", _, _, pid, file, ..] = words.get(1..)? else { return None };
        let found = file.rsplit(':').next()?.parse::<u64>().ok()?;
        (found == inode).then_some(*pid)
    });
    let Some(pid) = pid else { return "a process that cannot be seen from here".into() };
    match std::fs::read_to_string(proc.join(pid).join("comm")) {
        Ok(name) => format!("process {pid} ({})", name.trim_end()),
        Err(_) => format!("process {pid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;
    use std::time::Instant;

    #[test]
    fn the_wait_is_bounded_and_names_the_holder() {
        let scratch = Scratch::new();
        let dir = LeaseDir::create(&scratch.place()).unwrap();
        let held = Lock::take(&dir, &Host::default()).unwrap();
        let host = Host { lock_timeout: Duration::from_millis(30), ..Host::default() };
        let error = Lock::take(&dir, &host).unwrap_err();
        assert_eq!(error.code.0, 11);
        let me = format!("process {} (", std::process::id());
        assert!(error.msg.contains(&me) && error.msg.contains("0.03 s"), "{}", error.msg);
        drop(held);
        // The waiter that came too late must let go again.
        Lock::take(&dir, &Host::default()).unwrap();
    }

    #[test]
    fn a_waiter_gets_the_lock_when_it_is_free() {
        let scratch = Scratch::new();
        let dir = LeaseDir::create(&scratch.place()).unwrap();
        let held = Lock::take(&dir, &Host::default()).unwrap();
        let start = Instant::now();
        thread::scope(|scope| {
            let other = scope.spawn(|| Lock::take(&dir, &Host::default()).map(drop));
            thread::sleep(Duration::from_millis(20));
            drop(held);
            other.join().unwrap().unwrap();
        });
        assert!(start.elapsed() >= Duration::from_millis(20));
    }

    #[test]
    fn a_lock_that_is_no_file_is_refused() {
        for make in [|p: &Path| std::os::unix::fs::symlink("/dev/null", p), |p: &Path| std::fs::create_dir(p)]
        {
            let scratch = Scratch::new();
            let dir = LeaseDir::create(&scratch.place()).unwrap();
            make(&scratch.dir().join(LOCK)).unwrap();
            let error = Lock::take(&dir, &Host::default()).unwrap_err();
            assert!(error.code.0 == 5 && error.msg.contains("not a regular file"), "{}", error.msg);
        }
        let scratch = Scratch::new();
        let dir = LeaseDir::create(&scratch.place()).unwrap();
        nix::unistd::mkfifo(&scratch.dir().join(LOCK), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(Lock::take(&dir, &Host::default()).unwrap_err().code.0, 5);
    }
}
