//! Making the index from the lease files: after a change by somebody else, a kill, or a start of the kernel.

use std::collections::HashMap;

use cni_common::spec::CniError;
use nix::errno::Errno;
use nix::sys::stat::FileStat;
use nix::sys::statfs::fstatfs;

use super::format::{DirState, MAX_SLOT_PAGES, RECORDS};
use super::{Index, Record, Stamp};
use crate::address::Addr;
use crate::life::BootId;
use crate::store::{Claim, LeaseDir, MAX_LEASE, Trouble, UNFINISHED};

/// The name that an index has before it is complete.
pub const UNFINISHED_INDEX: &str = ".index.new";

/// linux/magic.h and the sources of the file systems: those whose files only one kernel changes. Elsewhere
/// (NFS, 9p, FUSE) another node may hold the leases, so another boot says nothing, and time stamps may be
/// old copies, so the index is made anew each time.
const LOCAL: [i64; 17] = [
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // xfs
    0x9123_683e, // btrfs
    0x0102_1994, // tmpfs
    0x8584_58f6, // ramfs
    0x794c_7630, // overlay
    0xf2f5_2010, // f2fs
    0x2fc1_2fc1, // zfs
    0xca45_1a4e, // bcachefs
    0x4d44,      // FAT
    0x2011_bab0, // exFAT
    0x7366_746e, // ntfs3
    0x3153_464a, // jfs
    0x3434,      // nilfs2
    0x2405_1905, // ubifs
    0x5265_4973, // reiserfs
    0x72b6,      // jffs2
];

/// Leases noted in an index that could be read, by address.
type Known = HashMap<Addr, Record>;

/// One pass over the directory.
struct Scan<'a> {
    dir: &'a LeaseDir,
    known: Known,
    /// The leases that are known were noted in another boot of this machine's kernel.
    void: bool,
    /// When the last mark was set, by the file system's clock.
    marked: Stamp,
    /// What is noted of namespaces still means something.
    same_boot: bool,
    /// Addresses that are taken by no lease.
    odd: Vec<Addr>,
    leases: Vec<Record>,
    /// A lease could not be read, so the index must not be believed.
    partial: bool,
}

impl Index {
    /// Reads all leases and makes the index anew. On the way it frees what belongs to nobody (empty and torn
    /// files) and what another boot left: a lease that an index of an earlier boot has noted, and that is
    /// still the same file. A lease that nobody noted is taken for alive. Only with the lock held.
    ///
    /// Where the index cannot be written it is kept in memory for this run.
    ///
    /// # Errors
    /// Code 5 when the directory cannot be read.
    pub fn rebuild(dir: &LeaseDir, old: Option<&Index>, boot: BootId) -> Result<Self, CniError> {
        let fail = |trouble: Trouble| trouble.error("read the directory", dir.path());
        let local = fstatfs(dir).is_ok_and(|fs| LOCAL.contains(&fs.filesystem_type().0));
        let records = old.and_then(|old| old.records().ok()).unwrap_or_default();
        let before = old.map_or(BootId::UNKNOWN, Index::boot);
        let mut scan = Scan {
            dir,
            known: records.into_iter().map(|record| (record.addr, record)).collect(),
            void: local && before.is_other_than(boot),
            marked: old.map(|old| old.header.dir.ctime).unwrap_or_default(),
            same_boot: before == boot,
            odd: Vec::new(),
            leases: Vec::new(),
            partial: false,
        };
        let names = dir.names().map_err(fail)?;
        for name in &names {
            scan.visit(name).map_err(fail)?;
        }
        let partial = scan.partial;
        let mut index = scan.index(boot).map_err(|e| fail(e.into()))?;
        tracing::info!(dir = %dir.path().display(), leases = index.header.count, "read all leases, made the index");
        if !local || partial {
            return Ok(index);
        }
        if let Err(error) = index.persist(dir) {
            tracing::warn!(%error, "the index cannot be kept; each call reads all leases");
        }
        Ok(index)
    }
}

