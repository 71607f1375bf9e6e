//! What the Go plugins leave of a pod that they made.

use ipnetwork::IpNetwork;

use super::iptables::{self, IptablesRules};
use super::reference_nft;
use crate::kernel::{Node, Outcome};
use crate::plan::{Doomed, Owned};
use crate::spec::{Attachment, NetworkName};

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

/// Whether the reference's rules masquerade an address of an attachment: a pod that it made is healthy.
pub(super) fn masquerades(
    node: &mut Node,
    network: &NetworkName,
    attachment: &Attachment,
    address: IpNetwork,
) -> Outcome<bool> {
    Ok(reference_nft::masquerades(node, network, attachment, address.is_ipv4())?
        || iptables::legacy_masquerades(network, attachment, address)?)
}

/// Whether the reference's rules check the hardware address of an attachment.
pub(super) fn checks_spoofing(node: &mut Node, attachment: &Attachment) -> Outcome<bool> {
    reference_nft::checks_spoofing(node, attachment)
}
