//! Links as things that attachments own.

use crate::kernel::rtnl::Link;
use crate::kernel::{Node, Outcome, Side};
use crate::plan::{Doomed, Owned, OwnerTag};
use crate::spec::{Attachment, IfName, NetworkName};

/// The veth pairs of a network's attachments.
#[derive(Debug)]
pub struct Links;

impl Links {
    /// DEL: ours by its derived name; one that the reference made by its name in the container.
    fn delete_one(node: &mut Node, network: &NetworkName, attachment: &Attachment) -> Outcome<usize> {
        if let Some(host) = OwnerTag::new(network, attachment).host_ifname()
            && node.delete_host_link(&host)?
        {
            return Ok(1);
        }
        if node.container().is_none() || Self::is_anothers(node, &attachment.ifname)? {
            return Ok(0);
        }
        Ok(usize::from(node.route(Side::Container)?.delete_link(&attachment.ifname)?))
    }

    /// Whether the container's link is of another attachment of ours: the namespace's path may by now lead to
    /// another pod's.
    fn is_anothers(node: &mut Node, name: &IfName) -> Outcome<bool> {
        let Some(link) = node.route(Side::Container)?.link(name)? else { return Ok(false) };
        let Some(peer) = link.peer else { return Ok(false) };
        let peer = node.route(Side::Host)?.link_by_index(peer)?;
        Ok(peer.is_some_and(|peer| peer.peer == Some(link.index) && OwnerTag::is_alias(&peer.alias)))
    }

    /// GC: ours by their alias; one whose ADD was killed before it had an alias by name and address.
    fn delete_listed(node: &mut Node, network: &NetworkName, doomed: &Doomed) -> Outcome<usize> {
        let goes = doomed.chooser(network);
        let living = doomed.names_of_living(network);
        let host = node.route(Side::Host)?;
        let is_doomed = |link: &Link| {
            // A link that is there is alive: a veth goes with its namespace.
            if link.alias.is_empty() {
                !living.contains(&link.name)
                    && link.mac.is_some_and(|mac| OwnerTag::is_unfinished(&link.name, mac, network))
            } else {
                OwnerTag::from_alias(&link.alias, network).is_some_and(|tag| goes(&tag, &|| true))
            }
        };
        let links = host.links()?.into_iter().filter(is_doomed);
        let names: Vec<_> = links.filter_map(|link| IfName::parse(&link.name).ok()).collect();
        host.delete_links(&names)
    }
}

impl Owned for Links {
    fn name(&self) -> &'static str {
        "links"
    }

    fn sweep(&self, node: &mut Node, network: &NetworkName, doomed: &Doomed) -> Outcome<usize> {
        match doomed {
            Doomed::One(attachment) => Self::delete_one(node, network, attachment),
            Doomed::AllBut(_) => Self::delete_listed(node, network, doomed),
            Doomed::Dead => Ok(0),
        }
    }
}
