//! The index of a network's leases: which leases an attachment has, and which addresses are taken, each
//! answered by one or two reads whatever the number of leases.
//!
//! The lease files are the truth; the index is a hint that can be made again at any time by reading them
//! (`Index::rebuild`). It is one file, `.index`, beside them: a directory with a file for each attachment
//! would double the number of inodes and what the reference reads in each of its calls.
//!
//! **When it is believed.** After each change, the directory's modification time is set to a mark some
//! seconds in the past, which is noted in the header together with the directory's inode number and change
//! time, and the index file gets the same mark. Whoever makes or removes an entry of the directory, or
//! writes to the index, moves one of the times away from the mark, even within the same tick of the
//! kernel's clock; so does a kill between any two system calls of ours. The index is believed only where
//! all of it agrees and the boot is the noted one. The wall clock is never compared with anything.

mod backing;
mod format;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod keep;
mod rebuild;
mod taken;

use std::cell::Cell;
use std::io;

use nix::fcntl::OFlag;

use crate::address::Addr;
use crate::life::BootId;
use crate::store::{LeaseDir, OwnerKey};
use backing::Backing;
use format::{CHUNK_ID, FIELDS, HEADER_PAGES, Header, PAGE, Page, RECORD, Slot};

pub use format::{DirState, Record, Stamp};
pub use rebuild::UNFINISHED_INDEX;

/// The file's name: no address, so the reference and everybody else leave it alone.
pub const INDEX: &str = ".index";

/// Pages that are read or written at once when it is about all of them.
const BATCH: usize = 64;

/// An open index.
#[derive(Debug)]
pub struct Index {
    backing: Backing,
    header: Header,
    chunks: Vec<u128>,
    /// The file's modification time when it was opened.
    own_mtime: Stamp,
    /// Pages that the longest search read.
    longest: Cell<u64>,
}

/// Where a record is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    page: u64,
    index: u64,
}

impl Index {
    /// An index of nothing, in memory.
    fn empty(boot: BootId, slot_pages: u32) -> Self {
        let header = Header { boot, dir: DirState::default(), count: 0, slot_pages, chunks: 0 };
        let pages = HEADER_PAGES + u64::from(slot_pages);
        let bytes = vec![0; usize::try_from(pages).unwrap_or(0) * PAGE];
        Index {
            backing: Backing::Memory(bytes),
            header,
            chunks: Vec::new(),
            own_mtime: Stamp::default(),
            longest: Cell::new(0),
        }
    }

    /// Opens the index file, if there is one that could be an index. Only with the lock held.
    pub fn open(dir: &LeaseDir) -> Option<Self> {
        Self::open_for(dir, OFlag::O_RDWR)
    }

    /// Opens the index file for a look without the lock: it may be just being changed.
    pub fn peek(dir: &LeaseDir) -> Option<Self> {
        Self::open_for(dir, OFlag::O_RDONLY)
    }

    fn open_for(dir: &LeaseDir, access: OFlag) -> Option<Self> {
        let (file, stat) = dir.open_file(INDEX, access).ok()?;
        let size = u64::try_from(stat.st_size).ok()?;
        Self::read(Backing::File(file), size, DirState::of(&stat).mtime)
    }

    /// What the bytes hold, if they could be an index.
    fn read(backing: Backing, size: u64, own_mtime: Stamp) -> Option<Self> {
        let first = backing.page(0).ok()?;
        let header = Header::decode(&first)?;
        let pages = HEADER_PAGES + u64::from(header.slot_pages) + u64::from(header.chunks);
        if size < pages * PAGE as u64 {
            return None;
        }
        let ids = header.chunks as usize * CHUNK_ID;
        let mut list = first.get(FIELDS..)?.to_vec();
        if ids > list.len() {
            let old = list.len();
            list.resize(ids, 0);
            backing.read(list.get_mut(old..)?, PAGE as u64).ok()?;
        }
        list.truncate(ids);
        let chunks = list.as_chunks::<CHUNK_ID>().0.iter().map(|id| u128::from_le_bytes(*id)).collect();
        Some(Index { backing, header, chunks, own_mtime, longest: Cell::new(0) })
    }

