//! What the Go plugins (containernetworking/plugins) left in nf_tables, of pods that they made before the
//! node was switched over: masquerade rules, spoof checks, and the chains of iptables-nft.

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use sha2::{Digest, Sha512};

use super::nft_base::{TRIES, socket_if_any};
use crate::kernel::nft::{Change, Family, NftSocket, Rule, Table};
use crate::kernel::rtnl::RouteSocket;
use crate::kernel::{Errno, KernelError, Node, Outcome};
use crate::plan::Doomed;
use crate::spec::{Attachment, ContainerId, NetworkName};

/// pkg/ip/ipmasq_nftables_linux.go
const MASQUERADE: Table = Table { family: Family::Inet, name: "cni_plugins_masquerade" };
const MASQUERADE_CHAIN: &str = "masq_checks";
/// pkg/link/spoofcheck.go
const SPOOF: Table = Table { family: Family::Bridge, name: "nat" };
const SPOOF_BASE: &str = "PREROUTING";
const SPOOF_CHAIN: &str = "cni-br-iface-";
/// Of iptables-nft; pkg/ip/ipmasq_iptables_linux.go
const NAT: [Table; 2] =
    [Table { family: Family::Ip, name: "nat" }, Table { family: Family::Ip6, name: "nat" }];
const NAT_BASE: &str = "POSTROUTING";

/// Removes what the doomed attachments of a network have left; returns how many rules and chains went.
/// Where there is nothing, that is found out by one question. Without a list only spoof checks of ports
/// that are gone go, since nothing else tells whether its pod lives.
///
/// # Errors
/// The first refusal; all else has been removed.
pub(super) fn sweep(node: &mut Node, network: &NetworkName, doomed: &Doomed) -> Outcome<usize> {
    let Some(nft) = socket_if_any(node)? else { return Ok(0) };
    match doomed {
        Doomed::One(attachment) => remove(nft, network, attachment),
        Doomed::AllBut(list) => sum([
            masquerade_beyond(nft, network, list),
            iptables_beyond(nft, network, list),
            spoof_checks_of_dead_ports(nft),
        ]),
        Doomed::Dead => spoof_checks_of_dead_ports(nft),
    }
}

/// Whether rules that the Go plugins made masquerade an attachment, in one of their two ways.
///
/// # Errors
/// When the kernel could not be asked.
pub(super) fn masquerades(
    node: &mut Node,
    network: &NetworkName,
    attachment: &Attachment,
    ipv4: bool,
) -> Outcome<bool> {
    let Some(nft) = socket_if_any(node)? else { return Ok(false) };
    let chain = iptables_chain(network, &attachment.container_id);
    let [four, six] = NAT;
    let nat = if ipv4 { four } else { six };
    let [own, iptables] = nft.chains([(MASQUERADE, MASQUERADE_CHAIN), (nat, &chain)])?;
    let mark = masquerade_mark(network, attachment);
    let is_its = |rule: &Rule| rule.comment.as_deref().is_some_and(|comment| comment.starts_with(&mark));
    if own.is_some() && nft.rules(MASQUERADE, MASQUERADE_CHAIN)?.iter().any(is_its) {
        return Ok(true);
    }
    Ok(iptables.is_some() && nft.rules(nat, NAT_BASE)?.iter().any(|rule| rule.leads_to(&chain)))
}

/// Whether rules that the Go plugins made check an attachment's hardware address.
///
/// # Errors
/// When the kernel could not be asked.
pub(super) fn checks_spoofing(node: &mut Node, attachment: &Attachment) -> Outcome<bool> {
    let Some(nft) = socket_if_any(node)? else { return Ok(false) };
    let [chain, mac] = spoof_chains(&format!("{}-{}", attachment.container_id, attachment.ifname));
    let [has_chain, has_mac] = nft.chains([(SPOOF, &chain), (SPOOF, &mac)])?;
    if has_chain.is_none() || has_mac.is_none() {
        return Ok(false);
    }
    Ok(nft.rules(SPOOF, SPOOF_BASE)?.iter().any(|rule| rule.leads_to(&chain)))
}

