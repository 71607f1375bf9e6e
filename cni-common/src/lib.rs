//! What every Trestle plugin stands on.
//!
//! Layers, each seeing only those before it (a test holds this order):
//!
//! 1. [`spec`]: the CNI specification as types; no system call.
//! 2. [`kernel`]: typed netlink, namespaces, sysctls, nftables; no message type leaves it.
//! 3. [`plan`]: an ordered list of resources, and what can be done with one.
//! 4. [`resources`]: every kind of resource.
//! 5. [`driver`]: the verbs, once for all plugins.

pub mod driver;
pub mod kernel;
pub mod mutation;
pub mod plan;
pub mod resources;
pub mod spec;
