//! What tests stand on: nodes, plugin calls, snapshots, packets.

mod command;
pub mod diff;
mod failure;
pub mod leases;
mod links;
mod mask;
mod node;
pub mod packets;
mod plugin;
mod rules;
mod snapshot;
mod trial;

pub use command::output;
pub use mask::Mask;
pub use node::{Node, Pod, WORK_DIR, on_node};
pub use packets::Raw;
pub use plugin::{Call, CniError, Output, Plugin, Side, with_key, with_previous};
pub use snapshot::Snapshot;
pub use trial::{Test, prepare, trials};
