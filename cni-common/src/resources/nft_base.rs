//! What the nf_tables resources share: a table of ours with one base chain, named sets, and one rule that
//! looks in them; and elements that carry the owner tag in their comment.

#[cfg(test)]
pub(super) mod testing;

use crate::kernel::nft::{Change, Element, Expr, Hook, Key, KeyType, NftSocket, Place, Rule, Table};
use crate::kernel::{Errno, KernelError, Outcome};
use crate::plan::{Drift, OwnerTag};

/// How often a transaction that lost against another is tried again. Every loss is somebody's success, so
/// this is far above any number of plugins that run at once.
pub(super) const TRIES: usize = 1000;
/// Elements deleted by one transaction: it must fit in the socket's send buffer (208 KiB).
const CHUNK: usize = 500;
/// So many deleted elements may be told back; the answers must fit in the receive buffer.
const TOLD: usize = 32;
const OWNER: &str = "pods of Trestle (CNI plugins); kept up by them";

/// A set of the layout.
pub(super) struct Set<'a> {
    pub name: &'a str,
    pub kind: KeyType,
    pub comment: &'a str,
}

/// What must be there before an element means something.
pub(super) struct Layout<'a> {
    pub table: Table,
    pub chain: &'static str,
    pub hook: Hook,
    pub sets: &'a [Set<'a>],
    pub exprs: &'a [Expr],
    pub comment: &'a str,
    /// How drift calls the rule.
    pub rule_name: &'static str,
    /// Whether these numbers of objects in the table and of rules in the chain are those of a whole
    /// layout: the kernel tells them in one question, however many sets and rules there are.
    pub adds_up: fn(objects: u32, rules: u32) -> bool,
}

/// What [`Layout::ensure`] did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ensured {
    /// Something was missing; it was made, and with it the elements.
    Made,
    /// Nothing was missing, and nothing was done.
    WasThere,
}

