//! The owner tag: which attachment of which network a thing in the kernel belongs to.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::spec::{Attachment, IfName, NetworkName};

/// Longest alias of a link (linux/if.h `IFALIASZ`, less the final zero).
const MAX_ALIAS: usize = 255;
/// What an alias of ours begins with.
const ALIAS_PREFIX: &str = "trestle";

/// A network's short name for tags: 16 hexadecimal digits.
pub fn network_hash(network: &NetworkName) -> String {
    let digest = Sha256::digest(network.as_str().as_bytes());
    let number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{number:016x}")
}

/// A kernel-sized name (15 characters) for a thing that is shared: `prefix` and a hash of what it is for.
pub fn short_name(prefix: &str, what: &str) -> String {
    let digest = Sha256::digest(what.as_bytes());
    let number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let mut name = format!("{prefix}{number:016x}");
    name.truncate(15);
    name
}

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

    /// The alias of the node's end: `trestle NETWORK-HASH TAG network/container/interface`. GC finds links
    /// by it, and a person sees whose they are.
    pub fn alias(&self, network: &NetworkName, attachment: &Attachment) -> String {
        let Attachment { container_id, ifname } = attachment;
        let mut text =
            format!("{ALIAS_PREFIX} {} {self} {network}/{container_id}/{ifname}", network_hash(network));
        while text.len() > MAX_ALIAS {
            text.pop(); // by characters: an interface name need not be ASCII
        }
        text
    }

    /// The tag in an alias, if it is of that network.
    pub fn from_alias(alias: &str, network: &NetworkName) -> Option<Self> {
        let mut words = alias.split(' ');
        if words.next() != Some(ALIAS_PREFIX) || words.next() != Some(network_hash(network).as_str()) {
            return None;
        }
        Self::parse(words.next()?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::ContainerId;

    fn attachment(id: &str) -> Attachment {
        Attachment { container_id: ContainerId::parse(id).unwrap(), ifname: IfName::parse("eth0").unwrap() }
    }

    #[test]
    fn an_alias_tells_network_and_tag_back_whatever_the_length_of_the_names() {
        let other = NetworkName::parse("other").unwrap();
        for name in ["n", &"n".repeat(200)] {
            let network = NetworkName::parse(name).unwrap();
            for id in ["c", &"c".repeat(200)] {
                let tag = OwnerTag::new(&network, &attachment(id));
                let alias = tag.alias(&network, &attachment(id));
                assert!(alias.len() <= 255);
                assert_eq!(OwnerTag::from_alias(&alias, &network), Some(tag));
                assert_eq!(OwnerTag::from_alias(&alias, &other), None);
            }
        }
    }

    #[test]
    fn tags_do_not_run_names_together() {
        let network = |n: &str| NetworkName::parse(n).unwrap();
        assert_ne!(
            OwnerTag::new(&network("ab"), &attachment("c")),
            OwnerTag::new(&network("a"), &attachment("bc"))
        );
    }
}
