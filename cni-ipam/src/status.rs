//! STATUS: would an ADD succeed now? Answered without the lock and without writing anything.

use std::collections::HashSet;
use std::path::Path;

use cni_common::spec::{CniError, Code, Request};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::sys::statfs::{Statfs, fstatfs, statfs};
use nix::unistd::{AccessFlags, faccessat};

use crate::address::Addr;
use crate::config::{Config, Place};
use crate::host::Host;
use crate::index::{Index, Record};
use crate::life::BootId;
use crate::range::RangeSet;
use crate::resolv;
use crate::store::{Claim, Cursor, LOCK, LeaseDir, MAX_LEASE, Trouble};

/// Addresses looked at before the whole directory is read.
const TRIES: usize = 8;

/// # Errors
/// Code 50 with the reason.
pub fn status(request: &Request, host: &Host) -> Result<(), CniError> {
    let config = Config::read(request).map_err(unavailable)?;
    let slips = |error| config.slips.iter().fold(unavailable(error), CniError::detail);
    look(&config, host).map_err(slips)
}

/// The same error, as STATUS tells it.
fn unavailable(error: CniError) -> CniError {
    let msg = format!("an ADD would fail: {}", error.msg);
    CniError { code: Code::UNAVAILABLE, msg, ..error }
}

fn look(config: &Config, host: &Host) -> Result<(), CniError> {
    if let Some(path) = &config.resolv_conf {
        resolv::read(path)?;
    }
    let Some(dir) = LeaseDir::open(&config.place)? else { return can_be_made(&config.place) };
    let path = dir.path();
    faccessat(&dir, ".", AccessFlags::W_OK | AccessFlags::X_OK, AtFlags::AT_EACCESS)
        .map_err(|errno| Trouble::from(errno).error("write to", path))?;
    has_room(fstatfs(&dir), path)?;
    match dir.open_file(LOCK, OFlag::O_RDONLY) {
        Err(trouble) if !trouble.is_missing() => return Err(trouble.error("open the lock", &dir.file(LOCK))),
        _ => {}
    }
    let index = Index::peek(&dir);
    for (number, set) in config.sets.iter().enumerate() {
        let cursor = Cursor::open(&dir, number)?;
        if !seems_free(&dir, index.as_ref(), set, cursor.last) {
            search(&dir, index.as_ref(), set, host)?;
        }
    }
    Ok(())
}

/// The directory is not there yet: ADD makes it, where that is possible.
fn can_be_made(place: &Place) -> Result<(), CniError> {
    let path = place.dir();
    for above in path.ancestors().skip(1) {
        match faccessat(AT_FDCWD, above, AccessFlags::W_OK | AccessFlags::X_OK, AtFlags::AT_EACCESS) {
            Err(Errno::ENOENT) => {}
            Err(errno) => return Err(Trouble::from(errno).error("make a directory in", above)),
            Ok(()) if !above.is_dir() => {
                return Err(Trouble::from(Errno::ENOTDIR).error("make a directory in", above));
            }
            Ok(()) => return has_room(statfs(above), above),
        }
    }
    Ok(())
}

/// The file system has a block and an inode left. Those that do not count them say 0 of 0.
fn has_room(found: nix::Result<Statfs>, path: &Path) -> Result<(), CniError> {
    let Ok(fs) = found else { return Ok(()) };
    let is_full = (fs.blocks() > 0 && fs.blocks_free() == 0) || (fs.files() > 0 && fs.files_free() == 0);
    if is_full { Err(Trouble::Os(Errno::ENOSPC).error("make a lease in", path)) } else { Ok(()) }
}

/// One of the next addresses of the round robin has no file. That there is none is the truth, whatever the
/// index says; the index only tells where to look.
fn seems_free(dir: &LeaseDir, index: Option<&Index>, set: &RangeSet, last: Option<Addr>) -> bool {
    let mut tries = 0;
    for (range, from, to) in set.pieces_after(last) {
        let mut at = Some(from);
        while let Some(from) = at.filter(|at| *at <= to) {
            let next = index.map_or(Ok(Some(from)), |index| index.next_free(from, to));
            let Ok(Some(addr)) = next else { break };
            if range.gateway() != Some(addr) {
                match dir.stat_file(&addr.to_string()) {
                    Ok(None) => return true,
                    _ if tries >= TRIES => return false,
                    _ => tries += 1,
                }
            }
            at = addr.plus(1);
        }
    }
    false
}

/// Reads the names of all leases, and if they fill the set, looks for one that ADD would free.
fn search(dir: &LeaseDir, index: Option<&Index>, set: &RangeSet, host: &Host) -> Result<(), CniError> {
    let names = dir.names().map_err(|trouble| trouble.error("read the directory", dir.path()))?;
    let taken: HashSet<Addr> = names
        .iter()
        .filter_map(|name| Addr::from_file_name(name))
        .filter(|addr| set.range_for(*addr).is_some_and(|range| range.gateway() != Some(*addr)))
        .collect();
    if (taken.len() as u128) < set.size() || taken.iter().any(|addr| is_nobodys(dir, *addr)) {
        return Ok(());
    }
    let boot = BootId::read(&host.proc);
    let records = index.and_then(|index| index.records().ok()).unwrap_or_default();
    let void = index.is_some_and(|index| index.boot().is_other_than(boot));
    let is_dead = |record: &Record| {
        taken.contains(&record.addr) && (void || record.netns.as_ref().is_some_and(|n| n.is_gone(&host.proc)))
    };
    if records.iter().any(is_dead) {
        return Ok(());
    }
    Err(CniError::new(
        Code::EXHAUSTED,
        format!(
            "no IP addresses available in range set: {set}: all {} are taken; each file in {} names the container that \
             has the address; DEL or GC those that are gone, or enlarge the range",
            set.size(),
            dir.path().display()
        ),
    ))
}

/// ADD frees the file when it gets there.
fn is_nobodys(dir: &LeaseDir, addr: Addr) -> bool {
    match dir.read(&addr.to_string(), MAX_LEASE) {
        Ok(Some((bytes, _))) => Claim::read(&bytes).is_none(),
        _ => false,
    }
}
