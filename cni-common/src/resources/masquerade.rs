//! Masquerading: what a pod sends out of its subnet gets the node's address.
//!
//! One table for all networks, one set of addresses and one rule per network and subnet: a pod adds one
//! element, whatever the number of pods. The element's comment begins with the owner tag.

mod sweep;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};

use super::nft_base::{Ensured, Layout, Set, TRIES, delete, is_race, no_agreement, owner, socket_if_any};
use super::reference_rules;
use crate::kernel::nft::{
    Change, Element, Expr, Family, Hook, Key, KeyType, NftSocket, Table, destination_outside, family_of,
    source_in,
};
use crate::kernel::{Errno, Node, Outcome};
use crate::plan::{Applied, Drift, OwnerTag, Resource};
use crate::spec::{Attachment, NetworkName};

pub use sweep::{remove_all, sweep};

/// Ours; `nft list table inet trestle` shows all of it.
const TABLE: Table = Table { family: Family::Inet, name: "trestle" };
const CHAIN: &str = "postrouting";
/// `NF_INET_POST_ROUTING`, `NF_IP_PRI_NAT_SRC`
const HOOK: Hook = Hook { kind: "nat", number: 4, name: "postrouting", priority: 100 };

/// One address of a pod that is masqueraded.
#[derive(Clone, Debug)]
pub struct Masquerade {
    /// The network.
    pub network: NetworkName,
    /// Whose address it is.
    pub tag: OwnerTag,
    /// The same, for a person.
    pub attachment: Attachment,
    /// The address, with the prefix of the subnet inside which it is kept.
    pub address: IpNetwork,
    /// This call made the set and the rule, so its rollback takes them away again.
    made_layout: Cell<bool>,
}

impl Masquerade {
    /// An address of an attachment of a network.
    pub fn new(network: NetworkName, tag: OwnerTag, attachment: Attachment, address: IpNetwork) -> Self {
        Masquerade { network, tag, attachment, address, made_layout: Cell::new(false) }
    }
}

impl Masquerade {
    /// How our own rules differ.
    fn drift(&self, node: &mut Node) -> Outcome<Option<Drift>> {
        let parts = Parts::of(self);
        let nft = node.nft()?;
        if let Some(drift) = parts.with_layout(|layout| layout.drift(nft))? {
            return Ok(Some(drift));
        }
        let (set, address) = (&parts.set, self.address.ip());
        Ok(match parts.element(nft)? {
            None => Some(Drift(format!("{address} is not in nftables set {TABLE} {set}"))),
            Some(element) if owner(&element) != Some(self.tag) => {
                let comment = element.comment.unwrap_or_default();
                Some(Drift(format!("{address} in nftables set {TABLE} {set} is another's: {comment:?}")))
            }
            Some(_) => None,
        })
    }
}

impl fmt::Display for Masquerade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host masquerade {} outside {}", self.address.ip(), subnet(self.address))
    }
}

impl Resource for Masquerade {
    fn apply(&self, node: &mut Node) -> Outcome<Applied> {
        let (applied, made_layout) = Parts::of(self).apply(node.nft()?, &self.tag)?;
        self.made_layout.set(made_layout);
        Ok(applied)
    }

    fn check(&self, node: &mut Node) -> Outcome<Option<Drift>> {
        let drift = self.drift(node)?;
        if drift.is_some()
            && reference_rules::masquerades(node, &self.network, &self.attachment, self.address)?
        {
            return Ok(None);
        }
        Ok(drift)
    }

    fn remove(&self, node: &mut Node) -> Outcome<()> {
        let Some(nft) = socket_if_any(node)? else { return Ok(()) };
        let parts = Parts::of(self);
        parts.remove(nft, &self.tag)?;
        if self.made_layout.get() { parts.with_layout(|layout| layout.withdraw(nft)) } else { Ok(()) }
    }
}

/// Names and values of one resource.
struct Parts {
    set: String,
    kind: KeyType,
    key: Key,
    exprs: Vec<Expr>,
    /// Of the set and the rule.
    about: String,
    /// Of the element.
    comment: String,
}

impl Parts {
    fn of(resource: &Masquerade) -> Self {
        let Masquerade { network, tag, attachment, address, .. } = resource;
        let set = set_name(network, *address);
        let (kind, multicast) = match address {
            IpNetwork::V4(_) => {
                (KeyType::Ipv4, Ipv4Network::new(Ipv4Addr::new(224, 0, 0, 0), 4).map(IpNetwork::V4))
            }
            IpNetwork::V6(_) => (
                KeyType::Ipv6,
                Ipv6Network::new(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8).map(IpNetwork::V6),
            ),
        };
        let inside = (!is_host(*address)).then(|| subnet(*address));
        let mut exprs: Vec<Expr> =
            family_of(address.ip()).into_iter().chain(source_in(address.ip(), &set)).collect();
        exprs.extend(inside.into_iter().chain(multicast).flat_map(destination_outside));
        exprs.push(Expr::Masquerade);
        Parts {
            set,
            kind,
            key: Key::Address(address.ip()),
            exprs,
            about: format!("network {network}"),
            comment: format!("{tag} {}/{}", attachment.container_id, attachment.ifname),
        }
    }

