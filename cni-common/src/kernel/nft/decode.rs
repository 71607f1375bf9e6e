//! Expressions as the kernel tells them: it adds attributes that were left out, and has its own order.

use netlink_packet_core::{DefaultNla, Nla};
use netlink_packet_netfilter::nftables::{
    Bitwise, Cmp, DataAttribute, ExpressionAttribute, Expressions, Immediate, ListAttribute, Lookup, Meta,
    Operator, Payload, Verdict as Code, VerdictAttribute,
};

use super::expr::Encoded;
use super::userdata::c_string;
use super::{Base, Expr, MetaKey, Reg, Verdict};

impl Expr {
    pub(super) fn decode(attribute: &Encoded) -> Option<Self> {
        let ListAttribute::Element(parts) = attribute else { return None };
        let name = parts.iter().find_map(|part| match part {
            ExpressionAttribute::Name(name) => Some(name.as_str()),
            _ => None,
        })?;
        let data = parts.iter().find_map(|part| match part {
            ExpressionAttribute::Data(data) => Some(data),
            _ => None,
        });
        let known = data.and_then(|data| match data {
            Expressions::Payload(parts) => payload(parts),
            Expressions::Meta(parts) => meta(parts),
            Expressions::Lookup(parts) => lookup(parts),
            Expressions::Cmp(parts) => compare(parts),
            Expressions::Bitwise(parts) => mask(parts),
            Expressions::Immediate(parts) => verdict(parts),
            Expressions::Other { expression_type, attributes } => match expression_type.as_str() {
                // With flags or ports it is something else than ours.
                "masq" => attributes.is_empty().then_some(Expr::Masquerade),
                "match" => xt_comment(attributes),
                _ => None,
            },
            _ => None,
        });
        Some(known.unwrap_or_else(|| Expr::Other(name.to_owned())))
    }
}

fn payload(parts: &[Payload]) -> Option<Expr> {
    let (mut base, mut offset, mut length, mut to) = (None, None, None, None);
    for part in parts {
        match part {
            Payload::Base(value) => base = Some(Base(*value)),
            Payload::Offset(value) => offset = Some(*value),
            Payload::Len(value) => length = Some(*value),
            Payload::DestinationRegister(reg) => to = Some(Reg((*reg).into())),
            _ => return None,
        }
    }
    Some(Expr::Payload { base: base?, offset: offset?, length: length?, to: to? })
}

fn meta(parts: &[Meta]) -> Option<Expr> {
    let (mut key, mut to) = (None, None);
    for part in parts {
        match part {
            Meta::Key(value) => key = Some(MetaKey((*value).into())),
            Meta::DestinationRegister(reg) => to = Some(Reg((*reg).into())),
            _ => return None,
        }
    }
    Some(Expr::Meta { key: key?, to: to? })
}

fn lookup(parts: &[Lookup]) -> Option<Expr> {
    let (mut set, mut from, mut negated) = (None, None, false);
    for part in parts {
        match part {
            Lookup::Set(name) => set = Some(name.clone()),
            Lookup::SourceRegister(reg) => from = Some(Reg((*reg).into())),
            Lookup::Flags(flags) => negated = flags & 1 != 0,
            // A map: the value found goes somewhere.
            Lookup::DestinationRegister(_) => return None,
            _ => {}
        }
    }
    Some(Expr::Lookup { set: set?, from: from?, negated })
}

fn compare(parts: &[Cmp]) -> Option<Expr> {
    let (mut from, mut bytes, mut negated) = (None, None, None);
    for part in parts {
        match part {
            Cmp::SourceRegister(reg) => from = Some(Reg((*reg).into())),
            Cmp::Op(Operator::Equal) => negated = Some(false),
            Cmp::Op(Operator::NotEqual) => negated = Some(true),
            Cmp::Data(data) => bytes = value(data),
            _ => return None,
        }
    }
    Some(Expr::Compare { from: from?, value: bytes?, negated: negated? })
}

fn mask(parts: &[Bitwise]) -> Option<Expr> {
    let (mut from, mut to, mut mask) = (None, None, None);
    for part in parts {
        match part {
            Bitwise::SourceRegister(reg) => from = Some(Reg((*reg).into())),
            Bitwise::DestinationRegister(reg) => to = Some(Reg((*reg).into())),
            Bitwise::Mask(data) => mask = value(data),
            // NFT_BITWISE_MASK_XOR; the others shift.
            Bitwise::Length(_) | Bitwise::Op(0) => {}
            Bitwise::Xor(data) if value(data)?.iter().all(|byte| *byte == 0) => {}
            _ => return None,
        }
    }
    (from == to).then_some(Expr::Mask { at: from?, mask: mask? })
}

fn verdict(parts: &[Immediate]) -> Option<Expr> {
    let verdict = parts.iter().find_map(|part| match part {
        Immediate::Data(DataAttribute::Verdict(parts)) => Some(parts),
        _ => None,
    })?;
    let (mut code, mut chain) = (None, None);
    for part in verdict {
        match part {
            VerdictAttribute::Code(value) => code = Some(*value),
            VerdictAttribute::Chain(name) => chain = Some(name.clone()),
            _ => {}
        }
    }
    Some(Expr::Verdict(match (code?, chain) {
        (Code::Other(0), _) => Verdict::Drop,
        (Code::Return, _) => Verdict::Return,
        (Code::Jump, Some(chain)) => Verdict::Jump(chain),
        (Code::Goto, Some(chain)) => Verdict::Goto(chain),
        (code, _) => Verdict::Other(code.into()),
    }))
}

/// A match of xtables (`linux/netfilter/nf_tables_compat.h`: name, revision, info), if it is a comment
/// (`struct xt_comment_info`: 256 bytes of text).
fn xt_comment(parts: &[DefaultNla]) -> Option<Expr> {
    let part = |kind: u16| {
        parts.iter().find(|part| part.kind() == kind).map(|part| {
            let mut bytes = vec![0; part.value_len()];
            part.emit_value(&mut bytes);
            bytes
        })
    };
    (c_string(&part(1)?)? == "comment").then(|| part(3))?.and_then(|info| c_string(&info)).map(Expr::Comment)
}

fn value(data: &DataAttribute) -> Option<Vec<u8>> {
    match data {
        DataAttribute::Value(bytes) => Some(bytes.clone()),
        _ => None,
    }
}
