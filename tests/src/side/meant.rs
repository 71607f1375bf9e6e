//! Differences that are meant, whatever the case.

use std::fmt;

use regex_lite::Regex;

/// Whether the user gains by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    ForTheUser,
    Neither,
}

impl fmt::Display for Better {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Better::ForTheUser => "better",
            Better::Neither => "neither",
        })
    }
}

/// A pattern over the text of a change (`- 03 host: fact` for the reference's, `+` for ours).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meant {
    pub pattern: &'static str,
    pub reason: &'static str,
    pub better: Better,
}

impl Meant {
    pub fn matches(&self, change: &str) -> bool {
        Regex::new(self.pattern).unwrap_or_else(|e| panic!("{}: {e}", self.pattern)).is_match(change)
    }
}

const fn better(pattern: &'static str, reason: &'static str) -> Meant {
    Meant { pattern, reason, better: Better::ForTheUser }
}

const fn neither(pattern: &'static str, reason: &'static str) -> Meant {
    Meant { pattern, reason, better: Better::Neither }
}

/// Looked through in order; the first that matches counts.
pub const EVERYWHERE: &[Meant] = &[
    better(r"^[-+] \d\d [A-Z]+ ?\w*: error ", "an error has the specification's code, names key, value and remedy, and has details"),
    better(
        r"^[-+] \d\d host: (iptables-nft|ip6tables-nft) nat |^[-+] \d\d host: nft (table|chain) ip6? nat ",
        "masquerade is a set in the table inet trestle unless iptables is asked for: no program is run",
    ),
    better(r"^\+ \d\d host: nft \w+( inet trestle)? ", "the table inet trestle, one element per address"),
    better(r"^\+ \d\d pod \w+: address eth\d .* nodad ", "no wait for duplicate address detection, by flag, without changing sysctls"),
    neither(r"^- \d\d pod \w+: address eth\d [0-9a-f:]+/\d+ preferred", "the same address without the flag nodad"),
];
