//! Expressions as the kernel tells them: it adds attributes that were left out, and has its own order.

use netlink_packet_netfilter::nftables::{
    Bitwise, Cmp, DataAttribute, Immediate, Lookup, Meta, Operator, Payload, Verdict as Code,
    VerdictAttribute,
};

use super::told::Attribute;
use super::userdata::c_string;
use super::{Base, Expr, MetaKey, Reg, Verdict};

/// linux/netfilter/nf_tables.h
const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;
const NFTA_CMP_DATA: u16 = 3;
/// Mask, xor, data.
const NFTA_BITWISE_DATA: [u16; 3] = [4, 5, 7];
const NFTA_IMMEDIATE_DATA: u16 = 2;
/// linux/netfilter/nf_tables_compat.h
const NFTA_MATCH_NAME: u16 = 1;
const NFTA_MATCH_INFO: u16 = 3;

impl Expr {
    pub(super) fn decode(expr: Attribute<'_>) -> Option<Self> {
        let name = expr.part(NFTA_EXPR_NAME)?.text()?;
        let known = expr.part(NFTA_EXPR_DATA).and_then(|data| match name.as_str() {
            "payload" => payload(&data.parse_parts()?),
            "meta" => meta(&data.parse_parts()?),
            "lookup" => lookup(&data.parse_parts()?),
            "cmp" => compare(&data.parse_parts_with(&[NFTA_CMP_DATA])?),
            "bitwise" => mask(&data.parse_parts_with(&NFTA_BITWISE_DATA)?),
            "immediate" => verdict(&data.parse_parts_with(&[NFTA_IMMEDIATE_DATA])?),
            // With flags or ports it is something else than ours.
            "masq" => data.value.is_empty().then_some(Expr::Masquerade),
            "match" => xt_comment(data),
            _ => None,
        });
        Some(known.unwrap_or(Expr::Other(name)))
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

/// A match of xtables, if it is a comment (`struct xt_comment_info`: 256 bytes of text).
fn xt_comment(data: Attribute<'_>) -> Option<Expr> {
    (data.part(NFTA_MATCH_NAME)?.text()? == "comment").then_some(())?;
    c_string(data.part(NFTA_MATCH_INFO)?.value).map(Expr::Comment)
}

fn value(data: &DataAttribute) -> Option<Vec<u8>> {
    match data {
        DataAttribute::Value(bytes) => Some(bytes.clone()),
        _ => None,
    }
}