fn remove(nft: &mut NftSocket, network: &NetworkName, attachment: &Attachment) -> Outcome<usize> {
    let [spoof, spoof_mac] = spoof_chains(&format!("{}-{}", attachment.container_id, attachment.ifname));
    let iptables = iptables_chain(network, &attachment.container_id);
    let [four, six] = NAT;
    let [has_masquerade, has_spoof, has_mac, has_four, has_six] = nft.chains([
        (MASQUERADE, MASQUERADE_CHAIN),
        (SPOOF, &spoof),
        (SPOOF, &spoof_mac),
        (four, &iptables),
        (six, &iptables),
    ])?;
    let mark = masquerade_mark(network, attachment);
    let is_its = |comment: &str| comment.starts_with(&mark);
    let chains = |present: bool, nft: &mut NftSocket, table, base, names: &[&str]| {
        if present { delete_chains(nft, table, base, names) } else { Ok(0) }
    };
    sum([
        if has_masquerade.is_some() { delete_masquerade(nft, &is_its) } else { Ok(0) },
        chains(has_spoof.is_some() || has_mac.is_some(), nft, SPOOF, SPOOF_BASE, &[&spoof, &spoof_mac]),
        chains(has_four.is_some(), nft, four, NAT_BASE, &[&iptables]),
        chains(has_six.is_some(), nft, six, NAT_BASE, &[&iptables]),
    ])
}

/// Adds up; a refusal does not keep the others from being tried, and the first is returned.
fn sum(outcomes: impl IntoIterator<Item = Outcome<usize>>) -> Outcome<usize> {
    let (mut count, mut first) = (0, None);
    for outcome in outcomes {
        match outcome {
            Ok(more) => count += more,
            Err(error) => first = first.or(Some(error)),
        }
    }
    first.map_or(Ok(count), Err)
}

fn masquerade_beyond(nft: &mut NftSocket, network: &NetworkName, valid: &[Attachment]) -> Outcome<usize> {
    let of_network = format!("{}-", hash(network.as_str(), 16));
    let valid: HashSet<_> = valid.iter().map(|attachment| masquerade_mark(network, attachment)).collect();
    delete_masquerade(nft, &|comment| {
        let mark = comment.split(',').next().unwrap_or_default();
        mark.starts_with(&of_network) && !valid.contains(mark)
    })
}

/// The chain's name is a hash; only the comment of the rule that jumps there has the network.
fn iptables_beyond(nft: &mut NftSocket, network: &NetworkName, valid: &[Attachment]) -> Outcome<usize> {
    let valid: HashSet<_> = valid.iter().map(|attachment| &attachment.container_id).collect();
    let goes = |rule: &Rule| {
        let (name, container) = read_iptables_comment(rule.comment.as_deref()?)?;
        let chain = iptables_chain(network, &container);
        (name == network.as_str() && !valid.contains(&container) && rule.leads_to(&chain)).then_some(chain)
    };
    sum(NAT.map(|table| {
        let chains: HashSet<_> = nft.rules(table, NAT_BASE)?.iter().filter_map(goes).collect();
        sum(chains.iter().map(|chain| delete_chains(nft, table, NAT_BASE, &[chain])))
    }))
}

/// A spoof check does not tell its network. Its port comes before it and has a name that is not used again,
/// so without the port it is dead.
fn spoof_checks_of_dead_ports(nft: &mut NftSocket) -> Outcome<usize> {
    let mut dead = Vec::new();
    let mut links = None;
    for rule in nft.rules(SPOOF, SPOOF_BASE)? {
        let target = rule.targets().find_map(|chain| chain.strip_prefix(SPOOF_CHAIN)).map(str::to_owned);
        let (Some(id), Some(port)) = (target, rule.port()) else { continue };
        let links = match &mut links {
            Some(links) => links,
            none => none.insert(RouteSocket::open()?),
        };
        if links.link(&port)?.is_none() {
            dead.push(spoof_chains(&id));
        }
    }
    sum(dead.iter().map(|[chain, mac]| delete_chains(nft, SPOOF, SPOOF_BASE, &[chain, mac])))
}

