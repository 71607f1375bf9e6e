//! MAC spoof check: a pod's frames enter the bridge only with the address that the pod was given.
//!
//! In the bridge family, before the bridge looks at a frame: one set of protected ports, one set of ports
//! and their addresses, one rule. Ports that are in neither are not touched.

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::fmt;

use super::nft_base::{
    Ensured, Layout, Set, TRIES, delete, delete_where, is_race, no_agreement, owner, socket_if_any,
};
use super::reference_rules;
use crate::kernel::nft::{
    Change, Element, Expr, Family, Hook, Key, KeyType, NftSocket, Place, Table, Verdict,
    port_and_source_not_in, port_in,
};
use crate::kernel::{Errno, Node, Outcome};
use crate::plan::{Applied, Drift, OwnerTag, Resource, network_hash};
use crate::spec::{Attachment, IfName, MacAddr, NetworkName};

/// Ours; `nft list table bridge trestle` shows all of it.
const TABLE: Table = Table { family: Family::Bridge, name: "trestle" };
const CHAIN: &str = "prerouting";
/// `NF_BR_PRE_ROUTING`, `NF_BR_PRI_NAT_DST_BRIDGED`: before the bridge learns from the frame.
const HOOK: Hook = Hook { kind: "filter", number: 0, name: "prerouting", priority: -300 };
const PORTS: &str = "ports";
const ALLOWED: &str = "allowed";
const SETS: [Set<'static>; 2] = [
    Set { name: PORTS, kind: KeyType::Port, comment: "ports that are checked" },
    Set { name: ALLOWED, kind: KeyType::PortMac, comment: "what may come in by them" },
];

/// One port of a bridge by which only one source address may come in.
#[derive(Clone, Debug)]
pub struct SpoofCheck {
    /// Whose port it is.
    pub tag: OwnerTag,
    /// The network.
    pub network: NetworkName,
    /// The node's end of the veth pair.
    pub port: IfName,
    /// The address of the pod's end.
    pub mac: MacAddr,
    /// For a person.
    pub attachment: Attachment,
    /// This call made the sets and the rule, so its rollback takes them away again.
    made_layout: Cell<bool>,
}

impl SpoofCheck {
    /// How our own rules differ.
    fn drift(&self, node: &mut Node) -> Outcome<Option<Drift>> {
        let exprs = exprs();
        let nft = node.nft()?;
        if let Some(drift) = layout(&exprs).drift(nft)? {
            return Ok(Some(drift));
        }
        let (port, allowed) = self.keys();
        let [in_ports, in_allowed] = elements(nft, &port, &allowed)?;
        Ok(match (in_ports, in_allowed) {
            (None, _) => Some(format!("{port} is not in nftables set {TABLE} {PORTS}")),
            (_, None) => Some(format!("{allowed} is not in nftables set {TABLE} {ALLOWED}")),
            (Some(element), _) | (_, Some(element)) if owner(&element) != Some(self.tag) => {
                let comment = element.comment.unwrap_or_default();
                Some(format!("{port} in nftables table {TABLE} is another's: {comment:?}"))
            }
            _ if self.allowed_now(nft)?.len() > 1 => {
                Some(format!("{port} may send from more than {}: nftables set {TABLE} {ALLOWED}", self.mac))
            }
            _ => None,
        }
        .map(Drift))
    }
}

impl fmt::Display for SpoofCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host spoof-check {} mac {}", self.port, self.mac)
    }
}

impl Resource for SpoofCheck {
    fn apply(&self, node: &mut Node) -> Outcome<Applied> {
        let (applied, made_layout) = self.add(node.nft()?, &layout(&exprs()))?;
        self.made_layout.set(made_layout);
        Ok(applied)
    }

    fn check(&self, node: &mut Node) -> Outcome<Option<Drift>> {
        let drift = self.drift(node)?;
        if drift.is_some() && reference_rules::checks_spoofing(node, &self.attachment)? {
            return Ok(None);
        }
        Ok(drift)
    }

