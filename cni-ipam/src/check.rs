//! CHECK: the attachment still has its leases.

use cni_common::spec::{Attachment, CniError, Code, Request};

use crate::address::Addr;
use crate::config::Config;
use crate::host::Host;
use crate::index::Index;
use crate::store::{Claim, LeaseDir, MAX_LEASE, OwnerKey, Store};

/// Succeeds when the attachment has a lease, and one of `prevResult`'s addresses in each range set that
/// `prevResult` has an address of. Addresses of other plugins, and leases that lie outside the ranges since
/// the configuration was changed, are no drift.
pub fn check(request: &Request, host: &Host) -> Result<(), CniError> {
    let config = Config::read(request)?;
    let attachment = request.attachment()?;
    let given: Vec<Addr> = match request.conf.prev_result()? {
        Some(result) => result.ips.iter().map(|ip| Addr::from(ip.address.ip())).collect(),
        None => Vec::new(),
    };
    let per_set = config.sets.iter().map(|set| given.iter().copied().filter(|a| set.range_for(*a).is_some()));
    let groups: Vec<Vec<Addr>> =
        per_set.map(Iterator::collect).filter(|group: &Vec<_>| !group.is_empty()).collect();

    let missing = || {
        CniError::new(
            Code::DRIFT,
            format!(
                "host-local: no lease of container {}, interface {} in {}; DEL and ADD the attachment",
                attachment.container_id,
                attachment.ifname,
                config.place.dir().display()
            ),
        )
    };
    let dir = LeaseDir::open(&config.place)?.ok_or_else(missing)?;
    if is_satisfied(&groups, &unlocked(&dir, attachment)) {
        return Ok(());
    }
    // The index may be out of date or just being changed. What is found with the lock held counts.
    let mut store = Store::open(&config.place, host)?.ok_or_else(missing)?;
    let leases = store.leases_of(attachment)?;
    let addrs: Vec<Addr> = leases.iter().map(crate::store::Lease::addr).collect();
    if addrs.is_empty() {
        return Err(missing());
    }
    match groups.iter().find(|group| !group.iter().any(|addr| addrs.contains(addr))) {
        None => Ok(()),
        Some(group) => Err(drift(&store, group)),
    }
}

fn is_satisfied(groups: &[Vec<Addr>], leases: &[Addr]) -> bool {
    !leases.is_empty() && groups.iter().all(|group| group.iter().any(|addr| leases.contains(addr)))
}

/// The attachment's leases that can be seen without the lock. A lease that its file confirms is one,
/// whatever state the index is in.
fn unlocked(dir: &LeaseDir, attachment: &Attachment) -> Vec<Addr> {
    let Some(index) = Index::peek(dir) else { return Vec::new() };
    let mut addrs = Vec::new();
    for key in [OwnerKey::exact(attachment), OwnerKey::container(&attachment.container_id)] {
        for (_, record) in index.lookup(key).unwrap_or_default() {
            let file = dir.read(&record.addr.to_string(), MAX_LEASE);
            if let Ok(Some((bytes, _))) = file
                && Claim::read(&bytes).is_some_and(|claim| claim.key() == key)
            {
                addrs.push(record.addr);
            }
        }
        if !addrs.is_empty() {
            break;
        }
    }
    addrs
}

fn drift(store: &Store<'_>, group: &[Addr]) -> CniError {
    let lines: Vec<String> = group
        .iter()
        .map(|addr| match store.holder(*addr) {
            Some(holder) => format!("{addr} is leased to {holder}"),
            None => format!("{addr} is not leased"),
        })
        .collect();
    CniError::new(
        Code::DRIFT,
        format!(
            "host-local: the address of prevResult is not leased to this attachment: {}; DEL and ADD the attachment",
            lines.join(", ")
        ),
    )
    .detail(format!("leases are in {}", store.dir().path().display()))
}
