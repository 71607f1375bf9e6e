//! The container's loopback link.

use std::fmt;

use ipnetwork::IpNetwork;

use crate::kernel::rtnl::LinkChange;
use crate::kernel::{Node, Outcome, Side};
use crate::plan::{Applied, Doomed, Drift, Owned, Resource};
use crate::spec::{IfName, NetworkName};

/// `lo` of the container, switched on; its addresses are the kernel's doing.
#[derive(Debug)]
pub struct Loopback {
    name: IfName,
}

impl Loopback {
    /// The kernel's name for it.
    pub const NAME: &str = "lo";

    /// # Errors
    /// Never in truth: the name is a valid one.
    pub fn new() -> Result<Self, &'static str> {
        IfName::parse(Self::NAME).map(|name| Loopback { name })
    }

    /// The addresses that the kernel gave it, one of each family at the most; none when it cannot be asked.
    pub fn addresses(node: &mut Node) -> Vec<IpNetwork> {
        let Ok(lo) = Self::new() else { return Vec::new() };
        let found =
            node.container_index(&lo.name).and_then(|index| node.route(Side::Container)?.addresses(index));
        let all = found.unwrap_or_default();
        let first = |ipv4| all.iter().map(|a| a.address).find(|a| a.is_ipv4() == ipv4);
        [first(true), first(false)].into_iter().flatten().collect()
    }

    fn switch(&self, node: &mut Node, up: bool) -> Outcome<()> {
        let change = if up { LinkChange::up() } else { LinkChange::down() };
        node.route(Side::Container)?.change_link(&self.name, &change)
    }
}

impl fmt::Display for Loopback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "container link set {} up", self.name)
    }
}

impl Resource for Loopback {
    fn apply(&self, node: &mut Node) -> Outcome<Applied> {
        if node.existing_link(Side::Container, &self.name)?.up {
            return Ok(Applied::Unchanged);
        }
        self.switch(node, true)?;
        Ok(Applied::Created)
    }

    fn check(&self, node: &mut Node) -> Outcome<Option<Drift>> {
        let up = node.seen_link(Side::Container, &self.name)?.is_some_and(|lo| lo.up);
        Ok((!up).then(|| Drift("it is down".into())))
    }

    fn remove(&self, node: &mut Node) -> Outcome<()> {
        self.switch(node, false)
    }
}

/// DEL switches `lo` off where the namespace is still there, as the reference does.
#[derive(Debug)]
pub struct Loopbacks;

impl Owned for Loopbacks {
    fn name(&self) -> &'static str {
        "loopback"
    }

    fn sweep(&self, node: &mut Node, _: &NetworkName, doomed: &Doomed) -> Outcome<usize> {
        if !matches!(doomed, Doomed::One(_)) || node.container().is_none() {
            return Ok(0);
        }
        let Ok(lo) = Loopback::new() else { return Ok(0) };
        lo.remove(node).map(|()| 1)
    }
}
