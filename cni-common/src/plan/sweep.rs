//! Finding and removing what attachments own, by tag alone: DEL and GC are the same act with a different
//! choice of what goes. Neither needs the namespace, the previous result or the plan.

use std::collections::HashSet;

use super::OwnerTag;
use crate::kernel::{Node, Outcome};
use crate::spec::{Attachment, NetworkName};

/// Which attachments of a network go.
#[derive(Clone, Debug)]
pub enum Doomed {
    /// DEL: this one.
    One(Attachment),
    /// GC with a list: all but these.
    AllBut(Vec<Attachment>),
    /// GC without a list: those whose link is gone.
    Dead,
}

impl Doomed {
    /// Names of the node's links of the attachments that are listed as alive.
    pub fn names_of_living(&self, network: &NetworkName) -> HashSet<String> {
        let Doomed::AllBut(list) = self else { return HashSet::new() };
        let name = |a: &Attachment| OwnerTag::new(network, a).host_ifname().map(|name| name.to_string());
        list.iter().filter_map(name).collect()
    }

    /// Whether the attachment of a tag goes. `is_alive` is asked only where no list decides.
    pub fn chooser(&self, network: &NetworkName) -> impl Fn(&OwnerTag, &dyn Fn() -> bool) -> bool + use<> {
        let tags =
            |list: &[Attachment]| list.iter().map(|a| OwnerTag::new(network, a)).collect::<HashSet<_>>();
        let (listed, goes_if_listed) = match self {
            Doomed::One(attachment) => (Some(tags(std::slice::from_ref(attachment))), true),
            Doomed::AllBut(list) => (Some(tags(list)), false),
            Doomed::Dead => (None, false),
        };
        move |tag, is_alive| match &listed {
            Some(listed) => listed.contains(tag) == goes_if_listed,
            None => !is_alive(),
        }
    }
}

/// A kind of resource that carries owner tags in the kernel.
pub trait Owned {
    /// What is swept, for messages: `masquerade`.
    fn name(&self) -> &'static str;

    /// Removes what the doomed attachments of a network own; returns how many things went. Succeeds when
    /// there is nothing. Goes on after a refusal and returns the first.
    ///
    /// # Errors
    /// The kernel's refusal.
    fn sweep(&self, node: &mut Node, network: &NetworkName, doomed: &Doomed) -> Outcome<usize>;
}
