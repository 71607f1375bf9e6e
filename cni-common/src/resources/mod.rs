//! Every kind of resource that a plan may hold. One file each; the kernel is touched through
//! [`crate::kernel`] only.

mod address;
mod bridge;
mod bridge_state;
mod container_link;
mod gateway_address;
mod iptables;
mod links;
mod loopback;
mod masquerade;
mod nft_base;
mod owned_rules;
mod port;
mod reference_nft;
mod reference_rules;
mod route;
mod spoof_check;
mod sysctl;
mod veth;
mod vlan_gateway;

pub use address::{Announcement, ContainerAddress};
pub use bridge::Bridge;
pub use bridge_state::BridgeState;
pub use container_link::ContainerLink;
pub use gateway_address::GatewayAddress;
pub use iptables::{IptablesMasquerade, IptablesRules};
pub use links::Links;
pub use loopback::{Loopback, Loopbacks};
pub use masquerade::Masquerade;
pub use owned_rules::{Masquerades, SpoofChecks};
pub use port::BridgePort;
pub use reference_rules::ReferenceRules;
pub use route::ContainerRoute;
pub use spoof_check::SpoofCheck;
pub use sysctl::Sysctls;
pub use veth::VethPair;
pub use vlan_gateway::VlanGateway;
