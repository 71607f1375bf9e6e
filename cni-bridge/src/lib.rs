//! The `bridge` plugin: a veth pair whose end on the node is a port of a Linux bridge.
//!
//! [`keys`] are what may be written in a configuration, [`config`] is what is left of it once it is
//! valid, `attachment` turns that and the addressing into a plan. The verbs are the driver's.

mod attachment;
pub mod config;
mod gateways;
pub mod keys;
mod readiness;

use cni_common::driver::{self, Plugin};
use cni_common::plan::Owned;
use cni_common::resources::{Links, Masquerades, ReferenceRules, SpoofChecks};
use cni_common::spec::{CniError, CniResult, Request};

pub use config::Bridge;

/// The plugin, for the program that carries it.
pub const PLUGIN: Plugin =
    Plugin { name: "bridge", about: "puts a container on a Linux bridge of the node, by a veth pair", run };

/// Rules go before the link, and the lease last of all: an address must not be given again while a rule
/// still speaks of it.
const KINDS: &[&dyn Owned] = &[&Masquerades, &SpoofChecks, &ReferenceRules, &Links];

/// Runs one call.
///
/// # Errors
/// The error for the runtime.
pub fn run(request: &Request, plugins: &[Plugin]) -> Result<Option<CniResult>, CniError> {
    driver::run::<Bridge>(request, KINDS, plugins)
}
