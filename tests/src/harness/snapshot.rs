//! The state of a node that a plugin can change, as text: one line per fact, grouped by where it is.

use std::collections::BTreeMap;

use super::node::{Node, Pod};
use super::{diff, leases, links, rules};

/// All facts, by place (`host`, `pod a`, `files`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot(pub BTreeMap<String, Vec<String>>);

impl Node {
    /// The node's own namespace, every pod's, and everything below /var/lib/cni.
    pub fn snapshot(&self) -> Snapshot {
        let mut places = self.kernel().0;
        places.insert("files".to_owned(), leases::facts());
        Snapshot(places)
    }

    /// Only the kernel's part of [`Node::snapshot`].
    pub fn kernel(&self) -> Snapshot {
        let mut places = BTreeMap::from([("host".to_owned(), facts_of_namespace())]);
        for name in self.pod_names() {
            let pod =
                Pod { id: String::new(), ifname: String::new(), path: format!("/run/netns/{name}").into() };
            places.insert(format!("pod {name}"), pod.enter(facts_of_namespace));
        }
        Snapshot(places)
    }
}

/// Facts about the namespace of the calling thread.
fn facts_of_namespace() -> Vec<String> {
    let mut facts = links::facts();
    facts.extend(rules::facts());
    facts
}

impl Snapshot {
    /// The facts that satisfy `keep`.
    #[must_use]
    pub fn only(mut self, keep: impl Fn(&str) -> bool) -> Self {
        for facts in self.0.values_mut() {
            facts.retain(|fact| keep(fact));
        }
        self
    }

    /// Without host-local's cursors, which say where the search goes on and belong to nobody.
    #[must_use]
    pub fn without_cursors(self) -> Self {
        self.only(|fact| !fact.contains("last_reserved_ip."))
    }

    /// Some fact contains these words.
    pub fn has(&self, words: &str) -> bool {
        self.0.values().flatten().any(|fact| fact.contains(words))
    }

    /// Fails, showing the facts, when any contains one of these words.
    #[track_caller]
    pub fn assert_none(&self, words: &[&str]) {
        let facts = self
            .0
            .iter()
            .flat_map(|(place, facts)| facts.iter().map(move |fact| format!("  {place}: {fact}")));
        let left: Vec<String> =
            facts.filter(|fact| words.iter().any(|word| fact.contains(word))).take(12).collect();
        assert!(left.is_empty(), "these are left:\n{}", left.join("\n"));
    }

    /// Fails with a readable difference unless the two are equal.
    #[track_caller]
    pub fn assert_same(&self, after: &Snapshot, what: &str) {
        let changes = diff::between(self, after);
        assert!(changes.is_empty(), "{what} changed the node:\n{}", diff::text(&changes));
    }
}
