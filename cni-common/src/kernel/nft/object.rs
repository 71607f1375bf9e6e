//! What nf_tables holds, as plain values.

use std::fmt;

use super::userdata::c_string;
use super::{Expr, Key, KeyType, MetaKey};
use crate::spec::IfName;

/// linux/netfilter.h `NF_ACCEPT`
pub(super) const ACCEPT: u32 = 1;

/// The packets that a table sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4 and IPv6.
    Inet,
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// Frames on a bridge.
    Bridge,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::Inet => "inet",
            Family::Ip => "ip",
            Family::Ip6 => "ip6",
            Family::Bridge => "bridge",
        })
    }
}

/// The name of a table. The tables this project touches are known beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its packets.
    pub family: Family,
    /// Its name.
    pub name: &'static str,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.family, self.name)
    }
}

/// What the kernel says about a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableState {
    /// Its chains do nothing (`NFT_TABLE_F_DORMANT`).
    pub dormant: bool,
    /// How many chains, sets and other objects it has (`NFTA_TABLE_USE`).
    pub uses: u32,
}

/// Where packets enter a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hook {
    /// `nat` or `filter`.
    pub kind: &'static str,
    /// Its number and name: linux/netfilter.h `NF_INET_...`; those of a bridge are the same.
    pub number: u32,
    /// The name that `nft` gives it.
    pub name: &'static str,
    /// Place among the chains of the same hook, lowest first.
    pub priority: i32,
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "type {} hook {} priority {}", self.kind, self.name, self.priority)
    }
}

/// What the kernel says about a chain.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ChainState {
    /// `filter`, `nat`, `route`; none when it is not a base chain.
    pub kind: Option<String>,
    /// Its hook's number.
    pub hook: Option<u32>,
    /// Its place in the hook.
    pub priority: Option<i32>,
    /// What happens at its end, of base chains: `NF_ACCEPT` or `NF_DROP`.
    pub policy: Option<u32>,
    /// How many rules it has, and jumps lead to it (`NFTA_CHAIN_USE`).
    pub uses: u32,
}

impl ChainState {
    /// Packets enter it at this hook, and leave it at its end.
    pub fn is_at(&self, hook: &Hook) -> bool {
        self.kind.as_deref() == Some(hook.kind)
            && self.hook == Some(hook.number)
            && self.priority == Some(hook.priority)
            && self.policy.is_none_or(|policy| policy == ACCEPT)
    }
}

/// A rule of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The number by which it can be deleted.
    pub handle: u64,
    /// What it does.
    pub exprs: Vec<Expr>,
    /// What its maker said of it.
    pub comment: Option<String>,
}

impl Rule {
    /// It sends packets to this chain.
    pub fn leads_to(&self, chain: &str) -> bool {
        self.targets().any(|target| target == chain)
    }

    /// The chains that it jumps to.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.exprs.iter().filter_map(Expr::target)
    }

    /// The interface by which a packet must come in, if the rule begins with that.
    pub fn port(&self) -> Option<IfName> {
        match self.exprs.as_slice() {
            [Expr::Meta { key: MetaKey::IIFNAME, to }, Expr::Compare { from, value, negated: false }, ..]
                if to == from =>
            {
                IfName::parse(&c_string(value)?).ok()
            }
            _ => None,
        }
    }

    /// It asks whether something is in this set.
    pub fn looks_in(&self, set: &str) -> bool {
        self.exprs.iter().any(|expr| matches!(expr, Expr::Lookup { set: name, .. } if name == set))
    }
}

/// An element of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// What is in the set.
    pub key: Key,
    /// What its maker said of it.
    pub comment: Option<String>,
}

/// What was found at one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look<const N: usize> {
    /// The table.
    pub table: Option<TableState>,
    /// The chain.
    pub chain: Option<ChainState>,
    /// What the set holds, if it is something of ours.
    pub set: Option<KeyType>,
    /// The elements.
    pub elements: [Option<Element>; N],
}

/// A set and one of its elements, to be asked for.
pub type Place<'a> = (&'a str, &'a Key, KeyType);
