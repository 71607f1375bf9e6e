//! The owner tag: which attachment of which network a thing in the kernel belongs to.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::spec::{Attachment, IfName, MacAddr, NetworkName};

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

    /// Whether an alias is of this kind, of whatever network.
    pub fn is_alias(alias: &str) -> bool {
        alias.split(' ').next() == Some(ALIAS_PREFIX)
    }

    /// The hardware address of the node's end: `fe` (of this node only, and never the lowest on a bridge), two
    /// bytes of the network's hash, three of the tag. A link can be made with an address, but not with an
    /// alias, so this says whose it is when ADD is killed in between.
    pub fn host_mac(&self, network: &NetworkName) -> MacAddr {
        let hash = Sha256::digest(network.as_str().as_bytes());
        let tail = hash.iter().take(2).chain(self.0.iter().take(3));
        let mut mac = [0xfe; 6];
        mac.iter_mut().skip(1).zip(tail).for_each(|(to, from)| *to = *from);
        MacAddr(mac)
    }

    /// Whether a link without an alias is the node's end of a pair whose ADD did not get far: name and
    /// hardware address fit each other and the network.
    pub fn is_unfinished(link: &str, mac: MacAddr, network: &NetworkName) -> bool {
        let Some(digits) = link.strip_prefix("veth").filter(|digits| digits.len() == 11) else {
            return false;
        };
        let Ok(start) = u64::from_str_radix(digits, 16) else { return false };
        // The name begins with 44 bits of the tag.
        let tag = OwnerTag((u128::from(start) << 84).to_be_bytes());
        tag.host_mac(network) == mac
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

    fn network(name: &str) -> NetworkName {
        NetworkName::parse(name).unwrap()
    }

    #[test]
    fn an_unfinished_link_is_known_by_name_and_address() {
        let tag = OwnerTag::new(&network("a"), &attachment("c1"));
        let other = OwnerTag::new(&network("a"), &attachment("c2"));
        let (name, mac) = (tag.host_ifname().unwrap(), tag.host_mac(&network("a")));
        assert_eq!(mac.0[0], 0xfe);
        assert!(OwnerTag::is_unfinished(name.as_str(), mac, &network("a")));
        for (name, mac, of) in [
            (name.as_str(), mac, "b"),
            (name.as_str(), other.host_mac(&network("a")), "a"),
            (other.host_ifname().unwrap().as_str(), mac, "a"),
            ("veth12345678", mac, "a"),
            ("veth+1234567890", mac, "a"),
            ("eth0", mac, "a"),
        ] {
            assert!(!OwnerTag::is_unfinished(name, mac, &network(of)), "{name} {mac} {of}");
        }
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
        assert_ne!(
            OwnerTag::new(&network("ab"), &attachment("c")),
            OwnerTag::new(&network("a"), &attachment("bc"))
        );
    }
}