impl Layout<'_> {
    /// A quick look, in constant time, at the layout and at elements of it. Nothing can be missing if the
    /// numbers add up; if they do not, that only asks for a closer look.
    pub fn look<const N: usize>(
        &self,
        nft: &mut NftSocket,
        places: [Place<'_>; N],
    ) -> Outcome<(bool, [Option<Element>; N])> {
        let Some(set) = self.sets.first() else { return Ok((false, [const { None }; N])) };
        let look = nft.look(self.table, self.chain, set.name, places)?;
        let whole = match (look.table, look.chain) {
            (Some(table), Some(chain)) => {
                look.set == Some(set.kind)
                    && !table.dormant
                    && chain.is_at(&self.hook)
                    && (self.adds_up)(table.uses, chain.uses)
            }
            _ => false,
        };
        Ok((whole, look.elements))
    }

    /// Makes what is missing, and with it `elements`, in one transaction that holds only if nobody else
    /// changed anything since it was found missing. So of a hundred plugins that come at once, one makes
    /// it, and the others find it there. (Losing costs little: the kernel looks at the generation first. To
    /// try and be refused would cost 10 ms, for it waits for all readers before it gives up a transaction.)
    pub fn ensure(&self, nft: &mut NftSocket, elements: &[Change<'_>]) -> Outcome<Ensured> {
        for _ in 0..TRIES {
            let generation = nft.generation()?;
            let mut changes = self.missing(nft)?;
            if changes.is_empty() {
                return Ok(Ensured::WasThere);
            }
            changes.extend_from_slice(elements);
            match nft.commit_at(generation, &changes) {
                Ok(()) => return Ok(Ensured::Made),
                Err(error) if error.errno == Errno::ERESTART => {}
                Err(error) => return Err(error),
            }
        }
        Err(KernelError::new(format!("nft layout of table {}", self.table), Errno::ERESTART))
    }

    /// Takes the layout away again, and with the last one the table: for the rollback of the ADD that made
    /// it. If an element is in it, or anything changed since it was seen, somebody has come to use it.
    pub fn withdraw(&self, nft: &mut NftSocket) -> Outcome<()> {
        let (table, chain) = (self.table, self.chain);
        let generation = nft.generation()?;
        for set in self.sets {
            if !nft.elements(table, set.name, set.kind)?.is_empty() {
                return Ok(());
            }
        }
        let is_ours = |name: &str| self.sets.iter().any(|set| set.name == name);
        let changes = if nft.sets(table)?.iter().all(|(name, _)| is_ours(name)) {
            vec![Change::DeleteTable { table }]
        } else {
            let rules = nft.rules(table, chain)?;
            let about = rules.iter().filter(|rule| self.is_about(rule));
            let rules = about.map(|rule| Change::DeleteRule { table, chain, handle: rule.handle });
            rules.chain(self.sets.iter().map(|set| Change::DeleteSet { table, set: set.name })).collect()
        };
        match nft.commit_at(generation, &changes) {
            Err(error) if !matches!(error.errno, Errno::ERESTART | Errno::EBUSY | Errno::ENOENT) => {
                Err(error)
            }
            _ => Ok(()),
        }
    }

    fn missing(&self, nft: &mut NftSocket) -> Outcome<Vec<Change<'_>>> {
        let (table, chain_name) = (self.table, self.chain);
        let (state, chain) = nft.table_and_chain(table, chain_name)?;
        let mut changes = Vec::new();
        if state.is_none_or(|state| state.dormant) {
            changes.push(Change::AddTable { table, comment: OWNER });
        }
        match &chain {
            Some(chain) if !chain.is_at(&self.hook) => return Err(self.wrong_chain()),
            Some(_) => {}
            None => changes.push(Change::AddChain { table, chain: chain_name, hook: Some(self.hook) }),
        }
        let mut missing_sets = 0;
        for set in self.sets {
            if !nft.has_set(table, set.name, set.kind)? {
                let Set { name, kind, comment } = *set;
                changes.push(Change::AddSet { table, set: name, kind, comment });
                missing_sets += 1;
            }
        }
        // No rule can look in a set that is not there: a new network costs the same, however many there are.
        let rules = if chain.is_some() && missing_sets < self.sets.len() {
            nft.rules(table, chain_name)?
        } else {
            Vec::new()
        };
        let mut found = false;
        for rule in rules.iter().filter(|rule| self.is_about(rule)) {
            if rule.exprs == self.exprs && !found {
                found = true;
            } else {
                // A second one, or one from another time: written by hand, or by another version.
                changes.push(Change::DeleteRule { table, chain: chain_name, handle: rule.handle });
            }
        }
        if !found {
            let (exprs, comment) = (self.exprs, self.comment);
            changes.push(Change::AddRule { table, chain: chain_name, exprs, comment });
        }
        Ok(changes)
    }

    fn is_about(&self, rule: &Rule) -> bool {
        self.sets.iter().any(|set| rule.looks_in(set.name))
    }

    fn wrong_chain(&self) -> KernelError {
        let Layout { table, chain, hook, .. } = self;
        KernelError {
            hint: Some(format!("it is not {hook}; delete the table: nft delete table {table}")),
            ..KernelError::new(format!("nft chain {table} {chain}"), Errno::EEXIST)
        }
    }

    /// What is missing, exactly; a list of the chain's rules is read.
    pub fn drift(&self, nft: &mut NftSocket) -> Outcome<Option<Drift>> {
        let Layout { table, chain, hook, .. } = self;
        let (state, found) = nft.table_and_chain(*table, chain)?;
        let drift = |text: String| Ok(Some(Drift(text)));
        match (state, found) {
            (None, _) => return drift(format!("nftables table {table} is missing")),
            (Some(state), _) if state.dormant => {
                return drift(format!("nftables table {table} is dormant"));
            }
            (_, None) => return drift(format!("nftables chain {table} {chain} is missing")),
            (_, Some(found)) if !found.is_at(hook) => {
                return drift(format!("nftables chain {table} {chain} is not {hook}"));
            }
            _ => {}
        }
        for set in self.sets {
            if !nft.has_set(*table, set.name, set.kind)? {
                return drift(format!("nftables set {table} {} is missing", set.name));
            }
        }
        if !nft.has_rule(*table, chain, self.exprs)? {
            return drift(format!("the {} in nftables chain {table} {chain} is missing", self.rule_name));
        }
        Ok(None)
    }
}

