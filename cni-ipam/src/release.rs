//! DEL and GC: leases are given back.

use std::collections::HashSet;

use cni_common::spec::{Attachment, CniError, Request, ValidAttachments};

use crate::config::Place;
use crate::host::Host;
use crate::store::{OwnerKey, Store};

/// Frees the leases of an attachment. Needs no more of the configuration than the name and `dataDir`, and
/// succeeds when there is nothing to free.
pub fn del(request: &Request, host: &Host) -> Result<(), CniError> {
    let place = Place::read(&request.conf)?;
    let attachment = request.attachment()?;
    let Some(mut store) = Store::open(&place, host)? else { return Ok(()) };
    let mut leases = store.leases(OwnerKey::exact(attachment))?;
    if leases.is_empty() {
        // Made by a version that did not write the interface.
        leases = store.leases(OwnerKey::container(&attachment.container_id))?;
    }
    all(leases.iter().map(|lease| store.release(lease)))
}

/// Frees the leases that belong to no living attachment. A list of attachments is the runtime's word, the
/// empty one too; without a list (`null`: CRI-O, for networks that others use; cni#1086) only what is dead
/// for certain goes.
pub fn gc(request: &Request, host: &Host) -> Result<(), CniError> {
    let place = Place::read(&request.conf)?;
    let valid = request.conf.valid_attachments()?;
    let Some(mut store) = Store::open(&place, host)? else { return Ok(()) };
    let keep = match &valid {
        ValidAttachments::Only(list) => Some(keys(list)),
        ValidAttachments::Unknown => None,
    };
    let mut outcomes = Vec::new();
    for record in store.all()? {
        let goes = match &keep {
            Some(keep) => !keep.contains(&record.key),
            None => store.is_dead(&record),
        };
        if goes {
            outcomes.push(free(&mut store, &record));
        }
    }
    all(outcomes)
}

fn free(store: &mut Store<'_>, record: &crate::index::Record) -> Result<(), CniError> {
    let Some(lease) = store.compare(record)? else { return Ok(()) };
    let holder = store.holder(record.addr).unwrap_or_default();
    tracing::info!(address = %record.addr, %holder, "lease freed by GC");
    store.release(&lease)
}

/// The owners that a list of attachments names, in both forms of a lease.
fn keys(list: &[Attachment]) -> HashSet<OwnerKey> {
    list.iter().flat_map(|a| [OwnerKey::exact(a), OwnerKey::container(&a.container_id)]).collect()
}

/// Goes on after an error and reports all of them.
fn all(outcomes: impl IntoIterator<Item = Result<(), CniError>>) -> Result<(), CniError> {
    let mut errors = outcomes.into_iter().filter_map(Result::err);
    match errors.next() {
        None => Ok(()),
        Some(first) => Err(errors.fold(first, |error, more| error.detail(&more.msg))),
    }
}
