//! One step of a transaction.

use std::fmt;

use super::{Expr, Hook, Key, KeyType, Table};

/// One step of a transaction; its `Display` is the command of `nft` that does the same.
#[derive(Clone, Debug)]
pub enum Change<'a> {
    /// Makes a table, or wakes it if it is dormant.
    AddTable {
        /// Its name.
        table: Table,
        /// Whose it is.
        comment: &'a str,
    },
    /// Makes a chain, if it is not there.
    AddChain {
        /// Where.
        table: Table,
        /// Its name.
        chain: &'a str,
        /// Where packets enter it; none for one that only rules lead to.
        hook: Option<Hook>,
    },
    /// Makes a set. Refused with EEXIST when it is there.
    AddSet {
        /// Where.
        table: Table,
        /// Its name, at most 255 bytes.
        set: &'a str,
        /// What it holds.
        kind: KeyType,
        /// What it is for.
        comment: &'a str,
    },
    /// Puts a rule at the end of a chain.
    AddRule {
        /// Where.
        table: Table,
        /// Where.
        chain: &'a str,
        /// What it does.
        exprs: &'a [Expr],
        /// What it is for.
        comment: &'a str,
    },
    /// Puts an element into a set. Refused with EEXIST when it is there.
    AddElement {
        /// Where.
        table: Table,
        /// Where.
        set: &'a str,
        /// What.
        key: &'a Key,
        /// Whose it is.
        comment: &'a str,
    },
    /// Takes an element out of a set. Refused with ENOENT when it is not there.
    DeleteElement {
        /// Where.
        table: Table,
        /// Where.
        set: &'a str,
        /// What.
        key: &'a Key,
    },
    /// Takes a rule out of a chain.
    DeleteRule {
        /// Where.
        table: Table,
        /// Where.
        chain: &'a str,
        /// Its number.
        handle: u64,
    },
    /// Takes all rules out of a chain.
    FlushChain {
        /// Where.
        table: Table,
        /// Its name.
        chain: &'a str,
    },
    /// Deletes a chain with its rules. Refused with EBUSY when a rule leads to it.
    DeleteChain {
        /// Where.
        table: Table,
        /// Its name.
        chain: &'a str,
    },
    /// Deletes a table with all that is in it.
    DeleteTable {
        /// Which.
        table: Table,
    },
    /// Deletes a set with its elements. Refused with EBUSY when a rule looks in it.
    DeleteSet {
        /// Where.
        table: Table,
        /// Its name.
        set: &'a str,
    },
}

impl Change<'_> {
    /// Whether the kernel has something to free afterwards.
    pub(super) fn deletes(&self) -> bool {
        matches!(
            self,
            Change::DeleteElement { .. }
                | Change::DeleteRule { .. }
                | Change::DeleteChain { .. }
                | Change::DeleteTable { .. }
                | Change::DeleteSet { .. }
        )
    }
}

impl fmt::Display for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nft ")?;
        match self {
            Change::AddTable { table, .. } => write!(f, "add table {table}"),
            Change::AddChain { table, chain, hook: None } => write!(f, "add chain {table} {chain}"),
            Change::AddChain { table, chain, hook: Some(hook) } => {
                write!(f, "add chain {table} {chain} {{ {hook}; }}")
            }
            Change::AddSet { table, set, .. } => write!(f, "create set {table} {set}"),
            Change::AddRule { table, chain, comment, .. } => {
                write!(f, "add rule {table} {chain} comment \"{comment}\"")
            }
            Change::AddElement { table, set, key, .. } => {
                write!(f, "create element {table} {set} {{ {key} }}")
            }
            Change::DeleteElement { table, set, key } => {
                write!(f, "delete element {table} {set} {{ {key} }}")
            }
            Change::DeleteRule { table, chain, handle } => {
                write!(f, "delete rule {table} {chain} handle {handle}")
            }
            Change::FlushChain { table, chain } => write!(f, "flush chain {table} {chain}"),
            Change::DeleteChain { table, chain } => write!(f, "delete chain {table} {chain}"),
            Change::DeleteTable { table } => write!(f, "delete table {table}"),
            Change::DeleteSet { table, set } => write!(f, "delete set {table} {set}"),
        }
    }
}
