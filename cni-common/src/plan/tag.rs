//! The owner tag: which attachment of which network a thing in the kernel belongs to.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::spec::{Attachment, IfName, NetworkName};

/// Derived from network, container ID and interface name, so DEL and GC need neither the namespace nor
/// the previous result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerTag([u8; 16]);

impl OwnerTag {
    /// The tag of an attachment.
    pub fn new(network: &NetworkName, attachment: &Attachment) -> Self {
        let mut hash = Sha256::new();
        for part in [network.as_str(), attachment.container_id.as_str(), attachment.ifname.as_str()] {
            hash.update(part.as_bytes());
            hash.update([0]); // not a byte of any of the names
        }
        let mut tag = [0; 16];
        tag.iter_mut().zip(hash.finalize()).for_each(|(t, h)| *t = h);
        OwnerTag(tag)
    }

    /// Reads what `Display` wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let value = u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32)?;
        Some(OwnerTag(value.to_be_bytes()))
    }

    /// The name of the node's end of the attachment's veth pair: `veth` and 11 hexadecimal digits.
    pub fn host_ifname(&self) -> Option<IfName> {
        let text = format!("veth{self}");
        IfName::parse(text.get(..15)?).ok()
    }
}

impl fmt::Display for OwnerTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}