    /// All that is noted agrees with what is: nobody but us changed anything.
    pub fn is_clean(&self, dir: &LeaseDir, boot: BootId) -> bool {
        let noted = self.header.dir;
        self.header.boot == boot
            && self.own_mtime == noted.mtime
            && dir.stat().is_ok_and(|found| DirState::of(&found) == noted)
    }

    /// The boot in which the records were noted.
    pub fn boot(&self) -> BootId {
        self.header.boot
    }

    fn home(&self, key: OwnerKey) -> u64 {
        let [a, b, c, d, ..] = key.0;
        u64::from(u32::from_le_bytes([a, b, c, d]) & (self.header.slot_pages - 1))
    }

    /// Pages of slots in the order in which a key's records are searched.
    fn search(&self, key: OwnerKey) -> impl Iterator<Item = u64> + use<> {
        let (home, pages) = (self.home(key), u64::from(self.header.slot_pages));
        (0..pages).map(move |step| HEADER_PAGES + (home + step) % pages)
    }

    /// All leases noted for a key.
    pub fn lookup(&self, key: OwnerKey) -> io::Result<Vec<(Place, Record)>> {
        let mut found = Vec::new();
        for (page, read) in self.search(key).zip(1..) {
            self.longest.set(read.max(self.longest.get()));
            let bytes = self.backing.page(page)?;
            let mut last = false;
            for (slot, index) in slots(&bytes).zip(0..) {
                if slot.is_used() && slot.key() == key {
                    found.push((Place { page, index }, slot.record()));
                }
                last |= slot.is_empty();
            }
            if last {
                break;
            }
        }
        Ok(found)
    }

    /// Notes a lease: the record, and that its address is taken.
    pub fn insert(&mut self, record: &Record) -> io::Result<()> {
        self.set_taken(record.addr, true)?;
        self.note(record).map(|_| ())
    }

    /// Notes the record alone, of a lease that is about to be made: if it is made and nothing more is noted,
    /// what stands in the record is known all the same.
    pub fn note(&mut self, record: &Record) -> io::Result<Place> {
        for page in self.search(record.key) {
            let bytes = self.backing.page(page)?;
            let free = slots(&bytes).zip(0..).find(|(slot, _)| !slot.is_used());
            if let Some((_, index)) = free {
                let place = Place { page, index };
                self.backing.write(&record.encode(), place.offset())?;
                self.header.count += 1;
                return Ok(place);
            }
        }
        Err(io::ErrorKind::StorageFull.into())
    }

    /// Forgets a lease.
    pub fn remove(&mut self, place: Place, addr: Addr) -> io::Result<()> {
        self.strike(place)?;
        self.set_taken(addr, false)
    }

    /// Takes a record out; its address stays as it is.
    pub fn strike(&mut self, place: Place) -> io::Result<()> {
        let bytes = self.backing.page(place.page)?;
        let has_empty = slots(&bytes).any(Slot::is_empty);
        self.backing.write(&[Slot::vacated(has_empty)], place.offset())?;
        self.header.count = self.header.count.saturating_sub(1);
        Ok(())
    }

    /// All leases noted.
    pub fn records(&self) -> io::Result<Vec<Record>> {
        let mut all = Vec::with_capacity(usize::try_from(self.header.count).unwrap_or(0).min(1 << 20));
        let pages = u64::from(self.header.slot_pages);
        let mut buffer = vec![0; BATCH * PAGE];
        for first in (0..pages).step_by(BATCH) {
            let len = usize::try_from(pages - first).unwrap_or(BATCH).min(BATCH) * PAGE;
            let Some(bytes) = buffer.get_mut(..len) else { break };
            self.backing.read(bytes, (HEADER_PAGES + first) * PAGE as u64)?;
            let used = bytes.as_chunks::<RECORD>().0.iter().map(Slot).filter(|slot| slot.is_used());
            all.extend(used.map(Slot::record));
        }
        Ok(all)
    }
}

impl Place {
    fn offset(self) -> u64 {
        self.page * PAGE as u64 + self.index * RECORD as u64
    }
}

fn slots(page: &Page) -> impl Iterator<Item = Slot<'_>> {
    page.as_chunks::<RECORD>().0.iter().map(Slot)
}

#[cfg(test)]
mod tests;
