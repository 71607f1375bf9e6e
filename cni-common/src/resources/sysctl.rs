//! Kernel parameters.

use std::cell::RefCell;
use std::fmt;

use crate::kernel::{Node, Outcome, Side, sysctl};
use crate::plan::{Applied, Drift, Resource, Scope};

/// Parameters of one namespace, written only where they differ.
#[derive(Clone, Debug)]
pub struct Sysctls {
    side: Side,
    settings: Vec<(String, &'static str)>,
    /// Another plugin of the chain may set them otherwise, and an ADD can do without.
    optional: bool,
    /// Values that apply found, for rollback.
    found: RefCell<Vec<(String, String)>>,
}

impl Sysctls {
    /// Forwarding by the node, without which a gateway is none.
    pub fn forwarding(ipv4: bool) -> Self {
        let name = if ipv4 { "net/ipv4/ip_forward" } else { "net/ipv6/conf/all/forwarding" };
        Self::new(Side::Host, vec![(name.to_owned(), "1")], false)
    }

    /// Parameters that must have these values for the rest of the plan.
    pub fn required(side: Side, settings: Vec<(String, &'static str)>) -> Self {
        Self::new(side, settings, false)
    }

    /// Parameters that are better so, but that another plugin may change.
    pub fn optional(side: Side, settings: Vec<(String, &'static str)>) -> Self {
        Self::new(side, settings, true)
    }

    fn new(side: Side, settings: Vec<(String, &'static str)>, optional: bool) -> Self {
        Sysctls { side, settings, optional, found: RefCell::default() }
    }
}

impl fmt::Display for Sysctls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sysctl", self.side)?;
        self.settings.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))?;
        if self.side == Side::Host { f.write_str("   (shared)") } else { Ok(()) }
    }
}

impl Resource for Sysctls {
    fn scope(&self) -> Scope {
        if self.side == Side::Host { Scope::Shared } else { Scope::Attachment }
    }

    fn apply(&self, node: &mut Node) -> Outcome<Applied> {
        node.within(self.side, || {
            let mut found = self.found.borrow_mut();
            for (name, value) in &self.settings {
                match sysctl::set(name, value) {
                    Ok(None) => {}
                    Ok(Some(old)) => found.push((name.clone(), old)),
                    Err(error) if self.optional => tracing::warn!(%error, "sysctl left as it is"),
                    // A kernel without IPv6 has nothing to be switched on.
                    Err(error) if error.is_gone() && name.ends_with("disable_ipv6") => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(if found.is_empty() { Applied::Unchanged } else { Applied::Created })
        })
    }

    fn check(&self, node: &mut Node) -> Outcome<Option<Drift>> {
        if self.optional || self.side == Side::Container {
            return Ok(None);
        }
        node.within(self.side, || {
            for (name, value) in &self.settings {
                let now = sysctl::get(name)?;
                if now != *value {
                    return Ok(Some(Drift(format!("{name} is {now}"))));
                }
            }
            Ok(None)
        })
    }

    /// Restores what apply found.
    fn remove(&self, node: &mut Node) -> Outcome<()> {
        if self.side == Side::Container {
            return Ok(()); // it goes with the link
        }
        node.within(self.side, || {
            let found = self.found.borrow();
            found.iter().rev().try_for_each(|(name, old)| sysctl::set(name, old).map(|_| ()))
        })
    }
}
