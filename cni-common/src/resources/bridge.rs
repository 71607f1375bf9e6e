//! The bridge.

use std::fmt;

use crate::kernel::rtnl::{BridgeSpec, Link};
use crate::kernel::{Errno, KernelError, Node, Outcome, Side};
use crate::plan::{Applied, Drift, Resource, Scope};
use crate::spec::{IfName, MacAddr};

/// The bridge that joins the attachments of a network. One that is there already is adopted as it is.
#[derive(Clone, Debug)]
pub struct Bridge {
    /// How to make it.
    pub spec: BridgeSpec,
    /// Promiscuous.
    pub promiscuous: bool,
    /// The address that the previous result told, for CHECK.
    told_mac: Option<MacAddr>,
}

/// What the hardware address of a bridge of ours begins with: locally administered, so not a vendor's.
/// Such a bridge was made with its address and keeps it.
const OUR_MACS: [u8; 2] = [0x0a, 0xb1];

impl Bridge {
    /// A bridge; `told_mac` is its address in the previous result. Only one of ours is sure to have kept it:
    /// the reference's takes the lowest of its ports' until somebody gives it an address.
    pub fn new(spec: BridgeSpec, promiscuous: bool, told_mac: Option<MacAddr>) -> Self {
        Bridge { spec, promiscuous, told_mac }
    }

    /// An address for a bridge of ours, out of random bytes.
    pub fn mac(mut random: [u8; 6]) -> MacAddr {
        random.iter_mut().zip(OUR_MACS).for_each(|(byte, ours)| *byte = ours);
        MacAddr(random)
    }
}

pub(super) fn is_fixed(mac: MacAddr) -> bool {
    mac.0.starts_with(&OUR_MACS)
}

impl fmt::Display for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "host link add {} type bridge mac {}",
            self.spec.name,
            self.told_mac.unwrap_or(self.spec.mac)
        )?;
        if let Some(mtu) = self.spec.mtu {
            write!(f, " mtu {mtu}")?;
        }
        let flags = [(self.spec.vlan_filtering, " vlan_filtering 1"), (self.promiscuous, " promisc on")];
        flags.iter().filter(|(on, _)| *on).try_for_each(|(_, text)| f.write_str(text))?;
        f.write_str(" up   (shared)")
    }
}

impl Bridge {
    fn name(&self) -> &IfName {
        &self.spec.name
    }

    fn not_a_bridge(&self, link: &Link) -> KernelError {
        let kind = if link.kind.is_empty() { "physical" } else { &link.kind };
        KernelError {
            hint: Some(format!(
                "{} is a {kind} link; set \"bridge\" to another name, or remove that link",
                self.name()
            )),
            ..KernelError::new(format!("use {} as bridge", self.name()), Errno::EEXIST)
        }
    }

    /// Makes it; `None` when another process was first.
    fn create(&self, node: &mut Node) -> Outcome<Option<()>> {
        match node.route(Side::Host)?.create_bridge(&self.spec) {
            Ok(()) => {}
            Err(error) if error.errno == Errno::EEXIST => return Ok(None),
            Err(error) if error.errno == Errno::EOPNOTSUPP && self.spec.vlan_filtering => {
                let hint = "VLANs need a kernel with CONFIG_BRIDGE_VLAN_FILTERING".to_owned();
                return Err(KernelError { hint: Some(hint), ..error });
            }
            Err(error) => return Err(error),
        }
        super::bridge_state::refuse_routers(self.name());
        super::bridge_state::detect_no_duplicates(self.name());
        Ok(Some(()))
    }
}

impl Resource for Bridge {
    fn scope(&self) -> Scope {
        Scope::Shared
    }

    fn apply(&self, node: &mut Node) -> Outcome<Applied> {
        let existing = match node.route(Side::Host)?.link(self.name())? {
            Some(link) => Some(link),
            None => match self.create(node)? {
                Some(()) => None,
                None => Some(node.existing_link(Side::Host, self.name())?),
            },
        };
        let Some(link) = existing else {
            node.host_link(self.name())?;
            return Ok(Applied::Created);
        };
        if link.kind != "bridge" {
            return Err(self.not_a_bridge(&link));
        }
        node.note_host_link(self.name(), link);
        Ok(Applied::Unchanged)
    }

    fn check(&self, node: &mut Node) -> Outcome<Option<Drift>> {
        let Some(link) = node.seen_link(Side::Host, self.name())? else {
            return Ok(Some(Drift("it does not exist".into())));
        };
        let drift = if link.kind != "bridge" {
            Some("it is not a bridge".to_owned())
        } else if !link.up {
            Some("it is down".to_owned())
        } else if let (Some(expected), Some(mac)) = (self.told_mac.filter(|mac| is_fixed(*mac)), link.mac)
            && expected != mac
        {
            Some(format!("its mac is {mac}"))
        } else if self.promiscuous && !link.promiscuous {
            Some("promiscuous mode is off".to_owned())
        } else if self.spec.vlan_filtering && !link.vlan_filtering {
            Some("it does not filter VLANs".to_owned())
        } else {
            None
        };
        Ok(drift.map(Drift))
    }

    /// Only for rollback of an ADD that made it, and only while nobody else has come to use it.
    fn remove(&self, node: &mut Node) -> Outcome<()> {
        let host = node.route(Side::Host)?;
        let Some(link) = host.link(self.name())? else { return Ok(()) };
        if host.ports(link.index)? > 0 {
            return Ok(());
        }
        host.delete_link(self.name()).map(|_| ())
    }
}
