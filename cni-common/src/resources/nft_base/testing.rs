//! For tests: owners.

pub use crate::kernel::nft::testing::{Guest, isolated, load, round_trip, run};
use crate::plan::OwnerTag;
use crate::spec::{Attachment, ContainerId, IfName, NetworkName};

pub fn network(name: &str) -> NetworkName {
    NetworkName::parse(name).unwrap()
}

pub fn attachment(container: &str) -> Attachment {
    Attachment {
        container_id: ContainerId::parse(container).unwrap(),
        ifname: IfName::parse("eth0").unwrap(),
    }
}

pub fn tag(name: &str, container: &str) -> OwnerTag {
    OwnerTag::new(&network(name), &attachment(container))
}
