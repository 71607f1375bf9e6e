//! What the kernel answers, as our values.

use netlink_packet_netfilter::nftables::{
    ChainAttribute, DataAttribute, GenAttribute, Hook as HookAttribute, ListAttribute,
    NfTablesMessage as Message, RuleAttribute, SetAttribute, SetElementAttribute, SetElementList,
    SetElementMessage, TableAttribute, TableFlags,
};
use netlink_packet_netfilter::{NetfilterMessage, NetfilterMessageInner};

use super::userdata::parse_comment;
use super::{ChainState, Element, Expr, Key, KeyType, Rule, TableState};

fn inner(message: NetfilterMessage) -> Option<Message> {
    match message.inner {
        NetfilterMessageInner::NfTables(message) => Some(message),
        _ => None,
    }
}

pub(super) fn generation(message: NetfilterMessage) -> Option<u32> {
    let Message::NewGen(message) = inner(message)? else { return None };
    message.attributes.iter().find_map(|attribute| match attribute {
        GenAttribute::Id(id) => Some(*id),
        _ => None,
    })
}

pub(super) fn table(message: NetfilterMessage) -> Option<TableState> {
    let Message::NewTable(message) = inner(message)? else { return None };
    let mut state = TableState { dormant: false, uses: 0 };
    for attribute in &message.attributes {
        match attribute {
            TableAttribute::Flags(flags) => state.dormant = flags.contains(TableFlags::Dormant),
            TableAttribute::Use(uses) => state.uses = *uses,
            _ => {}
        }
    }
    Some(state)
}

pub(super) fn chain(message: NetfilterMessage) -> Option<ChainState> {
    let Message::NewChain(message) = inner(message)? else { return None };
    let mut state = ChainState::default();
    for attribute in message.attributes {
        match attribute {
            ChainAttribute::Type(kind) => state.kind = Some(kind),
            ChainAttribute::Policy(policy) => state.policy = Some(policy),
            ChainAttribute::Use(uses) => state.uses = uses,
            ChainAttribute::Hook(hook) => {
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
pub(super) fn set(message: NetfilterMessage) -> Option<(String, Option<KeyType>)> {
    let Message::NewSet(message) = inner(message)? else { return None };
    let (mut name, mut kind) = (None, None);
    for attribute in message.attributes {
        match attribute {
            SetAttribute::Name(text) => name = Some(text),
            SetAttribute::KeyType(number) => kind = KeyType::from_number(number),
            _ => {}
        }
    }
    Some((name?, kind))
}

pub(super) fn rule(message: NetfilterMessage) -> Option<Rule> {
    let Message::NewRule(message) = inner(message)? else { return None };
    let mut rule = Rule { handle: 0, exprs: Vec::new(), comment: None };
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Handle(handle) => rule.handle = *handle,
            RuleAttribute::Expressions(exprs) => {
                rule.exprs = exprs.iter().filter_map(Expr::decode).collect();
            }
            RuleAttribute::UserData(bytes) => rule.comment = parse_comment(bytes),
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
pub(super) fn elements(message: NetfilterMessage, kind: KeyType) -> Vec<Element> {
    match inner(message) {
        Some(Message::NewSetElement(message)) => listed(&message, kind),
        _ => Vec::new(),
    }
}

/// The elements that a message says were deleted, and from which set.
pub(super) fn deleted(
    message: NetfilterMessage,
    kind: impl Fn(&str) -> Option<KeyType>,
) -> Option<(String, Vec<Element>)> {
    let Message::DeleteSetElement(message) = inner(message)? else { return None };
    let set = message.attributes.iter().find_map(|attribute| match attribute {
        SetElementList::Set(name) => Some(name.clone()),
        _ => None,
    })?;
    let elements = listed(&message, kind(&set)?);
    Some((set, elements))
}

fn listed(message: &SetElementMessage, kind: KeyType) -> Vec<Element> {
    let lists = message.attributes.iter().filter_map(|attribute| match attribute {
        SetElementList::Elements(list) => Some(list),
        _ => None,
    });
    lists.flatten().filter_map(|element| read_element(element, kind)).collect()
}

fn read_element(element: &ListAttribute<SetElementAttribute>, kind: KeyType) -> Option<Element> {
    let ListAttribute::Element(parts) = element else { return None };
    let (mut key, mut comment) = (None, None);
    for part in parts {
        match part {
            SetElementAttribute::Key(DataAttribute::Value(bytes)) => key = Key::parse(kind, bytes),
            SetElementAttribute::UserData(bytes) => comment = parse_comment(bytes),
            _ => {}
        }
    }
    Some(Element { key: key?, comment })
}
