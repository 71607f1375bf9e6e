//! An IP address as a number: what ranges and bitmaps count in.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// An address of either family in one ordered space: IPv4 lies where IPv6 maps it, in `::ffff:0:0/96`.
/// Nothing is lost by that: as in Go's `net.IP`, a mapped address *is* the IPv4 address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Addr(u128);

/// `::ffff:0:0`, the first mapped address.
const MAPPED: u128 = 0xffff_0000_0000;

impl Addr {
    /// Reads an address as Go's `net.ParseIP` does: no zone, no leading zeros.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<IpAddr>().ok().map(Addr::from)
    }

    /// Reads the name of a lease file: only the one spelling that [`Addr`] prints.
    pub fn from_file_name(name: &str) -> Option<Self> {
        if !name.starts_with(|c: char| c.is_ascii_hexdigit() || c == ':') {
            return None;
        }
        Addr::parse(name).filter(|addr| addr.to_string() == name)
    }

    /// From the number that [`Addr::bits`] gives.
    pub fn from_bits(bits: u128) -> Self {
        Addr(bits)
    }

    /// Its place in the ordered space of both families.
    pub fn bits(self) -> u128 {
        self.0
    }

    /// It is an IPv4 address.
    pub fn is_v4(self) -> bool {
        self.0 >> 32 == MAPPED >> 32
    }

    /// Length of an address of its family, in bits.
    pub fn width(self) -> u8 {
        if self.is_v4() { 32 } else { 128 }
    }

    /// The address `offset` places further, unless that leaves the space.
    pub fn plus(self, offset: u128) -> Option<Self> {
        self.0.checked_add(offset).map(Addr)
    }

    /// The same address with the bits behind a prefix of `len` set to `fill`.
    pub fn with_host_bits(self, len: u8, fill: bool) -> Self {
        let host = u32::from(self.width().saturating_sub(len));
        let mask = 1_u128.checked_shl(host).map_or(u128::MAX, |bit| bit - 1);
        Addr(if fill { self.0 | mask } else { self.0 & !mask })
    }

    /// As the standard library has it.
    pub fn ip(self) -> IpAddr {
        Ipv6Addr::from_bits(self.0).to_canonical()
    }
}

impl From<IpAddr> for Addr {
    fn from(ip: IpAddr) -> Self {
        Addr(match ip {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            IpAddr::V6(v6) => v6.to_bits(),
        })
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ip().fmt(f)
    }
}

impl fmt::Debug for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ip().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_address_is_the_ipv4_address() {
        assert_eq!(Addr::parse("::ffff:10.1.2.3"), Addr::parse("10.1.2.3"));
        assert_eq!(Addr::parse("::ffff:10.1.2.3").unwrap().to_string(), "10.1.2.3");
        assert!(Addr::parse("10.1.2.3").unwrap().is_v4() && !Addr::parse("fd00::1").unwrap().is_v4());
    }

    #[test]
    fn text_forms_are_those_of_go() {
        for text in ["10.1.2.3", "fd00::1", "::", "::1", "2001:db8::1:0:0:1", "::a01:203"] {
            assert_eq!(Addr::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", "10.1.2", "10.01.2.3", "fe80::1%eth0", "10.1.2.3/24", " 10.1.2.3"] {
            assert_eq!(Addr::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn only_one_spelling_names_a_lease() {
        assert!(Addr::from_file_name("10.1.2.3").is_some() && Addr::from_file_name("::1").is_some());
        for bad in ["lock", "last_reserved_ip.0", "FD00::1", "fd00:0::1", "::ffff:10.1.2.3", ".index"] {
            assert_eq!(Addr::from_file_name(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn host_bits() {
        let text = |ip: &str, len, fill| Addr::parse(ip).unwrap().with_host_bits(len, fill).to_string();
        assert_eq!(text("10.1.2.3", 24, false), "10.1.2.0");
        assert_eq!(text("10.1.2.3", 24, true), "10.1.2.255");
        assert_eq!(text("10.1.2.3", 32, true), "10.1.2.3");
        assert_eq!(text("10.1.2.3", 0, true), "255.255.255.255");
        assert_eq!(text("fd00::1", 64, true), "fd00::ffff:ffff:ffff:ffff");
        assert_eq!(text("fd00::1", 0, false), "::");
    }
}
