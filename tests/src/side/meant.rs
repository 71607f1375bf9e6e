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
    /// Depends on chance, so that not seeing it proves nothing.
    pub sometimes: bool,
}

impl Meant {
    pub fn matches(&self, change: &str) -> bool {
        Regex::new(self.pattern).unwrap_or_else(|e| panic!("{}: {e}", self.pattern)).is_match(change)
    }
}

const fn better(pattern: &'static str, reason: &'static str) -> Meant {
    Meant { pattern, reason, better: Better::ForTheUser, sometimes: false }
}

const fn neither(pattern: &'static str, reason: &'static str) -> Meant {
    Meant { pattern, reason, better: Better::Neither, sometimes: false }
}

/// Looked through in order; the first that matches counts.
pub const EVERYWHERE: &[Meant] = &[
    better(
        r"^[-+] \d\d [A-Z]+ ?\w*: error ",
        "an error has the specification's code, names key, value and remedy, and has details",
    ),
    // Rules.
    better(
        r"^- \d\d host: ((iptables|ip6tables)-nft nat |nft (table|chain) ip6? nat |nft \w+ inet cni_plugins_masquerade )",
        "masquerade is one element in a set of the table inet trestle: no program is run, whatever the number of pods",
    ),
    better(r"^\+ \d\d host: nft (element \S+|\w+ inet trestle) ", "the same: the table inet trestle"),
    better(
        r"^- \d\d host: nft \w+ bridge nat ",
        "the spoof check is one element in a set: no program is run",
    ),
    better(r"^\+ \d\d host: nft \w+ bridge trestle ", "the same: the table bridge trestle"),
    // IPv6.
    better(
        r"^\+ \d\d (pod \w+|host): address (eth\d|cni0) [0-9a-f:]+/\d+ .*nodad",
        "no wait for duplicate address detection, by the address's flag",
    ),
    neither(
        r"^- \d\d (pod \w+|host): address (eth\d|cni0) [0-9a-f:]+/\d+ scope global valid",
        "the same address without the flag nodad",
    ),
    neither(
        r"^[-+] \d\d pod \w+: sysctl net/ipv6/conf/eth\d/accept_dad ",
        "not switched off for the whole link: the addresses have the flag nodad",
    ),
    better(
        r"^[-+] \d\d host: sysctl net/ipv6/conf/(cni\d|bridge\d+)/accept_dad ",
        "the bridge's link-local address is usable at once: from it the node asks for pods that others send to",
    ),
    better(
        r"^[-+] \d\d host: (link <veth\d+> inet6_addr_gen_mode|sysctl net/ipv6/conf/<veth\d+>/(addr_gen_mode|accept_ra)) ",
        "a port of a bridge has no IPv6 address of its own, so nothing to advertise and no router to accept",
    ),
    better(
        r"^[-+] \d\d pod \w+: sysctl net/(ipv6/conf/eth\d/ndisc_notify|ipv4/conf/eth\d/arp_notify) ",
        "plugins#858: a new address is announced, so that neighbours forget the old one's MAC",
    ),
    // Links.
    better(
        r"^\+ \d\d host: link <veth\d+> ifalias trestle ",
        "`ip link` says whose link it is; GC and DEL find it without namespace or result",
    ),
    neither(
        r"^\+ \d\d host: link <veth\d+> txqlen 1000",
        "the kernel's default length; a veth without queueing discipline uses none",
    ),
    // Files.
    neither(
        r"^[-+] \d\d files: file \S+/lock ",
        "mode 0600 like every file beside it; nobody executes a lock",
    ),
    better(
        r"^\+ \d\d files: file \S+/\.index 600 binary",
        "an index of the leases: no verb reads all of them",
    ),
];
