//! Reading: objects by name, and lists.

use netlink_packet_netfilter::NetfilterMessage;
use nix::errno::Errno;

use super::told::Told;
use super::{
    ChainState, Element, Expr, Key, KeyType, Look, NftSocket, Place, Rule, Table, TableState, answer, message,
};
use crate::kernel::{KernelError, Outcome};

/// A list that changed while it was read is read again, this often.
const LISTS: usize = 100;
/// So many elements fit in the smallest part that the kernel makes (`NLMSG_GOODSIZE`, less than 4 KiB), however long their
/// comments are.
const FEW: usize = 8;

impl NftSocket {
    /// A number that every transaction in the namespace changes.
    ///
    /// # Errors
    /// EINVAL when the kernel has no nf_tables.
    pub fn generation(&mut self) -> Outcome<u32> {
        let what = "nft generation";
        let told = self.ask_one(message::get_generation()).map_err(|error| match error.errno {
            Errno::EINVAL => KernelError {
                hint: Some("the kernel has no nf_tables: CONFIG_NF_TABLES".into()),
                ..error.asked(what)
            },
            _ => error.asked(what),
        })?;
        told.as_ref().and_then(answer::generation).ok_or_else(|| KernelError::new(what, Errno::EBADMSG))
    }

    /// A table, one of its chains, one of its sets, and elements of its sets: in one go.
    ///
    /// # Errors
    /// When the kernel could not be asked.
    pub fn look<const N: usize>(
        &mut self,
        table: Table,
        chain: &str,
        set: &str,
        places: [Place<'_>; N],
    ) -> Outcome<Look<N>> {
        let mut questions = vec![
            // In this order: a transaction in between, of which a part is seen, must not look whole.
            message::get_chain(table, chain),
            message::get_table(table),
            message::get_set(table, set),
        ];
        questions.extend(places.iter().map(|(set, key, _)| message::get_elements(table, set, Some(key))));
        let mut answers = self.connection.ask_all(questions)?.into_iter();
        let mut next = || answers.next().unwrap_or(Ok(None));
        let chain = found(next(), || format!("nft list chain {table} {chain}"), answer::chain)?;
        let state = found(next(), || format!("nft list table {table}"), answer::table)?;
        let set = found(next(), || format!("nft list set {table} {set}"), answer::set)?;
        let mut elements = [const { None }; N];
        for (element, (set, key, kind)) in elements.iter_mut().zip(places) {
            let what = || format!("nft get element {table} {set} {{ {key} }}");
            *element = found(next(), what, |told| answer::elements(told, kind).into_iter().next())?;
        }
        Ok(Look { table: state, chain, set: set.and_then(|(_, kind)| kind), elements })
    }

    /// A table and one of its chains, in one go.
    ///
    /// # Errors
    /// When the kernel could not be asked.
    pub fn table_and_chain(
        &mut self,
        table: Table,
        chain: &str,
    ) -> Outcome<(Option<TableState>, Option<ChainState>)> {
        let questions = vec![message::get_table(table), message::get_chain(table, chain)];
        let mut answers = self.connection.ask_all(questions)?.into_iter();
        let mut next = || answers.next().unwrap_or(Ok(None));
        Ok((
            found(next(), || format!("nft list table {table}"), answer::table)?,
            found(next(), || format!("nft list chain {table} {chain}"), answer::chain)?,
        ))
    }

    /// Several chains, in one go.
    ///
    /// # Errors
    /// When the kernel could not be asked.
    pub fn chains<const N: usize>(&mut self, chains: [(Table, &str); N]) -> Outcome<[Option<ChainState>; N]> {
        let questions = chains.iter().map(|(table, chain)| message::get_chain(*table, chain)).collect();
        let answers = self.connection.ask_all(questions)?;
        let mut states = [const { None }; N];
        for ((state, answer), (table, chain)) in states.iter_mut().zip(answers).zip(chains) {
            *state = found(answer, || format!("nft list chain {table} {chain}"), answer::chain)?;
        }
        Ok(states)
    }

    /// Whether a table has a set of this name and type.
    ///
    /// # Errors
    /// When the kernel could not be asked.
    pub fn has_set(&mut self, table: Table, set: &str, kind: KeyType) -> Outcome<bool> {
        let answer = self.ask_one(message::get_set(table, set));
        let found = found(answer, || format!("nft list set {table} {set}"), answer::set)?;
        Ok(found.is_some_and(|(_, found)| found == Some(kind)))
    }

    /// An element by its key.
    ///
    /// # Errors
    /// When the kernel could not be asked.
    pub fn element(&mut self, table: Table, set: &str, kind: KeyType, key: &Key) -> Outcome<Option<Element>> {
        let answer = self.ask_one(message::get_elements(table, set, Some(key)));
        let what = || format!("nft get element {table} {set} {{ {key} }}");
        found(answer, what, |told| answer::elements(told, kind).into_iter().next())
    }

    /// All sets of a table that hold something of ours: a list.
    ///
    /// # Errors
    /// EINTR when it keeps changing while it is read.
    pub fn sets(&mut self, table: Table) -> Outcome<Vec<(String, KeyType)>> {
        let list = self.list(&message::get_sets(table), || format!("nft list sets {table}"))?;
        Ok(list.iter().filter_map(answer::set).filter_map(|(name, kind)| Some((name, kind?))).collect())
    }

    /// All elements of a set: a list.
    ///
    /// The kernel hands it out in parts, and finds the next part by counting those that it has told
    /// (net/netfilter/nf_tables_api.c `nf_tables_dump_set`): when one of them goes meanwhile, or its hash table is made
    /// larger or smaller, some time after a change, others are left out without a word. So a list counts only if
    /// nothing was changed while it was read, and if it came a second time, unless it surely fits in one part.
    ///
    /// # Errors
    /// EINTR when it keeps changing while it is read.
    pub fn elements(&mut self, table: Table, set: &str, kind: KeyType) -> Outcome<Vec<Element>> {
        let what = || format!("nft list set {table} {set}");
        let mut generation = self.generation()?;
        let mut earlier = None;
        for _ in 0..LISTS {
            let told = self.list(&message::get_elements(table, set, None), what)?;
            let elements: Vec<_> = told.iter().flat_map(|told| answer::elements(told, kind)).collect();
            let before = std::mem::replace(&mut generation, self.generation()?);
            let unchanged = generation == before;
            if unchanged && (elements.len() <= FEW || earlier.as_ref() == Some(&elements)) {
                return Ok(elements);
            }
            earlier = unchanged.then_some(elements);
        }
        Err(KernelError::new(what(), Errno::EINTR))
    }

    /// All rules of a chain: a list.
    ///
    /// # Errors
    /// EINTR when it keeps changing while it is read.
    pub fn rules(&mut self, table: Table, chain: &str) -> Outcome<Vec<Rule>> {
        let list =
            self.list(&message::get_rules(table, chain), || format!("nft list chain {table} {chain}"))?;
        Ok(list.iter().filter_map(answer::rule).collect())
    }

    /// Whether a chain has a rule that does this; a list, of which a torn one is good enough for a yes.
    ///
    /// # Errors
    /// EINTR when it keeps changing while it is read.
    pub fn has_rule(&mut self, table: Table, chain: &str, exprs: &[Expr]) -> Outcome<bool> {
        let is_it = |told: &Told| answer::rule(told).is_some_and(|rule| rule.exprs == exprs);
        let has_it = |list: &[Told]| list.iter().any(is_it);
        let list = self.connection.dump_until(&message::get_rules(table, chain), has_it);
        Ok(has_it(&present(list, || format!("nft list chain {table} {chain}"))?))
    }

    fn ask_one(&mut self, question: NetfilterMessage) -> Outcome<Option<Told>> {
        self.connection.ask_all(vec![question])?.into_iter().next().unwrap_or(Ok(None))
    }

    fn list(&mut self, question: &NetfilterMessage, what: impl FnOnce() -> String) -> Outcome<Vec<Told>> {
        present(self.connection.dump_until(question, |_| false), what)
    }
}

/// Whether an answer means that the thing asked for is not there. nfnetlink says EINVAL (to a question) or
/// EOPNOTSUPP (to a transaction) when it has no nf_tables.
fn is_absent(error: &KernelError) -> bool {
    matches!(error.errno, Errno::ENOENT | Errno::EINVAL | Errno::EOPNOTSUPP | Errno::EAFNOSUPPORT)
}

fn found<T>(
    answer: Outcome<Option<Told>>,
    what: impl FnOnce() -> String,
    read: impl FnOnce(&Told) -> Option<T>,
) -> Outcome<Option<T>> {
    match answer {
        Ok(told) => Ok(told.as_ref().and_then(read)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error.asked(what())),
    }
}

fn present(list: Outcome<Vec<Told>>, what: impl FnOnce() -> String) -> Outcome<Vec<Told>> {
    match list {
        Err(error) if is_absent(&error) => Ok(Vec::new()),
        Err(error) => Err(error.asked(what())),
        list => list,
    }
}