impl Scan<'_> {
    fn visit(&mut self, name: &str) -> Result<(), Trouble> {
        if name == UNFINISHED || name == UNFINISHED_INDEX {
            self.dir.unlink(name).map(drop).or_else(ignore_odd)?;
        }
        let Some(addr) = Addr::from_file_name(name) else { return Ok(()) };
        let Some(known) = self.known.remove(&addr) else { return self.read(name, addr) };
        match self.dir.stat_file(name)? {
            None => {}
            Some(stat) if !is_same_file(&known, &stat) => self.read(name, addr)?,
            Some(_) if self.void => self.reclaim(addr, "it is from before this start of the kernel"),
            // A file made anew after the mark has a later time than the mark, unless both are of one tick.
            Some(_) if known.mtime >= self.marked => {
                self.read(name, addr)?;
                if let Some(read) =
                    self.leases.last_mut().filter(|read| read.addr == addr && read.key == known.key)
                {
                    read.netns = known.netns.filter(|_| self.same_boot);
                }
            }
            Some(_) => {
                let netns = known.netns.filter(|_| self.same_boot);
                self.leases.push(Record { netns, ..known });
            }
        }
        Ok(())
    }

    fn read(&mut self, name: &str, addr: Addr) -> Result<(), Trouble> {
        match self.dir.read(name, MAX_LEASE) {
            Ok(None) => {}
            Ok(Some((bytes, stat))) => match Claim::read(&bytes) {
                None => self.reclaim(addr, "it is empty or torn and belongs to nobody"),
                Some(claim) => {
                    let file = DirState::of(&stat);
                    let (inode, mtime) = (file.inode, file.mtime);
                    self.leases.push(Record { key: claim.key(), addr, inode, mtime, netns: None });
                }
            },
            Err(trouble @ (Trouble::Odd(_) | Trouble::Os(Errno::EACCES | Errno::EPERM))) => {
                tracing::warn!(file = %self.dir.file(name).display(), %trouble, "no lease to read; the address is left out");
                // An odd file stays one, or the directory changes; a right to read may come unnoticed.
                self.partial |= matches!(trouble, Trouble::Os(_));
                self.odd.push(addr);
            }
            Err(trouble) => return Err(trouble),
        }
        Ok(())
    }

    /// Frees an address; where that fails it stays taken.
    fn reclaim(&mut self, addr: Addr, why: &str) {
        let name = addr.to_string();
        match self.dir.unlink(&name) {
            Ok(_) => tracing::warn!(file = %self.dir.file(&name).display(), "lease freed: {why}"),
            Err(trouble) => {
                tracing::warn!(file = %self.dir.file(&name).display(), %trouble, "lease not freed, though {why}");
                self.odd.push(addr);
            }
        }
    }

    fn index(self, boot: BootId) -> std::io::Result<Index> {
        let mut index = Index::empty(boot, pages_for(self.leases.len()));
        for record in &self.leases {
            index.insert(record)?;
        }
        for addr in &self.odd {
            index.set_taken(*addr, true)?;
        }
        Ok(index)
    }
}

/// The file is the one that was noted.
fn is_same_file(known: &Record, stat: &FileStat) -> bool {
    let file = DirState::of(stat);
    known.inode == file.inode && known.mtime == file.mtime
}

fn ignore_odd(trouble: Trouble) -> Result<(), Trouble> {
    if matches!(trouble, Trouble::Odd(_)) { Ok(()) } else { Err(trouble) }
}

/// Pages of slots for so many leases: two fifths full at most, so that there is room for more.
fn pages_for(leases: usize) -> u32 {
    let pages = (leases as u64 * 5).div_ceil(RECORDS * 2).next_power_of_two();
    u32::try_from(pages).unwrap_or(MAX_SLOT_PAGES).clamp(4, MAX_SLOT_PAGES)
}
