//! What the Go plugins leave of a pod that they made.

use super::iptables::IptablesRules;
use super::reference_nft;
use crate::kernel::{Node, Outcome};
use crate::plan::{Doomed, Owned};
use crate::spec::NetworkName;

/// Rules of the reference, in every place where it puts them; cheap when there are none.
#[derive(Debug)]
pub struct ReferenceRules;

impl Owned for ReferenceRules {
    fn name(&self) -> &'static str {
        "rules of the reference plugins"
    }

    fn sweep(&self, node: &mut Node, network: &NetworkName, doomed: &Doomed) -> Outcome<usize> {
        let (nftables, iptables) =
            (reference_nft::sweep(node, network, doomed), IptablesRules.sweep(node, network, doomed));
        Ok(nftables? + iptables?)
    }
}