    fn remove(&self, node: &mut Node) -> Outcome<()> {
        let Some(nft) = socket_if_any(node)? else { return Ok(()) };
        self.delete(nft)?;
        if self.made_layout.get() { layout(&exprs()).withdraw(nft) } else { Ok(()) }
    }
}

/// `iifname @ports iifname . ether saddr != @allowed drop`
fn exprs() -> Vec<Expr> {
    let mut exprs = port_in(PORTS).to_vec();
    exprs.extend(port_and_source_not_in(ALLOWED));
    exprs.push(Expr::Verdict(Verdict::Drop));
    exprs
}

fn layout(exprs: &[Expr]) -> Layout<'_> {
    Layout {
        table: TABLE,
        chain: CHAIN,
        hook: HOOK,
        sets: &SETS,
        exprs,
        comment: "frames from a checked port with an address that is not its own",
        rule_name: "spoof check rule",
        // A chain and two sets; the rule.
        adds_up: |objects, rules| objects == 3 && rules == 1,
    }
}

impl SpoofCheck {
    /// The one address that may send by a port.
    pub fn new(
        tag: OwnerTag,
        network: NetworkName,
        port: IfName,
        mac: MacAddr,
        attachment: Attachment,
    ) -> Self {
        SpoofCheck { tag, network, port, mac, attachment, made_layout: Cell::new(false) }
    }

    fn keys(&self) -> (Key, Key) {
        (Key::Port(self.port.clone()), Key::PortMac(self.port.clone(), self.mac))
    }

    /// Owner tag, network, and for a person the attachment.
    fn comment(&self) -> String {
        let Attachment { container_id, ifname } = &self.attachment;
        format!("{} {} {container_id}/{ifname}", self.tag, network_hash(&self.network))
    }

    /// What may come in by the port now: a list of all ports is read.
    fn allowed_now(&self, nft: &mut NftSocket) -> Outcome<Vec<Element>> {
        let mut elements = nft.elements(TABLE, ALLOWED, KeyType::PortMac)?;
        elements.retain(|e| matches!(&e.key, Key::PortMac(port, _) if *port == self.port));
        elements.sort_by(|a, b| a.key.cmp(&b.key));
        elements.dedup_by(|a, b| a.key == b.key);
        Ok(elements)
    }

    /// Looks before it changes anything: a transaction that the kernel refuses costs 10 ms.
    /// Tells also whether the layout was made.
    fn add(&self, nft: &mut NftSocket, layout: &Layout<'_>) -> Outcome<(Applied, bool)> {
        let (port, allowed) = self.keys();
        let comment = &self.comment();
        let adds = [
            Change::AddElement { table: TABLE, set: PORTS, key: &port, comment },
            Change::AddElement { table: TABLE, set: ALLOWED, key: &allowed, comment },
        ];
        let mut made = false;
        for _ in 0..TRIES {
            let (whole, found) = layout.look(nft, places(&port, &allowed))?;
            let none = found.iter().all(Option::is_none);
            if !whole {
                match layout.ensure(nft, if none { &adds } else { &[] }) {
                    Ok(Ensured::Made) if none => return Ok((Applied::Created, true)),
                    Ok(ensured) => made |= ensured == Ensured::Made,
                    // The elements came meanwhile.
                    Err(error) if error.errno == Errno::EEXIST && error.hint.is_none() => continue,
                    Err(error) => return Err(error),
                }
            }
            if found.iter().all(|element| element.as_ref().and_then(owner) == Some(self.tag)) {
                return Ok((Applied::Unchanged, made));
            }
            if self.replace(nft, found.iter().flatten().next(), &adds)? {
                return Ok((Applied::Created, made));
            }
        }
        Err(no_agreement(TABLE, PORTS, &port))
    }

