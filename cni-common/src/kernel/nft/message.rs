//! Our changes and questions as nf_tables messages.

use netlink_packet_core::{DefaultNla, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_netfilter::nftables::{
    ChainAttribute, ChainMessage, DataAttribute, GenMessage, Hook as HookAttribute, HookNumber,
    ListAttribute, NfTablesMessage as Message, RuleAttribute, RuleMessage, SetAttribute, SetElementAttribute,
    SetElementList, SetElementMessage, SetFlags, SetMessage, TableAttribute, TableFlags, TableMessage,
};
use netlink_packet_netfilter::none::ControlMessage;
use netlink_packet_netfilter::{NetfilterHeader, NetfilterMessage, NetfilterProtoFamily};

use super::object::ACCEPT;
use super::{Change, Expr, Family, Hook, Key, KeyType, Table, userdata};

/// linux/netfilter/nfnetlink.h
const NFNL_SUBSYS_NFTABLES: u16 = 10;
const NFNL_MSG_BATCH_BEGIN: u8 = 16;
const NFNL_BATCH_GENID: u16 = 1;

impl Family {
    fn protocol(self) -> NetfilterProtoFamily {
        match self {
            Family::Inet => NetfilterProtoFamily::Inet,
            Family::Ip => NetfilterProtoFamily::IPv4,
            Family::Ip6 => NetfilterProtoFamily::IPv6,
            Family::Bridge => NetfilterProtoFamily::Bridge,
        }
    }
}

fn framed(family: Family, message: Message) -> NetfilterMessage {
    NetfilterMessage::new(NetfilterHeader::new(family.protocol(), 0, 0), message)
}

fn control(message: ControlMessage) -> NetfilterMessage {
    let header = NetfilterHeader::new(NetfilterProtoFamily::Unspec, 0, NFNL_SUBSYS_NFTABLES);
    NetfilterMessage::new(header, message)
}

/// The start of a transaction; one that holds only if nothing changed since `generation`.
pub(super) fn begin(generation: Option<u32>) -> NetfilterMessage {
    control(match generation {
        None => ControlMessage::BatchBegin,
        Some(generation) => ControlMessage::Other {
            message_type: NFNL_MSG_BATCH_BEGIN,
            attributes: vec![DefaultNla::new(NFNL_BATCH_GENID, generation.to_be_bytes().to_vec())],
        },
    })
}

pub(super) fn end() -> NetfilterMessage {
    control(ControlMessage::BatchEnd)
}

pub(super) fn get_generation() -> NetfilterMessage {
    // The family does not matter.
    framed(Family::Inet, Message::GetGen(GenMessage { attributes: Vec::new() }))
}

pub(super) fn get_table(table: Table) -> NetfilterMessage {
    let attributes = vec![TableAttribute::Name(table.name.to_owned())];
    framed(table.family, Message::GetTable(TableMessage { attributes }))
}

pub(super) fn get_chain(table: Table, chain: &str) -> NetfilterMessage {
    framed(table.family, Message::GetChain(ChainMessage { attributes: chain_name(table, chain) }))
}

pub(super) fn get_set(table: Table, set: &str) -> NetfilterMessage {
    framed(table.family, Message::GetSet(SetMessage { attributes: set_name(table, set) }))
}

/// For a list of all sets of a table.
pub(super) fn get_sets(table: Table) -> NetfilterMessage {
    let attributes = vec![SetAttribute::Table(table.name.to_owned())];
    framed(table.family, Message::GetSet(SetMessage { attributes }))
}

/// For a list of all rules of a chain.
pub(super) fn get_rules(table: Table, chain: &str) -> NetfilterMessage {
    framed(table.family, Message::GetRule(RuleMessage { attributes: rule_place(table, chain) }))
}

/// One element, or, without a key, for a list of all.
pub(super) fn get_elements(table: Table, set: &str, key: Option<&Key>) -> NetfilterMessage {
    let message = match key {
        Some(key) => elements(table, set, key, None),
        None => SetElementMessage { attributes: element_place(table, set) },
    };
    framed(table.family, Message::GetSetElement(message))
}

/// A change as a message, and its flags besides those of every request. `id` must be another number for
/// every change of a transaction.
pub(super) fn change(change: &Change<'_>, id: u32) -> (NetfilterMessage, u16) {
    let (table, message, flags) = match *change {
        Change::AddTable { table, comment } => (table, new_table(table, comment), NLM_F_CREATE),
        Change::AddChain { table, chain, hook } => (table, new_chain(table, chain, hook), NLM_F_CREATE),
        Change::AddSet { table, set, kind, comment } => {
            (table, new_set(table, set, kind, comment, id), NLM_F_CREATE | NLM_F_EXCL)
        }
        Change::AddRule { table, chain, exprs, comment } => {
            (table, new_rule(table, chain, exprs, comment), NLM_F_CREATE | NLM_F_APPEND)
        }
        Change::AddElement { table, set, key, comment } => {
            let message = elements(table, set, key, Some(comment));
            (table, Message::NewSetElement(message), NLM_F_CREATE | NLM_F_EXCL)
        }
        Change::DeleteElement { table, set, key } => {
            (table, Message::DeleteSetElement(elements(table, set, key, None)), 0)
        }
        Change::DeleteRule { table, chain, handle } => {
            let mut attributes = rule_place(table, chain);
            attributes.push(RuleAttribute::Handle(handle));
            (table, Message::DeleteRule(RuleMessage { attributes }), 0)
        }
        Change::FlushChain { table, chain } => {
            (table, Message::DeleteRule(RuleMessage { attributes: rule_place(table, chain) }), 0)
        }
        Change::DeleteChain { table, chain } => {
            (table, Message::DeleteChain(ChainMessage { attributes: chain_name(table, chain) }), 0)
        }
        Change::DeleteTable { table } => {
            let attributes = vec![TableAttribute::Name(table.name.to_owned())];
            (table, Message::DeleteTable(TableMessage { attributes }), 0)
        }
        Change::DeleteSet { table, set } => {
            (table, Message::DeleteSet(SetMessage { attributes: set_name(table, set) }), 0)
        }
    };
    (framed(table.family, message), flags)
}

fn chain_name(table: Table, chain: &str) -> Vec<ChainAttribute> {
    vec![ChainAttribute::Table(table.name.to_owned()), ChainAttribute::Name(chain.to_owned())]
}

fn set_name(table: Table, set: &str) -> Vec<SetAttribute> {
    vec![SetAttribute::Table(table.name.to_owned()), SetAttribute::Name(set.to_owned())]
}

fn rule_place(table: Table, chain: &str) -> Vec<RuleAttribute> {
    vec![RuleAttribute::Table(table.name.to_owned()), RuleAttribute::Chain(chain.to_owned())]
}

fn element_place(table: Table, set: &str) -> Vec<SetElementList> {
    vec![SetElementList::Table(table.name.to_owned()), SetElementList::Set(set.to_owned())]
}

fn new_table(table: Table, comment: &str) -> Message {
    let attributes = vec![
        TableAttribute::Name(table.name.to_owned()),
        // No flag: an existing table that is dormant wakes up.
        TableAttribute::Flags(TableFlags::empty()),
        TableAttribute::UserData(userdata::comment(comment)),
    ];
    Message::NewTable(TableMessage { attributes })
}

fn new_chain(table: Table, chain: &str, hook: Option<Hook>) -> Message {
    let mut attributes = chain_name(table, chain);
    if let Some(hook) = hook {
        attributes.push(ChainAttribute::Type(hook.kind.to_owned()));
        attributes.push(ChainAttribute::Policy(ACCEPT));
        attributes.push(ChainAttribute::Hook(vec![
            HookAttribute::Number(HookNumber::Other(hook.number)),
            HookAttribute::Priority(hook.priority.cast_unsigned()),
        ]));
    }
    Message::NewChain(ChainMessage { attributes })
}

fn new_set(table: Table, set: &str, kind: KeyType, comment: &str, id: u32) -> Message {
    let mut attributes = set_name(table, set);
    attributes.extend([
        SetAttribute::Flags(SetFlags::empty()),
        SetAttribute::KeyType(kind.number()),
        SetAttribute::KeyLen(kind.length()),
        SetAttribute::Id(id),
        SetAttribute::UserData(userdata::set(kind.byte_order(), comment)),
    ]);
    Message::NewSet(SetMessage { attributes })
}

fn new_rule(table: Table, chain: &str, exprs: &[Expr], comment: &str) -> Message {
    let mut attributes = rule_place(table, chain);
    attributes.push(RuleAttribute::Expressions(exprs.iter().map(Expr::encode).collect()));
    attributes.push(RuleAttribute::UserData(userdata::comment(comment)));
    Message::NewRule(RuleMessage { attributes })
}

fn elements(table: Table, set: &str, key: &Key, comment: Option<&str>) -> SetElementMessage {
    let comment = comment.map(|comment| SetElementAttribute::UserData(userdata::comment(comment)));
    let parts = [SetElementAttribute::Key(DataAttribute::Value(key.bytes()))].into_iter().chain(comment);
    let mut attributes = element_place(table, set);
    attributes.push(SetElementList::Elements(vec![ListAttribute::Element(parts.collect())]));
    SetElementMessage { attributes }
}