    fn with_layout<T>(&self, work: impl FnOnce(&Layout<'_>) -> T) -> T {
        work(&Layout {
            table: TABLE,
            chain: CHAIN,
            hook: HOOK,
            sets: &[Set { name: &self.set, kind: self.kind, comment: &self.about }],
            exprs: &self.exprs,
            comment: &self.about,
            rule_name: "masquerade rule",
            // One chain, and a set for every rule.
            adds_up: |objects, rules| objects == rules + 1,
        })
    }

    fn element(&self, nft: &mut NftSocket) -> Outcome<Option<Element>> {
        nft.element(TABLE, &self.set, self.kind, &self.key)
    }

    /// Looks before it changes anything: a transaction that the kernel refuses costs 10 ms.
    /// Tells also whether the layout was made.
    fn apply(&self, nft: &mut NftSocket, tag: &OwnerTag) -> Outcome<(Applied, bool)> {
        let Parts { set, kind, key, comment, .. } = self;
        let add = Change::AddElement { table: TABLE, set, key, comment };
        let mut made = false;
        for _ in 0..TRIES {
            let (whole, [element]) = self.with_layout(|layout| layout.look(nft, [(set, key, *kind)]))?;
            let is_there = element.is_some();
            if !whole {
                let missing = if is_there { &[][..] } else { std::slice::from_ref(&add) };
                match self.with_layout(|layout| layout.ensure(nft, missing)) {
                    Ok(Ensured::Made) if !is_there => return Ok((Applied::Created, true)),
                    Ok(ensured) => made |= ensured == Ensured::Made,
                    // The element came meanwhile.
                    Err(error) if error.errno == Errno::EEXIST && error.hint.is_none() => continue,
                    Err(error) => return Err(error),
                }
            }
            let added = match element {
                Some(element) if owner(&element) == Some(*tag) => return Ok((Applied::Unchanged, made)),
                Some(element) => self.replace(nft, &add, &element)?,
                None => add_element(nft, &add)?,
            };
            if added {
                return Ok((Applied::Created, made));
            }
        }
        Err(no_agreement(TABLE, set, key))
    }

    /// Takes over an address that a dead pod left: the lease is the new one's.
    fn replace(&self, nft: &mut NftSocket, add: &Change<'_>, old: &Element) -> Outcome<bool> {
        let (table, set, key) = (TABLE, &self.set, &self.key);
        match nft.commit(&[Change::DeleteElement { table, set, key }, add.clone()]) {
            Ok(()) => {
                let (left_by, now) = (old.comment.as_deref().unwrap_or_default(), &self.comment);
                tracing::warn!(address = %key, left_by, now, "masquerade of a dead pod's address taken over");
                Ok(true)
            }
            Err(error) if is_race(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn remove(&self, nft: &mut NftSocket, tag: &OwnerTag) -> Outcome<()> {
        let ours = |element: &Element| owner(element) == Some(*tag);
        for _ in 0..TRIES {
            let Some(element) = self.element(nft)?.filter(ours) else { return Ok(()) };
            match delete(nft, TABLE, &[(&self.set, self.kind, element)], &ours) {
                Ok(_) => return Ok(()),
                Err((_, error)) if error.errno == Errno::ENOENT => {}
                Err((_, error)) => return Err(error),
            }
        }
        Err(no_agreement(TABLE, &self.set, &self.key))
    }
}

fn add_element(nft: &mut NftSocket, add: &Change<'_>) -> Outcome<bool> {
    match nft.commit(std::slice::from_ref(add)) {
        Ok(()) => Ok(true),
        Err(error) if is_race(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn subnet(address: IpNetwork) -> IpNetwork {
    IpNetwork::new(address.network(), address.prefix()).unwrap_or(address)
}

/// The subnet is the address itself.
fn is_host(address: IpNetwork) -> bool {
    address.prefix() == if address.is_ipv4() { 32 } else { 128 }
}

/// What the names of all sets of a network begin with; a network's name has no slash.
fn prefix(network: &NetworkName) -> String {
    format!("net/{network}/")
}

/// The set of a network's subnet: a name that `nft` reads back, at most 250 bytes of the kernel's 255.
/// Addresses that are a subnet of their own share one set, or every pod would need a rule.
fn set_name(network: &NetworkName, address: IpNetwork) -> String {
    let prefix = prefix(network);
    match (is_host(address), address) {
        (true, IpNetwork::V4(_)) => format!("{prefix}host4"),
        (true, IpNetwork::V6(_)) => format!("{prefix}host6"),
        (false, _) => format!("{prefix}{}", subnet(address).to_string().replace(':', "_")),
    }
}
