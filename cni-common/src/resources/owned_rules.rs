//! Rules as things that attachments own.

use std::cell::RefCell;

use super::{masquerade, spoof_check};
use crate::kernel::rtnl::RouteSocket;
use crate::kernel::{Node, Outcome};
use crate::plan::{Doomed, Owned, OwnerTag};
use crate::spec::NetworkName;

/// Masqueraded addresses.
#[derive(Debug)]
pub struct Masquerades;

/// Spoof checks of ports.
#[derive(Debug)]
pub struct SpoofChecks;

/// Whether the things of an owner stay. Without a list they stay as long as the owner's link on the node.
fn keeper(network: &NetworkName, doomed: &Doomed) -> Outcome<impl Fn(&OwnerTag) -> bool + use<>> {
    let goes = doomed.chooser(network);
    let links = RefCell::new(RouteSocket::open()?);
    let lives = move |tag: &OwnerTag| match tag.host_ifname() {
        // When in doubt it lives.
        Some(link) => links.borrow_mut().link(&link).map_or(true, |link| link.is_some()),
        None => true,
    };
    Ok(move |tag: &OwnerTag| !goes(tag, &|| lives(tag)))
}

impl Owned for Masquerades {
    fn name(&self) -> &'static str {
        "masquerade"
    }

    fn sweep(&self, node: &mut Node, network: &NetworkName, doomed: &Doomed) -> Outcome<usize> {
        match doomed {
            Doomed::One(attachment) => {
                masquerade::remove_all(node, network, &OwnerTag::new(network, attachment))
            }
            _ => masquerade::sweep(node, network, &keeper(network, doomed)?),
        }
    }
}

impl Owned for SpoofChecks {
    fn name(&self) -> &'static str {
        "spoof check"
    }

    fn sweep(&self, node: &mut Node, network: &NetworkName, doomed: &Doomed) -> Outcome<usize> {
        match doomed {
            Doomed::One(attachment) => spoof_check::remove_all(node, &OwnerTag::new(network, attachment)),
            _ => spoof_check::sweep(node, network, &keeper(network, doomed)?),
        }
    }
}

impl Masquerades {
    /// Whether nf_tables answers.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn available(node: &mut Node) -> Outcome<()> {
        node.nft()?.generation().map(|_| ())
    }
}
