//! Transactions: all of it, or nothing.

use netlink_packet_core::{NLM_F_ACK, NLM_F_ECHO};
use nix::errno::Errno;

use super::explain::explain;
use super::told::Told;
use super::{Change, Element, NftSocket, Place, Table, answer, message};
use crate::kernel::Outcome;

impl NftSocket {
    /// Makes all changes, or none.
    ///
    /// # Errors
    /// The first refusal, naming the change.
    pub fn commit(&mut self, changes: &[Change<'_>]) -> Outcome<()> {
        self.run(changes, None, 0).map(drop)
    }

    /// Makes all changes, if nobody changed anything in nf_tables since [`generation`](Self::generation)
    /// returned this number.
    ///
    /// # Errors
    /// ERESTART when somebody did; else as [`commit`](Self::commit).
    pub fn commit_at(&mut self, generation: u32, changes: &[Change<'_>]) -> Outcome<()> {
        self.run(changes, Some(generation), 0).map(drop)
    }

    /// Deletes elements, and returns what was deleted. The kernel deletes by key alone, so this is how to
    /// learn whose element it was. Not for more than some dozens: the answer must fit in the socket's buffer.
    ///
    /// # Errors
    /// ENOENT when one is not there (any more), and then all are left.
    pub fn delete_elements(&mut self, table: Table, places: &[Place<'_>]) -> Outcome<Vec<(String, Element)>> {
        let changes: Vec<_> =
            places.iter().map(|(set, key, _)| Change::DeleteElement { table, set, key }).collect();
        let told = self.run(&changes, None, NLM_F_ECHO)?;
        let kind = |name: &str| places.iter().find(|(set, ..)| *set == name).map(|(_, _, kind)| *kind);
        let lists = told.iter().filter_map(|told| answer::deleted(told, kind));
        Ok(lists.flat_map(|(set, list)| list.into_iter().map(move |e| (set.clone(), e))).collect())
    }

    fn run(&mut self, changes: &[Change<'_>], generation: Option<u32>, flags: u16) -> Outcome<Vec<Told>> {
        let Some(last) = changes.len().checked_sub(1) else { return Ok(Vec::new()) };
        self.deleted |= changes.iter().any(Change::deletes);
        let (begin, mut bytes) = self.connection.encode(message::begin(generation), 0);
        for (id, (index, change)) in (1..).zip(changes.iter().enumerate()) {
            let (message, own) = message::change(change, id);
            let ack = if index == last { NLM_F_ACK } else { 0 };
            bytes.extend(self.connection.encode(message, own | flags | ack).1);
        }
        let (end, tail) = self.connection.encode(message::end(), 0);
        bytes.extend(tail);
        self.connection.transact(&bytes, begin..=end).map_err(|(sequence, error)| {
            // The number of the frame, or of the first message when the kernel speaks of the whole.
            let whole = matches!(error.errno, Errno::ERESTART | Errno::EPERM)
                || (error.errno == Errno::EOPNOTSUPP && sequence == begin);
            let index = sequence.checked_sub(begin + 1).and_then(|index| usize::try_from(index).ok());
            explain(index.filter(|_| !whole).and_then(|index| changes.get(index)), &error)
        })
    }
}
