//! Conditions of rules, as `nft` writes them: a rule that it saved and loaded again is still the same.

use std::net::IpAddr;

use ipnetwork::IpNetwork;

use super::{Base, Expr, MetaKey, Reg};

/// `NFT_REG_1` and `NFT_REG_2`: 16 bytes each, side by side.
const ONE: Reg = Reg(1);
const TWO: Reg = Reg(2);

/// Where the addresses are in the IP header: source, destination, length.
fn layout(address: IpAddr) -> (u32, u32, u32) {
    match address {
        IpAddr::V4(_) => (12, 16, 4),
        IpAddr::V6(_) => (8, 24, 16),
    }
}

/// The packet is of this address's family: needed before its addresses are looked at in a table that
/// sees both.
pub fn family_of(address: IpAddr) -> [Expr; 2] {
    let number = match address {
        IpAddr::V4(_) => 2,
        IpAddr::V6(_) => 10,
    };
    [
        Expr::Meta { key: MetaKey::NFPROTO, to: ONE },
        Expr::Compare { from: ONE, value: vec![number], negated: false },
    ]
}

/// `ip saddr @set`, for the family of `address`.
pub fn source_in(address: IpAddr, set: &str) -> [Expr; 2] {
    let (offset, _, length) = layout(address);
    [
        Expr::Payload { base: Base::NETWORK, offset, length, to: ONE },
        Expr::Lookup { set: set.to_owned(), from: ONE, negated: false },
    ]
}

/// `ip daddr != subnet`. Only the bytes that the prefix covers are loaded, where it ends with a byte.
pub fn destination_outside(subnet: IpNetwork) -> Vec<Expr> {
    let (_, offset, full) = layout(subnet.ip());
    let octets = |address: IpAddr| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let prefix = u32::from(subnet.prefix());
    let whole = prefix > 0 && prefix.is_multiple_of(8);
    let length = if whole { prefix / 8 } else { full };
    let mut value = octets(subnet.network());
    if whole {
        value.truncate(usize::from(subnet.prefix() / 8));
    }
    let mask = (!whole).then(|| Expr::Mask { at: ONE, mask: octets(subnet.mask()) });
    [Expr::Payload { base: Base::NETWORK, offset, length, to: ONE }]
        .into_iter()
        .chain(mask)
        .chain([Expr::Compare { from: ONE, value, negated: true }])
        .collect()
}

/// `iifname @set`
pub fn port_in(set: &str) -> [Expr; 2] {
    [
        Expr::Meta { key: MetaKey::IIFNAME, to: ONE },
        Expr::Lookup { set: set.to_owned(), from: ONE, negated: false },
    ]
}

/// `iifname . ether saddr != @set`
pub fn port_and_source_not_in(set: &str) -> [Expr; 3] {
    [
        Expr::Meta { key: MetaKey::IIFNAME, to: ONE },
        Expr::Payload { base: Base::LINK, offset: 6, length: 6, to: TWO },
        Expr::Lookup { set: set.to_owned(), from: ONE, negated: true },
    ]
}