/// Somebody else changed the elements between a look and a transaction, or (EBUSY) the hash table of a set
/// is just being rebuilt (lib/rhashtable.c, `rhashtable_insert_rehash`): look again.
pub(super) fn is_race(error: &KernelError) -> bool {
    matches!(error.errno, Errno::ENOENT | Errno::EEXIST | Errno::EBUSY)
}

/// The owner tag that an element's comment begins with.
pub(super) fn owner(element: &Element) -> Option<OwnerTag> {
    OwnerTag::parse(element.comment.as_deref()?.split(' ').next()?)
}

/// Deletes all elements of these sets that are `doomed`; returns how many. What others delete meanwhile
/// is fine.
pub(super) fn delete_where(
    nft: &mut NftSocket,
    table: Table,
    sets: &[(&str, KeyType)],
    doomed: &dyn Fn(&Element) -> bool,
) -> Outcome<usize> {
    let mut deleted = 0;
    for _ in 0..TRIES {
        let mut elements = Vec::new();
        for (set, kind) in sets {
            let mut list: Vec<_> =
                nft.elements(table, set, *kind)?.into_iter().filter(|e| doomed(e)).collect();
            list.sort_by(|a, b| a.key.cmp(&b.key));
            list.dedup_by(|a, b| a.key == b.key);
            elements.extend(list.into_iter().map(|element| (*set, *kind, element)));
        }
        match delete(nft, table, &elements, doomed) {
            Ok(count) => return Ok(deleted + count),
            // Somebody else deleted one of them first; the chunks before it are gone.
            Err((count, error)) if error.errno == Errno::ENOENT => deleted += count,
            Err((_, error)) => return Err(error),
        }
    }
    Err(KernelError::new(format!("nft delete elements of table {table}"), Errno::ENOENT))
}

/// Deletes elements that were read before. The kernel deletes by key alone: where there are few, what it
/// deleted is looked at, and what had become another's meanwhile is put back.
pub(super) fn delete(
    nft: &mut NftSocket,
    table: Table,
    elements: &[(&str, KeyType, Element)],
    doomed: &dyn Fn(&Element) -> bool,
) -> Result<usize, (usize, KernelError)> {
    if elements.len() > TOLD {
        let mut done = 0;
        for chunk in elements.chunks(CHUNK) {
            let changes: Vec<_> = chunk
                .iter()
                .map(|(set, _, element)| Change::DeleteElement { table, set, key: &element.key })
                .collect();
            nft.commit(&changes).map_err(|error| (done, error))?;
            done += chunk.len();
        }
        return Ok(done);
    }
    let places: Vec<_> = elements.iter().map(|(set, kind, element)| (*set, &element.key, *kind)).collect();
    let told = nft.delete_elements(table, &places).map_err(|error| (0, error))?;
    let wrong: Vec<_> = told.iter().filter(|(_, element)| !doomed(element)).collect();
    for (set, element) in &wrong {
        put_back(nft, table, set, element).map_err(|error| (0, error))?;
    }
    Ok(told.len().saturating_sub(wrong.len()))
}

fn put_back(nft: &mut NftSocket, table: Table, set: &str, element: &Element) -> Outcome<()> {
    let comment = element.comment.as_deref().unwrap_or_default();
    tracing::warn!(set, key = %element.key, comment, "element had changed hands while it was deleted: put back");
    match nft.commit(&[Change::AddElement { table, set, key: &element.key, comment }]) {
        // Its owner was quicker.
        Err(error) if error.errno == Errno::EEXIST => Ok(()),
        result => result,
    }
}

/// The nf_tables socket for a removal; `None` when the kernel has no nfnetlink, so nothing can be there.
pub(super) fn socket_if_any(node: &mut crate::kernel::Node) -> Outcome<Option<&mut NftSocket>> {
    match node.nft() {
        Ok(nft) => Ok(Some(nft)),
        Err(error) if error.errno == Errno::EPROTONOSUPPORT => Ok(None),
        Err(error) => Err(error),
    }
}

/// `what: key`, for elements that cannot be agreed on.
pub(super) fn no_agreement(table: Table, set: &str, key: &Key) -> KernelError {
    KernelError {
        hint: Some("it keeps changing".into()),
        ..KernelError::new(format!("nft element {table} {set} {{ {key} }}"), Errno::EBUSY)
    }
}
