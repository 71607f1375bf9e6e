//! Making a lease, and giving it back.

use cni_common::spec::{Attachment, CniError};
use nix::sys::stat::FileStat;

use super::publish::{Published, Way, publish};
use super::{Claim, Lease, MAX_LEASE, OwnerKey, Store, text_of};
use crate::address::Addr;
use crate::index::{DirState, Record};
use crate::life::NetnsNote;

impl Store<'_> {
    /// Makes the lease of an address; `None` when there is one.
    ///
    /// # Errors
    /// Code 5; then there is no lease.
    pub fn reserve(
        &mut self,
        addr: Addr,
        attachment: &Attachment,
        netns: Option<&NetnsNote>,
    ) -> Result<Option<Lease>, CniError> {
        self.changed = true;
        let mut made = self.publish(addr, attachment, netns)?;
        if made.is_none() && self.free_if_nobodys(&addr.to_string())? {
            made = self.publish(addr, attachment, netns)?;
        }
        // Taken, and the index did not know: somebody changed the directory without the lock.
        self.is_wrong |= made.is_none();
        self.tell(|index| index.set_taken(addr, true));
        Ok(made.map(Lease))
    }

    /// Makes the lease file and its record; `None` when there is something of that name. The record comes
    /// first: the namespace of a lease is known whenever its file is there.
    fn publish(
        &mut self,
        addr: Addr,
        attachment: &Attachment,
        netns: Option<&NetnsNote>,
    ) -> Result<Option<Record>, CniError> {
        let (name, key) = (addr.to_string(), OwnerKey::exact(attachment));
        let Store { dir, index, .. } = self;
        let mut record = None;
        let mut noted: Option<std::io::Result<_>> = None;
        let mut note = |stat: &FileStat| {
            let file = DirState::of(stat);
            let new = Record { key, addr, inode: file.inode, mtime: file.mtime, netns: netns.cloned() };
            if let Some(index) = index.as_mut() {
                // Of a way that the file system did not have.
                let struck = match noted.take() {
                    Some(Ok(place)) => index.strike(place),
                    _ => Ok(()),
                };
                noted = Some(struck.and_then(|()| index.note(&new)));
            }
            record = Some(new);
        };
        let published = publish(dir, &name, &text_of(attachment), Way::Unnamed, &mut note);
        let is_made = matches!(published, Ok(Published::Made));
        match noted {
            Some(Ok(place)) if !is_made => self.tell(|index| index.strike(place)),
            Some(Err(error)) => self.tell(|_| Err(error)),
            _ => {}
        }
        published.map_err(|trouble| trouble.error("make the lease", &self.dir.file(&name)))?;
        Ok(record.filter(|_| is_made))
    }

    /// Removes a file that is in the way of a lease and belongs to nobody.
    fn free_if_nobodys(&self, name: &str) -> Result<bool, CniError> {
        let path = self.dir.file(name);
        match self.dir.read(name, MAX_LEASE) {
            Ok(Some((bytes, _))) if Claim::read(&bytes).is_none() => {
                tracing::warn!(file = %path.display(), "lease freed: it is empty or torn and belongs to nobody");
                self.dir.unlink(name).map_err(|trouble| trouble.error("remove", &path))
            }
            Ok(None) => Ok(true),
            Ok(Some(_)) | Err(_) => Ok(false),
        }
    }

    /// Gives a lease back.
    ///
    /// # Errors
    /// Code 5 when the file cannot be removed.
    pub fn release(&mut self, lease: &Lease) -> Result<(), CniError> {
        let Lease(record) = lease;
        let name = record.addr.to_string();
        self.changed = true;
        self.dir.unlink(&name).map_err(|trouble| trouble.error("remove the lease", &self.dir.file(&name)))?;
        tracing::debug!(address = %record.addr, "lease given back");
        for (place, noted) in self.ask(|index| index.lookup(record.key))? {
            if noted.addr == record.addr {
                self.tell(|index| index.remove(place, noted.addr));
            }
        }
        Ok(())
    }
}
