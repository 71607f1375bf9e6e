//! How the index lasts, and how it is seen that it is still true.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use cni_common::spec::CniError;
use nix::fcntl::{OFlag, renameat};
use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};

use super::backing::Backing;
use super::format::{DirState, MAX_SLOT_PAGES, PAGE, RECORDS};
use super::{BATCH, INDEX, Index, UNFINISHED_INDEX};
use crate::store::{LeaseDir, Trouble};

/// Seconds between now and the mark: more than the coarsest time stamps of a file system (FAT: 2).
const MARK_AGE: i64 = 5;

/// Pages that a search may read before the index is written anew.
const LONG_SEARCH: u64 = 3;

impl Index {
    /// Sets the marks. Returns whether the index will be believed: not where time stamps cannot be set, and
    /// not where the file could not be written.
    pub fn mark(&mut self, dir: &LeaseDir) -> bool {
        self.try_mark(dir).unwrap_or_else(|trouble| {
            tracing::debug!(dir = %dir.path().display(), %trouble, "no mark set; the next call reads all leases");
            false
        })
    }

    fn try_mark(&mut self, dir: &LeaseDir) -> Result<bool, Trouble> {
        let Backing::File(file) = &self.backing else { return Ok(false) };
        let now = clock_gettime(ClockId::CLOCK_REALTIME)?;
        let wanted = TimeSpec::new(now.tv_sec() - MARK_AGE, now.tv_nsec());
        futimens(dir, &TimeSpec::UTIME_OMIT, &wanted)?;
        let state = DirState::of(&dir.stat()?);
        // What was stored may be coarser than what was wanted, but not as new as a change of this moment.
        if (state.mtime.sec - wanted.tv_sec()).abs() >= MARK_AGE / 2 {
            return Ok(false);
        }
        self.header.dir = state;
        let stored = TimeSpec::new(state.mtime.sec, state.mtime.nsec);
        file.write_all_at(&self.header.encode(), 0)?;
        futimens(file, &TimeSpec::UTIME_OMIT, &stored)?;
        Ok(true)
    }

    /// More than half of the places are in use.
    fn is_crowded(&self) -> bool {
        self.header.count * 2 > u64::from(self.header.slot_pages) * RECORDS
    }

    /// Puts an index that is in memory into its file, in place of the one that was there.
    ///
    /// # Errors
    /// Code 5; then it stays in memory, for this run only.
    pub(super) fn persist(&mut self, dir: &LeaseDir) -> Result<(), CniError> {
        if let Backing::Memory(bytes) = &mut self.backing {
            // Without marks: not believed, but what it notes of each lease can be used.
            bytes.iter_mut().zip(self.header.encode()).for_each(|(byte, header)| *byte = header);
            let file = write_file(dir, bytes)
                .map_err(|trouble| trouble.error("write the index", &dir.file(INDEX)))?;
            self.backing = Backing::File(file);
        }
        Ok(())
    }

    /// Keeps searches short: writes the index anew, larger when places get scarce, or of the same size when
    /// pages that once were full made a search long.
    pub fn make_room(self, dir: &LeaseDir) -> io::Result<Self> {
        let factor = if self.is_crowded() { 4 } else { 1 };
        let slot_pages = self.header.slot_pages * factor;
        let kept = matches!(self.backing, Backing::File(_));
        if !kept || (factor == 1 && self.longest.get() <= LONG_SEARCH) || slot_pages > MAX_SLOT_PAGES {
            return Ok(self);
        }
        let mut larger = Index::empty(self.header.boot, slot_pages);
        for record in self.records()? {
            larger.insert(&record)?;
        }
        // Also those that are taken without a record: odd files.
        for addr in self.all_taken()? {
            larger.set_taken(addr, true)?;
        }
        if let Err(error) = larger.persist(dir) {
            tracing::warn!(%error, "the index cannot be enlarged; the next call reads all leases");
        }
        Ok(larger)
    }
}

fn write_file(dir: &LeaseDir, bytes: &[u8]) -> Result<File, Trouble> {
    dir.unlink(UNFINISHED_INDEX)?;
    let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL;
    let (file, _) = dir.open_file(UNFINISHED_INDEX, flags)?;
    let written = (|| {
        for (pages, at) in bytes.chunks(BATCH * PAGE).zip((0..).step_by(BATCH * PAGE)) {
            file.write_all_at(pages, at)?;
        }
        Ok::<(), Trouble>(renameat(dir, UNFINISHED_INDEX, dir, INDEX)?)
    })();
    if written.is_err() {
        // The first failure is the one to tell.
        let _ = dir.unlink(UNFINISHED_INDEX);
    }
    written.map(|()| file)
}
