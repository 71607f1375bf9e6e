//! What the kernel answers, as our values.

use netlink_packet_netfilter::nftables::{
    ChainAttribute, GenAttribute, Hook as HookAttribute, SetAttribute, TableAttribute, TableFlags,
};

use super::told::{Attribute, Told};
use super::userdata::parse_comment;
use super::{ChainState, Element, Expr, Key, KeyType, Rule, TableState};

/// linux/netfilter/nf_tables.h
const NFT_MSG_NEWTABLE: u8 = 0;
const NFT_MSG_NEWCHAIN: u8 = 3;
const NFT_MSG_NEWRULE: u8 = 6;
const NFT_MSG_NEWSET: u8 = 9;
const NFT_MSG_NEWSETELEM: u8 = 12;
const NFT_MSG_DELSETELEM: u8 = 14;
const NFT_MSG_NEWGEN: u8 = 15;
const NFTA_SET_NAME: u16 = 2;
const NFTA_SET_KEY_TYPE: u16 = 4;
const NFTA_RULE_HANDLE: u16 = 3;
const NFTA_RULE_EXPRESSIONS: u16 = 4;
const NFTA_RULE_USERDATA: u16 = 7;
const NFTA_SET_ELEM_LIST_SET: u16 = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS: u16 = 3;
const NFTA_SET_ELEM_KEY: u16 = 1;
const NFTA_SET_ELEM_USERDATA: u16 = 6;
const NFTA_DATA_VALUE: u16 = 1;

/// The attributes of a message, if it is of this kind.
fn of_kind(told: &Told, kind: u8) -> Option<impl Iterator<Item = Attribute<'_>>> {
    (told.kind == Some(kind)).then(|| told.attributes())
}

pub(super) fn generation(told: &Told) -> Option<u32> {
    of_kind(told, NFT_MSG_NEWGEN)?.find_map(|attribute| match attribute.parse()? {
        GenAttribute::Id(id) => Some(id),
        _ => None,
    })
}

pub(super) fn table(told: &Told) -> Option<TableState> {
    let mut state = TableState { dormant: false, uses: 0 };
    for attribute in of_kind(told, NFT_MSG_NEWTABLE)? {
        match attribute.parse() {
            Some(TableAttribute::Flags(flags)) => state.dormant = flags.contains(TableFlags::Dormant),
            Some(TableAttribute::Use(uses)) => state.uses = uses,
            _ => {}
        }
    }
    Some(state)
}

pub(super) fn chain(told: &Told) -> Option<ChainState> {
    let mut state = ChainState::default();
    for attribute in of_kind(told, NFT_MSG_NEWCHAIN)? {
        match attribute.parse() {
            Some(ChainAttribute::Type(kind)) => state.kind = Some(kind),
            Some(ChainAttribute::Policy(policy)) => state.policy = Some(policy),
            Some(ChainAttribute::Use(uses)) => state.uses = uses,
            Some(ChainAttribute::Hook(hook)) => {
                for part in hook {
                    match part {
                        HookAttribute::Number(number) => state.hook = Some(number.into()),
                        HookAttribute::Priority(priority) => state.priority = Some(priority.cast_signed()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Some(state)
}

/// The name of a set, and what it holds if that is something of ours.
pub(super) fn set(told: &Told) -> Option<(String, Option<KeyType>)> {
    let (mut name, mut kind) = (None, None);
    for attribute in of_kind(told, NFT_MSG_NEWSET)? {
        if !matches!(attribute.kind, NFTA_SET_NAME | NFTA_SET_KEY_TYPE) {
            continue; // another's set may hold what the library cannot read
        }
        match attribute.parse() {
            Some(SetAttribute::Name(text)) => name = Some(text),
            Some(SetAttribute::KeyType(number)) => kind = KeyType::from_number(number),
            _ => {}
        }
    }
    Some((name?, kind))
}

pub(super) fn rule(told: &Told) -> Option<Rule> {
    let mut rule = Rule { handle: 0, exprs: Vec::new(), comment: None };
    for attribute in of_kind(told, NFT_MSG_NEWRULE)? {
        match attribute.kind {
            NFTA_RULE_HANDLE => rule.handle = u64::from_be_bytes(attribute.value.try_into().ok()?),
            NFTA_RULE_EXPRESSIONS => rule.exprs = attribute.parts().filter_map(Expr::decode).collect(),
            NFTA_RULE_USERDATA => rule.comment = parse_comment(attribute.value),
            _ => {}
        }
    }
    // iptables uses either.
    rule.comment = rule.comment.or_else(|| {
        rule.exprs.iter().find_map(|expr| match expr {
            Expr::Comment(text) => Some(text.clone()),
            _ => None,
        })
    });
    Some(rule)
}

/// The elements that a message lists.
pub(super) fn elements(told: &Told, kind: KeyType) -> Vec<Element> {
    of_kind(told, NFT_MSG_NEWSETELEM).map(|attributes| listed(attributes, kind)).unwrap_or_default()
}

/// The elements that a message says were deleted, and from which set.
pub(super) fn deleted(told: &Told, kind: impl Fn(&str) -> Option<KeyType>) -> Option<(String, Vec<Element>)> {
    let set = of_kind(told, NFT_MSG_DELSETELEM)?.find(|a| a.kind == NFTA_SET_ELEM_LIST_SET)?.text()?;
    let elements = listed(told.attributes(), kind(&set)?);
    Some((set, elements))
}

fn listed<'a>(attributes: impl Iterator<Item = Attribute<'a>>, kind: KeyType) -> Vec<Element> {
    let lists = attributes.filter(|attribute| attribute.kind == NFTA_SET_ELEM_LIST_ELEMENTS);
    lists.flat_map(Attribute::parts).filter_map(|element| read_element(element, kind)).collect()
}

fn read_element(element: Attribute<'_>, kind: KeyType) -> Option<Element> {
    let key = element.part(NFTA_SET_ELEM_KEY)?.part(NFTA_DATA_VALUE)?.value;
    let comment = element.part(NFTA_SET_ELEM_USERDATA).and_then(|data| parse_comment(data.value));
    Some(Element { key: Key::parse(kind, key)?, comment })
}
