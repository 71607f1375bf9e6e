//! The container's end, switched on.

use std::fmt;
use std::time::Duration;

use crate::kernel::rtnl::{Link, LinkChange};
use crate::kernel::{Errno, Node, Outcome, Side};
use crate::plan::{Applied, Drift, Resource};
use crate::spec::IfName;

/// Longest wait for a port to forward; without spanning tree the kernel needs microseconds.
const FORWARDING_LIMIT: Duration = Duration::from_secs(5);

/// The container's link is on, and its port on the node forwards.
#[derive(Clone, Debug)]
pub struct ContainerLink {
    /// The container's link.
    pub link: IfName,
    /// The node's end of the pair; none for a link without one.
    pub host: Option<IfName>,
}

impl fmt::Display for ContainerLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "container link set {} up", self.link)
    }
}

impl Resource for ContainerLink {
    fn apply(&self, node: &mut Node) -> Outcome<Applied> {
        let change = LinkChange { arp_notify: true, ..LinkChange::up() };
        node.route(Side::Container)?.change_link(&self.link, &change)?;
        if let Some(host) = &self.host {
            // A bridge with spanning tree lets its ports listen for 30 s first; ADD does not wait for that.
            match node.route(Side::Host)?.wait_operational(host, FORWARDING_LIMIT) {
                Ok(Link { peer: Some(index), .. }) => node.note_container_index(&self.link, index),
                Ok(_) => {}
                Err(error) if error.errno == Errno::ETIMEDOUT => {
                    tracing::warn!(%error, "port does not forward yet");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Applied::Created)
    }

    fn check(&self, node: &mut Node) -> Outcome<Option<Drift>> {
        let drift = match node.seen_link(Side::Container, &self.link)? {
            None => Some("the link does not exist"),
            Some(link) if !link.up => Some("it is down"),
            Some(_) => None,
        };
        Ok(drift.map(|why| Drift(why.into())))
    }

    /// It goes with the pair.
    fn remove(&self, _: &mut Node) -> Outcome<()> {
        Ok(())
    }
}