    /// Adds the elements; first clears what an earlier owner of the port, or an earlier address, left.
    fn replace(&self, nft: &mut NftSocket, old: Option<&Element>, adds: &[Change<'_>]) -> Outcome<bool> {
        let (table, port) = (TABLE, Key::Port(self.port.clone()));
        let mut changes = Vec::new();
        let in_allowed;
        if old.is_some() {
            if nft.element(TABLE, PORTS, KeyType::Port, &port)?.is_some() {
                changes.push(Change::DeleteElement { table, set: PORTS, key: &port });
            }
            in_allowed = self.allowed_now(nft)?;
            let stale = in_allowed.iter();
            changes.extend(stale.map(|e| Change::DeleteElement { table, set: ALLOWED, key: &e.key }));
        }
        changes.extend_from_slice(adds);
        match nft.commit(&changes) {
            Ok(()) => {
                if let Some(old) = old {
                    let left_by = old.comment.as_deref().unwrap_or_default();
                    tracing::warn!(%port, left_by, "stale spoof check of a port replaced");
                }
                Ok(true)
            }
            Err(error) if is_race(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn delete(&self, nft: &mut NftSocket) -> Outcome<()> {
        let (port, allowed) = self.keys();
        let ours = |element: &Element| owner(element) == Some(self.tag);
        for _ in 0..TRIES {
            let [in_ports, in_allowed] = elements(nft, &port, &allowed)?;
            let found: Vec<_> = [(PORTS, KeyType::Port, in_ports), (ALLOWED, KeyType::PortMac, in_allowed)]
                .into_iter()
                .filter_map(|(set, kind, element)| Some((set, kind, element.filter(ours)?)))
                .collect();
            if found.is_empty() {
                return Ok(());
            }
            match delete(nft, TABLE, &found, &ours) {
                Ok(_) => return Ok(()),
                Err((_, error)) if error.errno == Errno::ENOENT => {}
                Err((_, error)) => return Err(error),
            }
        }
        Err(no_agreement(TABLE, PORTS, &port))
    }
}

fn places<'a>(port: &'a Key, allowed: &'a Key) -> [Place<'a>; 2] {
    [(PORTS, port, KeyType::Port), (ALLOWED, allowed, KeyType::PortMac)]
}

fn elements(nft: &mut NftSocket, port: &Key, allowed: &Key) -> Outcome<[Option<Element>; 2]> {
    nft.look(TABLE, CHAIN, PORTS, places(port, allowed)).map(|look| look.elements)
}

/// Removes the spoof checks of an attachment, when port and address are not known; returns how many.
///
/// # Errors
/// The kernel's refusal; nothing there is none.
pub fn remove_all(node: &mut Node, tag: &OwnerTag) -> Outcome<usize> {
    remove_where(node, &|element| owner(element) == Some(*tag))
}

/// Removes the spoof checks of a network that are not to be kept; returns how many.
///
/// # Errors
/// The kernel's refusal; nothing there is none.
pub fn sweep(node: &mut Node, network: &NetworkName, keep: &dyn Fn(&OwnerTag) -> bool) -> Outcome<usize> {
    let mark = network_hash(network);
    remove_where(node, &|element| {
        let of_network = element.comment.as_deref().and_then(|c| c.split(' ').nth(1)) == Some(&mark);
        of_network && owner(element).is_some_and(|owner| !keep(&owner))
    })
}

fn remove_where(node: &mut Node, doomed: &dyn Fn(&Element) -> bool) -> Outcome<usize> {
    let Some(nft) = socket_if_any(node)? else { return Ok(0) };
    // Nothing to list on the many nodes that never had one.
    if nft.table_and_chain(TABLE, CHAIN)?.0.is_none() {
        return Ok(0);
    }
    let sets = [(PORTS, KeyType::Port), (ALLOWED, KeyType::PortMac)];
    // A port and its address are one.
    delete_where(nft, TABLE, &sets, doomed).map(|elements| elements.div_ceil(2))
}
