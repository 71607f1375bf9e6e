//! The expressions of a rule: what it looks at, compares and does.

use netlink_packet_netfilter::nftables::{
    Bitwise, Cmp, DataAttribute, ExpressionAttribute, Expressions, Immediate, ListAttribute, Lookup, Meta,
    Operator, Payload, Register, Verdict as Code, VerdictAttribute,
};

/// A register of the nf_tables machine, by its number (`NFT_REG_...`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reg(pub u32);

/// Where a header begins (`enum nft_payload_bases`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base(pub u32);

impl Base {
    /// The Ethernet header.
    pub const LINK: Base = Base(0);
    /// The IP header.
    pub const NETWORK: Base = Base(1);
}

/// What the kernel knows of a packet besides its bytes (`enum nft_meta_keys`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetaKey(pub u32);

impl MetaKey {
    /// The name of the interface it came in by.
    pub const IIFNAME: MetaKey = MetaKey(6);
    /// Its protocol family, one byte: 2 for IPv4, 10 for IPv6.
    pub const NFPROTO: MetaKey = MetaKey(15);
}

/// What becomes of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is thrown away.
    Drop,
    /// It goes back to the chain that jumped here.
    Return,
    /// It goes through another chain, and comes back.
    Jump(String),
    /// It goes to another chain.
    Goto(String),
    /// Anything else, by its number.
    Other(u32),
}

/// One step of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// Loads bytes of a header.
    Payload {
        /// Which header.
        base: Base,
        /// Bytes from its start.
        offset: u32,
        /// How many bytes.
        length: u32,
        /// To where.
        to: Reg,
    },
    /// Loads what is known of the packet.
    Meta {
        /// What.
        key: MetaKey,
        /// To where.
        to: Reg,
    },
    /// Goes on if the value is in a set, or, negated, if it is not.
    Lookup {
        /// The set's name.
        set: String,
        /// The value.
        from: Reg,
        /// Whether it must not be there.
        negated: bool,
    },
    /// Goes on if the value equals this one, or, negated, if it does not.
    Compare {
        /// The value.
        from: Reg,
        /// What it is compared with.
        value: Vec<u8>,
        /// Whether it must differ.
        negated: bool,
    },
    /// Clears the bits that are not in the mask.
    Mask {
        /// The value, changed in place.
        at: Reg,
        /// The bits to keep.
        mask: Vec<u8>,
    },
    /// Gives the packet the address of the interface it leaves by.
    Masquerade,
    /// Ends the rule.
    Verdict(Verdict),
    /// A comment in the manner of iptables (xt match `comment`), which has no effect.
    Comment(String),
    /// One that this project never writes, by its name.
    Other(String),
}

type Encoded = ListAttribute<ExpressionAttribute>;

impl Expr {
    /// The chain that packets are sent to.
    pub fn target(&self) -> Option<&str> {
        match self {
            Expr::Verdict(Verdict::Jump(chain) | Verdict::Goto(chain)) => Some(chain),
            _ => None,
        }
    }

    pub(super) fn encode(&self) -> Encoded {
        let reg = |reg: &Reg| Register::from(reg.0);
        let data = |value: &[u8]| DataAttribute::Value(value.to_vec());
        let other =
            |name: &str| Expressions::Other { expression_type: name.to_owned(), attributes: Vec::new() };
        Encoded::from(match self {
            Expr::Payload { base, offset, length, to } => Expressions::Payload(vec![
                Payload::DestinationRegister(reg(to)),
                Payload::Base(base.0),
                Payload::Offset(*offset),
                Payload::Len(*length),
            ]),
            Expr::Meta { key, to } => {
                Expressions::Meta(vec![Meta::Key(key.0.into()), Meta::DestinationRegister(reg(to))])
            }
            Expr::Lookup { set, from, negated } => {
                let mut parts = vec![Lookup::SourceRegister(reg(from)), Lookup::Set(set.clone())];
                // NFT_LOOKUP_F_INV
                parts.extend(negated.then_some(Lookup::Flags(1)));
                Expressions::Lookup(parts)
            }
            Expr::Compare { from, value, negated } => Expressions::Cmp(vec![
                Cmp::SourceRegister(reg(from)),
                Cmp::Op(if *negated { Operator::NotEqual } else { Operator::Equal }),
                Cmp::Data(data(value)),
            ]),
            Expr::Mask { at, mask } => Expressions::Bitwise(vec![
                Bitwise::SourceRegister(reg(at)),
                Bitwise::DestinationRegister(reg(at)),
                Bitwise::Length(u32::try_from(mask.len()).unwrap_or(0)),
                Bitwise::Mask(data(mask)),
                Bitwise::Xor(data(&vec![0; mask.len()])),
            ]),
            Expr::Verdict(verdict) => Expressions::Immediate(vec![
                Immediate::DestinationRegister(Register::Verdict),
                Immediate::Data(DataAttribute::Verdict(verdict.encode())),
            ]),
            Expr::Masquerade => other("masq"),
            Expr::Comment(_) => other("match"),
            Expr::Other(name) => other(name),
        })
    }
}

impl Verdict {
    fn encode(&self) -> Vec<VerdictAttribute> {
        let (code, chain) = match self {
            Verdict::Drop => (Code::Other(0), None),
            Verdict::Return => (Code::Return, None),
            Verdict::Jump(chain) => (Code::Jump, Some(chain)),
            Verdict::Goto(chain) => (Code::Goto, Some(chain)),
            Verdict::Other(code) => (Code::from(*code), None),
        };
        let chain = chain.map(|chain| VerdictAttribute::Chain(chain.clone()));
        [VerdictAttribute::Code(code)].into_iter().chain(chain).collect()
    }
}
