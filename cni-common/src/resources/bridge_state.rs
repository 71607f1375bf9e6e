//! The bridge, ready for ports. Apart from the bridge itself, because this must not be touched before it is
//! known that the gateway's address fits: switching a link off again takes its IPv6 addresses with it.

use std::cell::RefCell;
use std::fmt;

use super::bridge::is_fixed;
use crate::kernel::rtnl::LinkChange;
use crate::kernel::{Node, Outcome, Side, sysctl, sysfs};
use crate::plan::{Applied, Drift, Resource, Scope};
use crate::spec::IfName;

/// A bridge that is up, keeps its hardware address, and follows no router.
#[derive(Clone, Debug)]
pub struct BridgeState {
    name: IfName,
    promiscuous: bool,
    /// What this call changed, for rollback.
    before: RefCell<Option<Before>>,
}

/// An adopted bridge before it was touched.
#[derive(Clone, Debug)]
struct Before {
    up: bool,
    promiscuous: bool,
    accept_ra: Option<String>,
}

impl BridgeState {
    /// For the bridge of that name.
    pub fn new(name: IfName, promiscuous: bool) -> Self {
        BridgeState { name, promiscuous, before: RefCell::default() }
    }
}

/// Routes by a bridge are ours to set, not those of a router that a pod plays (CVE-2020-10749); gives the
/// setting it had. Where there is no IPv6 there is nothing to set.
pub(super) fn refuse_routers(bridge: &IfName) -> Option<String> {
    sysctl::set(&accept_ra(bridge), "0").ok().flatten()
}

/// A new bridge's link-local address is usable at once, as those of its pods are: before the node passes a packet
/// of another node on to a pod, it asks for the pod's hardware address, and asks from that one. Detection of
/// duplicates takes 2 s, more on a busy node. The hardware address is out of our random bytes.
pub(super) fn detect_no_duplicates(bridge: &IfName) {
    let _ = sysctl::set(&format!("net/ipv6/conf/{bridge}/accept_dad"), "0");
}

fn accept_ra(bridge: &IfName) -> String {
    format!("net/ipv6/conf/{bridge}/accept_ra")
}

impl fmt::Display for BridgeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let promiscuous = if self.promiscuous { " promisc on" } else { "" };
        write!(f, "host link set {}{promiscuous} up   (shared)", self.name)
    }
}

impl Resource for BridgeState {
    fn scope(&self) -> Scope {
        Scope::Shared
    }

    fn apply(&self, node: &mut Node) -> Outcome<Applied> {
        let link = node.host_link(&self.name)?;
        let promiscuous = self.promiscuous && !link.promiscuous;
        let adopted = link.mac.is_some_and(|mac| !is_fixed(mac));
        // Setting the address that it has fixes it: else it would follow the lowest of its ports. Only once: the
        // kernel forgets the bridge's neighbours then, and the packets that wait for one are lost.
        let mac = link.mac.filter(|_| adopted && !sysfs::address_was_set(&link));
        let change = LinkChange {
            up: (!link.up).then_some(true),
            promiscuous: promiscuous.then_some(true),
            mac,
            ..LinkChange::default()
        };
        if change != LinkChange::default() {
            node.route(Side::Host)?.change_link(&self.name, &change)?;
        }
        let accept_ra = if adopted { refuse_routers(&self.name) } else { None };
        if change == LinkChange::default() && accept_ra.is_none() {
            return Ok(Applied::Unchanged);
        }
        self.before.replace(Some(Before { up: link.up, promiscuous: link.promiscuous, accept_ra }));
        Ok(Applied::Created)
    }

    /// The bridge's own check sees all of it.
    fn check(&self, _: &mut Node) -> Outcome<Option<Drift>> {
        Ok(None)
    }

    /// Only for rollback, and only while nobody else has come to use it.
    fn remove(&self, node: &mut Node) -> Outcome<()> {
        let Some(before) = self.before.take() else { return Ok(()) };
        let host = node.route(Side::Host)?;
        let Some(link) = host.link(&self.name)? else { return Ok(()) };
        if host.ports(link.index)? > 0 {
            return Ok(());
        }
        if let Some(value) = &before.accept_ra {
            sysctl::set(&accept_ra(&self.name), value)?;
        }
        let change = LinkChange {
            up: (!before.up).then_some(false),
            promiscuous: (self.promiscuous && !before.promiscuous).then_some(false),
            ..LinkChange::default()
        };
        if change == LinkChange::default() {
            return Ok(());
        }
        host.change_link(&self.name, &change)
    }
}
