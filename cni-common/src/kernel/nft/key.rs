//! What a set holds.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::spec::{IfName, MacAddr};

/// linux/if.h `IFNAMSIZ`
const NAME: usize = 16;

/// The type of a set's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// `ipv4_addr`
    Ipv4,
    /// `ipv6_addr`
    Ipv6,
    /// `ifname`
    Port,
    /// `ifname . ether_addr`
    PortMac,
}

impl KeyType {
    /// The number by which `nft` knows the type (enum `datatypes` of nftables' datatype.h; six bits for
    /// each part of a concatenation). The kernel only keeps it.
    pub(super) fn number(self) -> u32 {
        match self {
            KeyType::Ipv4 => 7,
            KeyType::Ipv6 => 8,
            KeyType::Port => 41,
            KeyType::PortMac => 41 << 6 | 9,
        }
    }

    /// The type that has this number, if it is one of ours.
    pub(super) fn from_number(number: u32) -> Option<Self> {
        [KeyType::Ipv4, KeyType::Ipv6, KeyType::Port, KeyType::PortMac]
            .into_iter()
            .find(|k| k.number() == number)
    }

    /// Bytes; every part of a concatenation is padded to four.
    pub(super) fn length(self) -> u32 {
        match self {
            KeyType::Ipv4 => 4,
            KeyType::Ipv6 | KeyType::Port => 16,
            KeyType::PortMac => 24,
        }
    }

    /// The byte order that `nft` notes with a set: none, the host's (1), or the network's (2).
    pub(super) fn byte_order(self) -> u32 {
        match self {
            KeyType::Ipv4 | KeyType::Ipv6 => 2,
            KeyType::Port => 1,
            KeyType::PortMac => 0,
        }
    }
}

/// An element's value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// An address of either family.
    Address(IpAddr),
    /// A port of a bridge, by its name.
    Port(IfName),
    /// A port and the address that frames from it may have.
    PortMac(IfName, MacAddr),
}

impl Key {
    /// The bytes that the kernel compares.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let padded = |name: &IfName| {
            let mut bytes = name.as_str().as_bytes().to_vec();
            bytes.resize(NAME, 0);
            bytes
        };
        match self {
            Key::Address(IpAddr::V4(address)) => address.octets().to_vec(),
            Key::Address(IpAddr::V6(address)) => address.octets().to_vec(),
            Key::Port(name) => padded(name),
            Key::PortMac(name, mac) => [padded(name).as_slice(), &mac.0, &[0, 0]].concat(),
        }
    }

    /// Reads [`bytes`](Self::bytes); `None` when they are not of this type.
    pub(super) fn parse(kind: KeyType, bytes: &[u8]) -> Option<Self> {
        if bytes.len() != usize::try_from(kind.length()).ok()? {
            return None;
        }
        let name = |bytes: &[u8]| {
            let text = std::str::from_utf8(bytes.split(|byte| *byte == 0).next()?).ok()?;
            IfName::parse(text).ok()
        };
        Some(match kind {
            KeyType::Ipv4 => Key::Address(IpAddr::V4(Ipv4Addr::from_octets(bytes.try_into().ok()?))),
            KeyType::Ipv6 => Key::Address(IpAddr::V6(Ipv6Addr::from_octets(bytes.try_into().ok()?))),
            KeyType::Port => Key::Port(name(bytes)?),
            KeyType::PortMac => {
                let (port, mac) = bytes.split_at_checked(NAME)?;
                Key::PortMac(name(port)?, MacAddr(*mac.first_chunk()?))
            }
        })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Address(address) => write!(f, "{address}"),
            Key::Port(name) => write!(f, "{name}"),
            Key::PortMac(name, mac) => write!(f, "{name} . {mac}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_their_bytes() {
        let port = IfName::parse("veth0123456789a").unwrap();
        for (kind, key) in [
            (KeyType::Ipv4, Key::Address("10.88.0.5".parse().unwrap())),
            (KeyType::Ipv6, Key::Address("fd00::5".parse().unwrap())),
            (KeyType::Port, Key::Port(port.clone())),
            (KeyType::PortMac, Key::PortMac(port, MacAddr([10, 88, 10, 88, 0, 5]))),
        ] {
            assert_eq!(key.bytes().len(), usize::try_from(kind.length()).unwrap());
            assert_eq!(Key::parse(kind, &key.bytes()), Some(key));
            assert_eq!(Key::parse(kind, &[1, 2, 3]), None);
        }
    }
}
