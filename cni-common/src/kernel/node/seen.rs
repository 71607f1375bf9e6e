//! What CHECK sees, asked once in a call.

use std::collections::HashMap;

use super::{Node, Side};
use crate::kernel::Outcome;
use crate::kernel::rtnl::{Address, KernelRoute, Link};
use crate::spec::IfName;

/// What CHECK has looked at, so that it looks once.
#[derive(Debug, Default)]
pub(super) struct Seen {
    links: HashMap<(Side, IfName), Option<Link>>,
    addresses: HashMap<(Side, u32), Vec<Address>>,
    routes: Option<Vec<KernelRoute>>,
}

impl Node {
    /// The link of that name as CHECK saw it first in this call.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn seen_link(&mut self, side: Side, name: &IfName) -> Outcome<Option<Link>> {
        let key = (side, name.clone());
        if let Some(link) = self.seen.links.get(&key) {
            return Ok(link.clone());
        }
        let link = self.route(side)?.link(name)?;
        self.seen.links.insert(key, link.clone());
        Ok(link)
    }

    /// The addresses of a link as CHECK saw them first in this call.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn seen_addresses(&mut self, side: Side, index: u32) -> Outcome<Vec<Address>> {
        if let Some(addresses) = self.seen.addresses.get(&(side, index)) {
            return Ok(addresses.clone());
        }
        let addresses = self.route(side)?.addresses(index)?;
        self.seen.addresses.insert((side, index), addresses.clone());
        Ok(addresses)
    }

    /// The container's routes as CHECK saw them first in this call.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn seen_routes(&mut self) -> Outcome<Vec<KernelRoute>> {
        if let Some(routes) = &self.seen.routes {
            return Ok(routes.clone());
        }
        let routes = self.route(Side::Container)?.routes()?;
        self.seen.routes = Some(routes.clone());
        Ok(routes)
    }
}
