//! The kernel, typed. No netlink message type leaves this layer, and the errno of a failure survives.

mod error;
mod netlink;
mod netns;
pub mod nft;
mod node;
mod pending;
pub mod process;
pub mod rtnl;
pub mod sysctl;
pub mod sysfs;

pub use error::{KernelError, Outcome};
pub use netns::NetNs;
pub use nix::errno::Errno;
pub use node::{Node, Side};
