//! nf_tables over netlink; no program is run.
//!
//! Reading is by name, one object at a time, and needs no privilege beyond that of the namespace; a list
//! is asked for only where said. What is not there is `None` or an empty list, also when the kernel has no
//! nf_tables at all. Writing is by [transactions](NftSocket::commit).

mod answer;
mod change;
mod commit;
mod decode;
mod explain;
mod expr;
mod key;
mod matching;
mod message;
mod object;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod userdata;

use netlink_packet_netfilter::NetfilterMessage;
use nix::errno::Errno;

use super::netlink::Connection;
use super::{KernelError, Outcome};

pub use change::Change;
pub use expr::{Base, Expr, MetaKey, Reg, Verdict};
pub use key::{Key, KeyType};
pub use matching::{destination_outside, family_of, port_and_source_not_in, port_in, source_in};
pub use object::{ChainState, Element, Family, Hook, Rule, Table, TableState};

/// linux/netlink.h
const NETLINK_NETFILTER: isize = 12;

/// A socket to nf_tables in the node's namespace.
///
/// Closing it after something was deleted waits until the kernel has freed it (14 to 30 ms, RCU), and
/// other transactions of the namespace wait meanwhile. So it is opened once, and closed at the end.
pub struct NftSocket {
    connection: Connection,
}

impl std::fmt::Debug for NftSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NftSocket")
    }
}

/// A set and one of its elements, to be asked for.
pub type Place<'a> = (&'a str, &'a Key, KeyType);

impl NftSocket {
    /// # Errors
    /// EPROTONOSUPPORT when the kernel has no nfnetlink.
    pub fn open() -> Outcome<Self> {
        let hint = |error: KernelError| match error.errno {
            Errno::EPROTONOSUPPORT => KernelError {
                hint: Some(
                    "the kernel has no nfnetlink: CONFIG_NETFILTER_NETLINK and CONFIG_NF_TABLES".into(),
                ),
                ..error.asked("open netfilter socket")
            },
            _ => error,
        };
        Ok(NftSocket { connection: Connection::open(NETLINK_NETFILTER).map_err(hint)? })
    }

    /// A number that every transaction in the namespace changes.
    ///
    /// # Errors
    /// EINVAL when the kernel has no nf_tables.
    pub fn generation(&mut self) -> Outcome<u32> {
        let [answer] = self.connection.ask([message::get_generation()])?;
        let missing = || KernelError::new("nft generation", Errno::EBADMSG);
        answer.map_err(|e| e.asked("nft generation"))?.and_then(answer::generation).ok_or_else(missing)
    }

    /// # Errors
    /// When the kernel could not be asked.
    pub fn table(&mut self, table: Table) -> Outcome<Option<TableState>> {
        let [answer] = self.connection.ask([message::get_table(table)])?;
        found(answer, || format!("nft list table {table}"), answer::table)
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
        let [second, first] =
            self.connection.ask([message::get_chain(table, chain), message::get_table(table)])?;
        Ok((
            found(first, || format!("nft list table {table}"), answer::table)?,
            found(second, || format!("nft list chain {table} {chain}"), answer::chain)?,
        ))
    }

    /// Several chains, in one go.
    ///
    /// # Errors
    /// When the kernel could not be asked.
    pub fn chains<const N: usize>(&mut self, chains: [(Table, &str); N]) -> Outcome<[Option<ChainState>; N]> {
        let answers = self.connection.ask(chains.map(|(table, chain)| message::get_chain(table, chain)))?;
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
        let [answer] = self.connection.ask([message::get_set(table, set)])?;
        let found = found(answer, || format!("nft list set {table} {set}"), answer::set)?;
        Ok(found.is_some_and(|(_, found)| found == Some(kind)))
    }

