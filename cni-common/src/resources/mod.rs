//! Every kind of resource that a plan may hold. One file each; the kernel is touched through
//! [`crate::kernel`] only.

mod address;
mod bridge;
mod container_link;
mod gateway_address;
mod links;
mod port;
mod route;
mod sysctl;
mod veth;
mod vlan_gateway;

pub use address::{Announcement, ContainerAddress};
pub use bridge::Bridge;
pub use container_link::ContainerLink;
pub use gateway_address::GatewayAddress;
pub use links::Links;
pub use port::BridgePort;
pub use route::ContainerRoute;
pub use sysctl::Sysctls;
pub use veth::VethPair;
pub use vlan_gateway::VlanGateway;
