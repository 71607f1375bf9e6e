//! The leases of one network: files in the reference's format, changed with the lock held.

mod change;
mod cursor;
mod files;
mod lease;
mod lock;
mod publish;

use cni_common::spec::{Attachment, CniError};

use crate::address::Addr;
use crate::config::Place;
use crate::host::Host;
use crate::index::{Index, Record};
use crate::life::BootId;
use lock::Lock;

pub use cursor::Cursor;
pub use files::{LeaseDir, Trouble};
pub use lease::{Claim, MAX_LEASE, OwnerKey, text_of};
pub use lock::LOCK;
pub use publish::UNFINISHED;

/// The leases of a network with the lock held. When it is dropped, the index is marked as true.
#[derive(Debug)]
pub struct Store<'h> {
    dir: LeaseDir,
    host: &'h Host,
    boot: BootId,
    index: Option<Index>,
    /// The index was made in this run.
    is_fresh: bool,
    /// Something was changed, so the marks must be set anew.
    changed: bool,
    /// The index was found to be wrong: no marks.
    is_wrong: bool,
    _lock: Lock,
}

/// A lease whose file was compared with the record, and cannot change while the lock is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease(Record);

impl Lease {
    /// Its address.
    pub fn addr(&self) -> Addr {
        self.0.addr
    }
}

impl<'h> Store<'h> {
    /// Locks the network's directory, which is made if it is not there.
    ///
    /// # Errors
    /// Code 5, or 11 when the lock is held for too long.
    pub fn create(place: &Place, host: &'h Host) -> Result<Self, CniError> {
        Self::lock(LeaseDir::create(place)?, host)
    }

    /// Locks the network's directory; `None` when there is none, so that nothing is leased.
    ///
    /// # Errors
    /// Code 5, or 11 when the lock is held for too long.
    pub fn open(place: &Place, host: &'h Host) -> Result<Option<Self>, CniError> {
        LeaseDir::open(place)?.map(|dir| Self::lock(dir, host)).transpose()
    }

    fn lock(dir: LeaseDir, host: &'h Host) -> Result<Self, CniError> {
        let boot = BootId::read(&host.proc);
        let lock = Lock::take(&dir, host)?;
        let index = Index::open(&dir);
        let is_clean = index.as_ref().is_some_and(|index| index.is_clean(&dir, boot));
        let mut store =
            Store { dir, host, boot, index, is_fresh: false, changed: false, is_wrong: false, _lock: lock };
        if !is_clean {
            store.rescan()?;
        }
        Ok(store)
    }

    /// The directory.
    pub fn dir(&self) -> &LeaseDir {
        &self.dir
    }

    /// All leases were read in this run.
    pub fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// Reads all leases and makes the index anew, which also frees what is dead for certain.
    ///
    /// # Errors
    /// Code 5.
    pub fn rescan(&mut self) -> Result<(), CniError> {
        self.index = Some(Index::rebuild(&self.dir, self.index.as_ref(), self.boot)?);
        (self.is_fresh, self.changed, self.is_wrong) = (true, true, false);
        Ok(())
    }

    /// Asks the index; when it cannot be read it is made anew, once.
    fn ask<T>(&mut self, question: impl Fn(&Index) -> std::io::Result<T>) -> Result<T, CniError> {
        for _ in 0..2 {
            match self.index.as_ref().map(&question) {
                Some(Ok(answer)) => return Ok(answer),
                Some(Err(error)) => tracing::warn!(%error, "the index cannot be read; making it anew"),
                None => {}
            }
            self.index = None;
            self.rescan()?;
        }
        Err(CniError::io(format!("the index of {} cannot be read; remove .index", self.dir.path().display())))
    }

    /// Tells the index; when it does not take it, it is not believed again. The leases are not touched by
    /// that, so nothing else fails.
    fn tell(&mut self, change: impl FnOnce(&mut Index) -> std::io::Result<()>) {
        self.changed = true;
        if let Some(Err(error)) = self.index.as_mut().map(change) {
            tracing::warn!(%error, "the index cannot be written; the next call reads all leases");
            self.is_wrong = true;
        }
    }

    /// The leases of an attachment: those that name its container and interface, and those of old versions
    /// that name the container alone.
    ///
    /// # Errors
    /// Code 5.
    pub fn leases_of(&mut self, attachment: &Attachment) -> Result<Vec<Lease>, CniError> {
        let mut leases = self.leases(OwnerKey::exact(attachment))?;
        leases.extend(self.leases(OwnerKey::container(&attachment.container_id))?);
        Ok(leases)
    }