    /// Elements by their keys, in one go.
    ///
    /// # Errors
    /// When the kernel could not be asked.
    pub fn elements_at<const N: usize>(
        &mut self,
        table: Table,
        places: [Place<'_>; N],
    ) -> Outcome<[Option<Element>; N]> {
        let questions = places.map(|(set, key, _)| message::get_elements(table, set, Some(key)));
        let answers = self.connection.ask(questions)?;
        let mut elements = [const { None }; N];
        for ((element, answer), (set, key, kind)) in elements.iter_mut().zip(answers).zip(places) {
            let what = || format!("nft get element {table} {set} {{ {key} }}");
            *element = found(answer, what, |m| answer::elements(m, kind).into_iter().next())?;
        }
        Ok(elements)
    }

    /// An element by its key.
    ///
    /// # Errors
    /// When the kernel could not be asked.
    pub fn element(&mut self, table: Table, set: &str, kind: KeyType, key: &Key) -> Outcome<Option<Element>> {
        self.elements_at(table, [(set, key, kind)]).map(|[element]| element)
    }

    /// All sets of a table that hold something of ours: a list.
    ///
    /// # Errors
    /// EINTR when it keeps changing while it is read.
    pub fn sets(&mut self, table: Table) -> Outcome<Vec<(String, KeyType)>> {
        let list = self.connection.dump(&message::get_sets(table));
        let list = listed(list, || format!("nft list sets {table}"))?;
        Ok(list.into_iter().filter_map(answer::set).filter_map(|(name, kind)| Some((name, kind?))).collect())
    }

    /// All elements of a set: a list, in which one may come twice when the set grows meanwhile.
    ///
    /// # Errors
    /// EINTR when it keeps changing while it is read.
    pub fn elements(&mut self, table: Table, set: &str, kind: KeyType) -> Outcome<Vec<Element>> {
        let list = self.connection.dump(&message::get_elements(table, set, None));
        let list = listed(list, || format!("nft list set {table} {set}"))?;
        Ok(list.into_iter().flat_map(|message| answer::elements(message, kind)).collect())
    }

    /// All rules of a chain: a list.
    ///
    /// # Errors
    /// EINTR when it keeps changing while it is read.
    pub fn rules(&mut self, table: Table, chain: &str) -> Outcome<Vec<Rule>> {
        let list = self.connection.dump(&message::get_rules(table, chain));
        let list = listed(list, || format!("nft list chain {table} {chain}"))?;
        Ok(list.into_iter().filter_map(answer::rule).collect())
    }

    /// Whether a chain has a rule that does this; a list, of which a torn one is good enough for a yes.
    ///
    /// # Errors
    /// EINTR when it keeps changing while it is read.
    pub fn has_rule(&mut self, table: Table, chain: &str, exprs: &[Expr]) -> Outcome<bool> {
        let is_it = |message: &NetfilterMessage| {
            answer::rule(message.clone()).is_some_and(|rule| rule.exprs == exprs)
        };
        let list =
            self.connection.dump_until(&message::get_rules(table, chain), |list| list.iter().any(is_it));
        Ok(listed(list, || format!("nft list chain {table} {chain}"))?.iter().any(is_it))
    }
}

/// Whether an answer means that the thing asked for is not there. nfnetlink says EINVAL (to a question) or
/// EOPNOTSUPP (to a transaction) when it has no nf_tables.
fn is_absent(error: &KernelError) -> bool {
    matches!(error.errno, Errno::ENOENT | Errno::EINVAL | Errno::EOPNOTSUPP | Errno::EAFNOSUPPORT)
}

fn found<T>(
    answer: Outcome<Option<NetfilterMessage>>,
    what: impl FnOnce() -> String,
    read: impl FnOnce(NetfilterMessage) -> Option<T>,
) -> Outcome<Option<T>> {
    match answer {
        Ok(message) => Ok(message.and_then(read)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error.asked(what())),
    }
}

fn listed<T>(list: Outcome<Vec<T>>, what: impl FnOnce() -> String) -> Outcome<Vec<T>> {
    match list {
        Err(error) if is_absent(&error) => Ok(Vec::new()),
        Err(error) => Err(error.asked(what())),
        list => list,
    }
}
