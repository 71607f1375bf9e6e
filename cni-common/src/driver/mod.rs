//! The verbs, once for all plugins, and the program around them.

mod container;
mod delegate;
mod entry;
mod exec;
mod log;
mod refusal;
mod verbs;

pub use delegate::Ipam;
pub use entry::{Plugin, main};
pub use verbs::{Addressing, NetworkPlugin, Subject, run};
