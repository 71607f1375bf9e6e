//! Masquerading of a whole attachment or network, when the addresses are not known: by owner tag.

use std::net::IpAddr;

use super::{CHAIN, Masquerade, TABLE, prefix};
use crate::kernel::nft::{Change, Key, KeyType, NftSocket};
use crate::kernel::{Errno, Node, Outcome};
use crate::plan::OwnerTag;
use crate::resources::nft_base::{delete_where, owner, socket_if_any};
use crate::spec::NetworkName;

fn sets_of(nft: &mut NftSocket, network: &NetworkName) -> Outcome<Vec<(String, KeyType)>> {
    let prefix = prefix(network);
    let mut sets = nft.sets(TABLE)?;
    sets.retain(|(name, kind)| name.starts_with(&prefix) && matches!(kind, KeyType::Ipv4 | KeyType::Ipv6));
    Ok(sets)
}

impl Masquerade {
    /// Every masqueraded address of a network: its owner, the address, and its comment, which has container ID
    /// and interface for a person. Elements without an owner tag are not ours.
    ///
    /// # Errors
    /// When the kernel could not be asked.
    pub fn list(node: &mut Node, network: &NetworkName) -> Outcome<Vec<(OwnerTag, IpAddr, String)>> {
        let Some(nft) = socket_if_any(node)? else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for (set, kind) in sets_of(nft, network)? {
            all.extend(nft.elements(TABLE, &set, kind)?.into_iter().filter_map(|element| {
                let Key::Address(address) = element.key else { return None };
                Some((owner(&element)?, address, element.comment?))
            }));
        }
        Ok(all)
    }
}

/// Removes all masquerading of an attachment, when its addresses are not known; returns how many.
///
/// # Errors
/// The kernel's refusal; nothing there is none.
pub fn remove_all(node: &mut Node, network: &NetworkName, tag: &OwnerTag) -> Outcome<usize> {
    remove_where(node, network, &|owner| owner == tag)
}

/// Removes all masquerading of a network that is not to be kept, and the sets and rules of the network that
/// nobody uses then; returns the number of addresses.
///
/// # Errors
/// The kernel's refusal; nothing there is none.
pub fn sweep(node: &mut Node, network: &NetworkName, keep: &dyn Fn(&OwnerTag) -> bool) -> Outcome<usize> {
    let removed = remove_where(node, network, &|owner| !keep(owner))?;
    if let Some(nft) = socket_if_any(node)? {
        drop_empty_sets(nft, network)?;
    }
    Ok(removed)
}

fn remove_where(
    node: &mut Node,
    network: &NetworkName,
    doomed: &dyn Fn(&OwnerTag) -> bool,
) -> Outcome<usize> {
    let Some(nft) = socket_if_any(node)? else { return Ok(0) };
    let sets = sets_of(nft, network)?;
    let sets: Vec<_> = sets.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
    delete_where(nft, TABLE, &sets, &|element| owner(element).is_some_and(|owner| doomed(&owner)))
}

/// Deletes sets that are empty, and their rules. If anything changed since it was seen, it may be in use
/// again, and is left for the next sweep.
fn drop_empty_sets(nft: &mut NftSocket, network: &NetworkName) -> Outcome<()> {
    for (set, kind) in sets_of(nft, network)? {
        let generation = nft.generation()?;
        if !nft.elements(TABLE, &set, kind)?.is_empty() {
            continue;
        }
        let rules = nft.rules(TABLE, CHAIN)?;
        let (table, chain) = (TABLE, CHAIN);
        let mut changes: Vec<_> = rules
            .iter()
            .filter(|rule| rule.looks_in(&set))
            .map(|rule| Change::DeleteRule { table, chain, handle: rule.handle })
            .collect();
        changes.push(Change::DeleteSet { table, set: &set });
        match nft.commit_at(generation, &changes) {
            Err(error) if !matches!(error.errno, Errno::ERESTART | Errno::EBUSY | Errno::ENOENT) => {
                return Err(error);
            }
            _ => {}
        }
    }
    Ok(())
}
