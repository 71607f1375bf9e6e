//! One fault at every system call of ADD, DEL and GC, one run each.
//!
//! A run: a node, mostly with a neighbour on the network; a call with a fault; what a runtime does next
//! (the *healer*); then the node must be as before, and the neighbour whole.

mod one;
mod report;
mod work;

use std::path::PathBuf;

use crate::network::{Network, Way};
use crate::trace::Fault;

pub use one::{Bench, Finding, Kind, Ran};
pub use report::Report;
pub use work::{Options, run};

/// The call that meets the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// ADD of a new pod.
    Add,
    /// DEL of a pod.
    Del,
    /// GC, when a pod is to go.
    Gc,
}

/// What comes after the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Healer {
    /// One DEL.
    Del,
    /// One GC with a list that does not have the pod.
    Gc,
    /// The namespace is gone, no DEL comes, and the next ADD needs the last address of the range.
    NextAdd,
    /// A second pod is added, and only then comes the DEL of the first.
    AddThenDel,
}

/// One line of the sweep's table.
#[derive(Clone, Debug)]
pub struct Case {
    /// The network's name.
    pub network: &'static str,
    /// Folder of the plugins.
    pub bin: PathBuf,
    /// What meets the fault.
    pub verb: Verb,
    /// How the pod's namespace is named.
    pub way: Way,
    /// What heals.
    pub healer: Healer,
    /// Another pod lives on the network.
    pub neighbour: bool,
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Case { network, verb, way, healer, neighbour, .. } = self;
        let who = if *neighbour { "with a neighbour" } else { "alone" };
        write!(f, "{network} {verb:?}, netns {way:?}, {who}, then {healer:?}")
    }
}

/// All cases of a network, each with the faults that are put on it.
pub fn cases(network: &'static str, bin: &std::path::Path) -> Vec<(Case, Fault)> {
    use Healer::{AddThenDel, Del, Gc, NextAdd};
    use Way::{Empty, Gone, There};
    let case =
        |verb, way, healer, neighbour| Case { network, bin: bin.to_owned(), verb, way, healer, neighbour };
    let mut all = Vec::new();
    let errors = |all: &mut Vec<_>, case: &Case| {
        all.extend(Fault::ERRORS.iter().map(|fault| (case.clone(), *fault)));
    };
    for (way, healer, neighbour) in [
        (There, Del, false),
        (There, AddThenDel, true),
        (Gone, Del, true),
        (Empty, Del, true),
        (There, Gc, true),
        (Gone, Gc, false),
    ] {
        all.push((case(Verb::Add, way, healer, neighbour), Fault::Kill));
    }
    if matches!(network, "masquerade" | "host-local") {
        all.push((case(Verb::Add, Gone, NextAdd, true), Fault::Kill));
    }
    errors(&mut all, &case(Verb::Add, There, Del, false));
    errors(&mut all, &case(Verb::Add, There, Gc, true));
    for (way, healer) in [(There, Del), (Gone, Del), (Empty, Del), (There, Gc), (Gone, Gc)] {
        all.push((case(Verb::Del, way, healer, true), Fault::Kill));
    }
    all.push((case(Verb::Del, There, Del, true), Fault::KillAll));
    errors(&mut all, &case(Verb::Del, There, Del, true));
    errors(&mut all, &case(Verb::Del, Gone, Del, true));
    for (way, healer) in [(There, Gc), (Gone, Gc), (There, Del)] {
        all.push((case(Verb::Gc, way, healer, true), Fault::Kill));
    }
    errors(&mut all, &case(Verb::Gc, There, Gc, true));
    all
}

/// The network of a case.
fn network(case: &Case) -> Network {
    let network = Network::named(case.network, &case.bin).on_node();
    if case.healer == Healer::NextAdd { network.of_two_addresses() } else { network }
}