    /// The leases of one owner.
    ///
    /// # Errors
    /// Code 5.
    pub fn leases(&mut self, key: OwnerKey) -> Result<Vec<Lease>, CniError> {
        let noted = self.ask(|index| index.lookup(key))?;
        let mut leases = Vec::with_capacity(noted.len());
        for (_, record) in noted {
            leases.extend(self.compare(&record)?);
        }
        if self.is_wrong && !self.is_fresh {
            tracing::warn!(dir = %self.dir.path().display(), "the index names a lease that is not there; making it anew");
            self.rescan()?;
            return self.leases(key);
        }
        Ok(leases)
    }

    /// All leases, as noted.
    ///
    /// # Errors
    /// Code 5.
    pub fn all(&mut self) -> Result<Vec<Record>, CniError> {
        self.ask(Index::records)
    }

    /// Compares a record with its file. `None` when the file is not there, is no file, or names another
    /// owner: then the index is wrong, and is not believed again.
    ///
    /// # Errors
    /// Code 5 when the file cannot be read.
    pub fn compare(&mut self, record: &Record) -> Result<Option<Lease>, CniError> {
        if self.owner(record.addr)? == Some(record.key) {
            return Ok(Some(Lease(record.clone())));
        }
        self.is_wrong = true;
        Ok(None)
    }

    /// What a lease file says, for people.
    pub fn holder(&self, addr: Addr) -> Option<String> {
        let (bytes, _) = self.dir.read(&addr.to_string(), MAX_LEASE).ok()??;
        Claim::read(&bytes).map(|claim| claim.to_string())
    }

    /// The owner that a lease file names; `None` when there is no file or it belongs to nobody.
    fn owner(&self, addr: Addr) -> Result<Option<OwnerKey>, CniError> {
        let name = addr.to_string();
        match self.dir.read(&name, MAX_LEASE) {
            Ok(found) => Ok(found.and_then(|(bytes, _)| Claim::read(&bytes).map(|claim| claim.key()))),
            Err(Trouble::Odd(_)) => Ok(None),
            Err(trouble) => Err(trouble.error("read the lease", &self.dir.file(&name))),
        }
    }

    /// The lease of an address; `None` when nobody has it.
    ///
    /// # Errors
    /// Code 5.
    pub fn lease_of(&mut self, addr: Addr) -> Result<Option<Lease>, CniError> {
        let Some(key) = self.owner(addr)? else { return Ok(None) };
        let noted = self.ask(|index| index.lookup(key))?;
        Ok(noted.into_iter().map(|(_, record)| record).find(|record| record.addr == addr).map(Lease))
    }

    /// The first address of the range `from` to `to` that is not noted as taken.
    ///
    /// # Errors
    /// Code 5.
    pub fn next_free(&mut self, from: Addr, to: Addr) -> Result<Option<Addr>, CniError> {
        self.ask(|index| index.next_free(from, to))
    }

    /// How many addresses from `from` to `to` are noted as taken.
    ///
    /// # Errors
    /// Code 5.
    pub fn count_taken(&mut self, from: Addr, to: Addr) -> Result<u64, CniError> {
        self.ask(|index| index.count_taken(from, to))
    }

    /// The owner of a lease is dead for certain: its network namespace is gone.
    pub fn is_dead(&self, record: &Record) -> bool {
        record.netns.as_ref().is_some_and(|netns| netns.is_gone(&self.host.proc))
    }

    /// The owner of a lease is dead for certain: its network namespace is gone.
    pub fn has_dead_owner(&self, lease: &Lease) -> bool {
        self.is_dead(&lease.0)
    }

    /// Keeps the index's searches short.
    fn make_room(&mut self) {
        if let Some(index) = self.index.take() {
            match index.make_room(&self.dir) {
                Ok(index) => self.index = Some(index),
                Err(error) => {
                    tracing::warn!(%error, "the index cannot be enlarged; the next call reads all leases");
                    self.is_wrong = true;
                }
            }
        }
    }
}

impl Drop for Store<'_> {
    /// Sets the marks, with the lock still held.
    fn drop(&mut self) {
        if self.changed && !self.is_wrong {
            self.make_room();
        }
        if self.changed
            && !self.is_wrong
            && let Some(index) = &mut self.index
        {
            index.mark(&self.dir);
        }
    }
}
