//! The CNI specification as types: requests, configurations, results, errors.
//!
//! Untrusted bytes become validated types here, once, at the edge. Nothing in this layer makes a
//! system call.

mod args;
mod error;
pub mod json;
mod names;
mod netconf;
mod request;
mod result;
mod version;

pub use args::CniArgs;
pub use error::{CniError, Code};
pub use names::{ContainerId, IfName, MacAddr, NetworkName};
pub use netconf::{Attachment, NetConf, ValidAttachments};
pub use request::{Environment, Request, Verb};
pub use result::{CniResult, Dns, Interface, IpConfig, Route};
pub use version::SpecVersion;