fn delete_masquerade(nft: &mut NftSocket, doomed: &dyn Fn(&str) -> bool) -> Outcome<usize> {
    let (table, chain) = (MASQUERADE, MASQUERADE_CHAIN);
    until_it_holds(nft, &mut |nft| {
        let rules = nft.rules(table, chain)?;
        let doomed = rules.iter().filter(|rule| rule.comment.as_deref().is_some_and(doomed));
        let changes: Vec<_> =
            doomed.map(|rule| Change::DeleteRule { table, chain, handle: rule.handle }).collect();
        nft.commit(&changes).map(|()| changes.len())
    })
}

/// Deletes chains, and the rules of `base` that lead to them.
fn delete_chains(nft: &mut NftSocket, table: Table, base: &str, chains: &[&str]) -> Outcome<usize> {
    until_it_holds(nft, &mut |nft| {
        let mut present = Vec::new();
        for chain in chains {
            let [state] = nft.chains([(table, chain)])?;
            present.extend(state.map(|_| *chain));
        }
        let rules = nft.rules(table, base)?;
        let jumps = rules.iter().filter(|rule| chains.iter().any(|chain| rule.leads_to(chain)));
        let mut changes: Vec<_> =
            jumps.map(|rule| Change::DeleteRule { table, chain: base, handle: rule.handle }).collect();
        let count = changes.len() + present.len();
        changes.extend(present.iter().map(|chain| Change::FlushChain { table, chain }));
        changes.extend(present.iter().map(|chain| Change::DeleteChain { table, chain }));
        nft.commit(&changes).map(|()| count)
    })
}

/// Looks and deletes again when somebody else deleted part of it in between.
fn until_it_holds(
    nft: &mut NftSocket,
    attempt: &mut dyn FnMut(&mut NftSocket) -> Outcome<usize>,
) -> Outcome<usize> {
    for _ in 0..TRIES {
        match attempt(nft) {
            Err(error) if error.errno == Errno::ENOENT => {}
            outcome => return outcome,
        }
    }
    Err(KernelError::new("nft delete rules of the reference plugins", Errno::ENOENT))
}

fn spoof_chains(id: &str) -> [String; 2] {
    [format!("{SPOOF_CHAIN}{id}"), format!("{SPOOF_CHAIN}{id}-mac")]
}

/// What the comment of an attachment's masquerade rules begins with.
fn masquerade_mark(network: &NetworkName, attachment: &Attachment) -> String {
    let instance = format!("{}:{}", attachment.ifname, attachment.container_id);
    format!("{}-{}", hash(network.as_str(), 16), hash(&instance, 16))
}

/// 28 characters in all.
fn iptables_chain(network: &NetworkName, container: &ContainerId) -> String {
    format!("CNI-{}", hash(&format!("{network}{container}"), 24))
}

/// Network and container ID of `name: "NETWORK" id: "CONTAINER"`.
fn read_iptables_comment(comment: &str) -> Option<(&str, ContainerId)> {
    let (network, container) =
        comment.strip_prefix("name: \"")?.strip_suffix('"')?.split_once("\" id: \"")?;
    Some((network, ContainerId::parse(container).ok()?))
}

/// The first hexadecimal digits of the SHA-512 (pkg/utils/utils.go).
fn hash(text: &str, digits: usize) -> String {
    let number = Sha512::digest(text.as_bytes())
        .iter()
        .take(16)
        .fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    format!("{number:032x}").chars().take(digits).collect()
}
