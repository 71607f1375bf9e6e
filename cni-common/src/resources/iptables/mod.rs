//! Masquerade by the programs `iptables` and `ip6tables`, for those who ask for it
//! (`"ipMasqBackend": "iptables"`). Chains, rules and comments are the reference's, so that either side
//! cleans up what the other made.

mod names;
mod program;
mod rules;

use std::fmt;

use ipnetwork::IpNetwork;

use super::ReferenceRules;
use crate::kernel::{KernelError, Node, Outcome};
use crate::plan::{Applied, Doomed, Drift, Owned, Resource};
use crate::spec::{Attachment, NetworkName};

use program::{Family, Table};

/// Masquerade for the addresses of one attachment, by iptables.
#[derive(Clone, Debug)]
pub struct IptablesMasquerade {
    /// The network.
    pub network: NetworkName,
    /// Whose addresses.
    pub attachment: Attachment,
    /// The addresses with their subnets.
    pub addresses: Vec<IpNetwork>,
}

impl fmt::Display for IptablesMasquerade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("host iptables masquerade")?;
        self.addresses
            .iter()
            .try_for_each(|a| write!(f, " {} outside {}/{}", a.ip(), a.network(), a.prefix()))
    }
}

impl IptablesMasquerade {
    /// Whether the program is there.
    ///
    /// # Errors
    /// One sentence that says what to install.
    pub fn available() -> Result<(), String> {
        match program::find("iptables-restore") {
            Some(_) => Ok(()),
            None => {
                Err("\"ipMasqBackend\" is \"iptables\", but no folder of PATH has iptables-restore; install \
                         iptables, or set \"nftables\""
                    .to_owned())
            }
        }
    }

    fn of(&self, family: Family) -> Vec<IpNetwork> {
        self.addresses.iter().filter(|a| a.is_ipv4() == (family == Family::V4)).copied().collect()
    }
}

impl Resource for IptablesMasquerade {
    fn apply(&self, _: &mut Node) -> Outcome<Applied> {
        let chain = names::chain(&self.network, &self.attachment.container_id);
        let comment = names::comment(&self.network, &self.attachment.container_id);
        for family in [Family::V4, Family::V6] {
            let addresses = self.of(family);
            if addresses.is_empty() {
                continue;
            }
            let program = Table::preferred(family)?;
            // What a killed ADD of the same container left would otherwise stand twice.
            let stale = rules::deletion(&program.save()?, |c, _| c == chain);
            program.restore(&stale)?;
            program.restore(&rules::addition(&chain, &comment, family, &addresses))?;
        }
        Ok(Applied::Created)
    }

    fn check(&self, _: &mut Node) -> Outcome<Option<Drift>> {
        let chain = names::chain(&self.network, &self.attachment.container_id);
        for family in [Family::V4, Family::V6] {
            let addresses = self.of(family);
            if addresses.is_empty() {
                continue;
            }
            let mut missing = None;
            for program in Table::all(family) {
                missing = rules::missing(&program.save()?, &chain, &addresses);
                if missing.is_none() {
                    break;
                }
            }
            if let Some(missing) = missing {
                return Ok(Some(Drift(missing)));
            }
        }
        Ok(None)
    }

    fn remove(&self, node: &mut Node) -> Outcome<()> {
        // In the legacy tables and in nf_tables: which of them `iptables` uses is the node's choice.
        ReferenceRules.sweep(node, &self.network, &Doomed::One(self.attachment.clone())).map(|_| ())
    }
}

/// Whether legacy iptables rules masquerade an address of an attachment.
pub(super) fn legacy_masquerades(
    network: &NetworkName,
    attachment: &Attachment,
    address: IpNetwork,
) -> Outcome<bool> {
    let family = if address.is_ipv4() { Family::V4 } else { Family::V6 };
    let Some(program) = Table::legacy_in_use(family) else { return Ok(false) };
    let chain = names::chain(network, &attachment.container_id);
    Ok(rules::missing(&program.save()?, &chain, &[address]).is_none())
}

/// iptables rules, ours and the reference's, in the legacy tables of the kernel. Those of iptables-nft
/// are nf_tables rules and are found there.
#[derive(Debug)]
pub struct IptablesRules;

impl Owned for IptablesRules {
    fn name(&self) -> &'static str {
        "iptables rules"
    }

    fn sweep(&self, _: &mut Node, network: &NetworkName, doomed: &Doomed) -> Outcome<usize> {
        let valid_ids = match doomed {
            Doomed::One(attachment) => vec![attachment.container_id.clone()],
            Doomed::AllBut(list) => list.iter().map(|a| a.container_id.clone()).collect(),
            // The rule does not tell whether its pod lives.
            Doomed::Dead => return Ok(0),
        };
        let listed_goes = matches!(doomed, Doomed::One(_));
        let chains: Vec<String> = valid_ids.iter().map(|id| names::chain(network, id)).collect();
        let goes = |chain: &str, comment_network: Option<&str>| {
            let listed = chains.iter().any(|c| c == chain);
            if listed_goes { listed } else { !listed && comment_network == Some(network.as_str()) }
        };
        let mut count = 0;
        let mut first_error: Option<KernelError> = None;
        for family in [Family::V4, Family::V6] {
            let Some(program) = Table::legacy_in_use(family) else { continue };
            let outcome = program.save().and_then(|saved| {
                let deletion = rules::deletion(&saved, goes);
                count += deletion.lines().filter(|line| line.starts_with("-X")).count();
                program.restore(&deletion)
            });
            first_error = first_error.or(outcome.err());
        }
        first_error.map_or(Ok(count), Err)
    }
}
