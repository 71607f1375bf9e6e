use super::testing::{isolated, load, run};
use super::*;

const TABLE: Table = Table { family: Family::Inet, name: "t" };
const CHAIN: &str = "c";
const NAT: Hook = Hook { kind: "nat", number: 4, name: "postrouting", priority: 100 };

fn prepare(nft: &mut NftSocket) {
    let set = |set, kind| Change::AddSet { table: TABLE, set, kind, comment: "" };
    nft.commit(&[
        Change::AddTable { table: TABLE, comment: "a table" },
        Change::AddChain { table: TABLE, chain: CHAIN, hook: Some(NAT) },
        set("four", KeyType::Ipv4),
        set("six", KeyType::Ipv6),
    ])
    .unwrap();
}

fn masquerade(subnet: &str) -> Vec<Expr> {
    let subnet: ipnetwork::IpNetwork = subnet.parse().unwrap();
    let set = if subnet.is_ipv4() { "four" } else { "six" };
    let mut exprs: Vec<_> = family_of(subnet.ip()).into_iter().chain(source_in(subnet.ip(), set)).collect();
    exprs.extend(destination_outside(subnet));
    exprs.push(Expr::Masquerade);
    exprs
}

#[test]
fn rules_of_every_prefix_are_what_nft_would_write() {
    let mut node = isolated();
    let nft = node.nft().unwrap();
    prepare(nft);
    let four = (1..=32).map(|prefix| format!("10.201.77.133/{prefix}"));
    let six = (1..=128).map(|prefix| format!("fd12:3456:789a:bcde:f012:3456:789a:bcdf/{prefix}"));
    let subnets: Vec<_> = four.chain(six).collect();
    let rules: Vec<_> = subnets.iter().map(|subnet| masquerade(subnet)).collect();
    let changes: Vec<_> = rules
        .iter()
        .map(|exprs| Change::AddRule { table: TABLE, chain: CHAIN, exprs, comment: "ours" })
        .collect();
    nft.commit(&changes).unwrap();
    run("nft add chain inet t theirs");
    let theirs = subnets.iter().map(|subnet| {
        let (ip, set) = if subnet.contains(':') { ("ip6", "six") } else { ("ip", "four") };
        format!("add rule inet t theirs {ip} saddr @{set} {ip} daddr != {subnet} masquerade\n")
    });
    load(&theirs.collect::<String>());
    let exprs = |rules: Vec<Rule>| rules.into_iter().map(|rule| rule.exprs).collect::<Vec<_>>();
    let kernel = exprs(nft.rules(TABLE, CHAIN).unwrap());
    assert_eq!(kernel, rules);
    assert_eq!(exprs(nft.rules(TABLE, "theirs").unwrap()), rules);
}

#[test]
fn the_whole_address_space_is_never_left() {
    let mut node = isolated();
    let nft = node.nft().unwrap();
    prepare(nft);
    for subnet in ["0.0.0.0/0", "::/0"] {
        let exprs = masquerade(subnet);
        nft.commit(&[Change::AddRule { table: TABLE, chain: CHAIN, exprs: &exprs, comment: "" }]).unwrap();
        assert_eq!(nft.has_rule(TABLE, CHAIN, &exprs), Ok(true));
    }
    assert_eq!(nft.has_rule(TABLE, CHAIN, &masquerade("10.0.0.0/8")), Ok(false));
}

#[test]
fn a_transaction_is_all_or_nothing_and_names_the_first_refusal() {
    let mut node = isolated();
    let nft = node.nft().unwrap();
    prepare(nft);
    let key = |n| Key::Address(std::net::Ipv4Addr::new(10, 0, 0, n).into());
    let keys = [key(1), key(2), key(3)];
    let add = |key| Change::AddElement { table: TABLE, set: "four", key, comment: "mine" };
    let delete = |key| Change::DeleteElement { table: TABLE, set: "four", key };
    let changes = [add(&keys[0]), delete(&keys[1]), delete(&keys[2]), add(&keys[1])];
    let error = nft.commit(&changes).unwrap_err();
    assert_eq!(
        (error.errno, error.what.as_str()),
        (Errno::ENOENT, "nft delete element inet t four { 10.0.0.2 }")
    );
    assert_eq!(nft.elements(TABLE, "four", KeyType::Ipv4), Ok(Vec::new()));
    // The answers to the rest of the refused transaction are not taken for those of the next.
    assert_eq!(nft.commit(&[add(&keys[0]), add(&keys[1])]), Ok(()));
    let found = nft.element(TABLE, "four", KeyType::Ipv4, &keys[0]).unwrap().unwrap();
    assert_eq!((found.key, found.comment.as_deref()), (key(1), Some("mine")));
    assert_eq!(nft.element(TABLE, "four", KeyType::Ipv4, &keys[2]), Ok(None));
    assert_eq!(nft.commit(&[]), Ok(()));
}

#[test]
fn a_transaction_of_another_generation_is_refused() {
    let mut node = isolated();
    let nft = node.nft().unwrap();
    prepare(nft);
    let generation = nft.generation().unwrap();
    let rule = Change::AddRule { table: TABLE, chain: CHAIN, exprs: &[], comment: "" };
    run("nft add table ip somebody");
    assert_eq!(nft.commit_at(generation, std::slice::from_ref(&rule)).unwrap_err().errno, Errno::ERESTART);
    assert_eq!(nft.rules(TABLE, CHAIN), Ok(Vec::new()));
    let generation = nft.generation().unwrap();
    assert_eq!(nft.commit_at(generation, &[rule]), Ok(()));
}

#[test]
fn deleted_elements_are_told() {
    let mut node = isolated();
    let nft = node.nft().unwrap();
    prepare(nft);
    run("nft add element inet t four '{ 10.0.0.1 comment \"a\" , 10.0.0.2 }'");
    let keys = ["10.0.0.1", "10.0.0.2"].map(|a| Key::Address(a.parse().unwrap()));
    let places = [("four", &keys[0], KeyType::Ipv4), ("four", &keys[1], KeyType::Ipv4)];
    let mut told = nft.delete_elements(TABLE, &places).unwrap();
    told.sort_by(|a, b| a.1.key.cmp(&b.1.key));
    let expected = [(keys[0].clone(), Some("a".to_owned())), (keys[1].clone(), None)]
        .map(|(key, comment)| ("four".to_owned(), Element { key, comment }));
    assert_eq!(told, expected);
    assert_eq!(nft.delete_elements(TABLE, &places).unwrap_err().errno, Errno::ENOENT);
}

#[test]
fn what_is_not_there_is_no_error() {
    let mut node = isolated();
    let nft = node.nft().unwrap();
    let key = Key::Address("10.0.0.1".parse().unwrap());
    assert_eq!(nft.table_and_chain(TABLE, CHAIN), Ok((None, None)));
    assert_eq!(nft.sets(TABLE), Ok(Vec::new()));
    assert_eq!(nft.rules(TABLE, CHAIN), Ok(Vec::new()));
    assert_eq!(nft.elements(TABLE, "s", KeyType::Ipv4), Ok(Vec::new()));
    assert_eq!(nft.element(TABLE, "s", KeyType::Ipv4, &key), Ok(None));
    assert_eq!(nft.has_set(TABLE, "s", KeyType::Ipv4), Ok(false));
    assert_eq!(nft.chains([(TABLE, "a"), (TABLE, "b"), (TABLE, "c")]), Ok([None, None, None]));
}

#[test]
fn states_are_told_as_they_are() {
    let mut node = isolated();
    let nft = node.nft().unwrap();
    prepare(nft);
    let (table, chain) = nft.table_and_chain(TABLE, CHAIN).unwrap();
    assert_eq!(table, Some(TableState { dormant: false, uses: 3 }));
    let chain = chain.unwrap();
    assert!(chain.is_at(&NAT) && chain.uses == 0, "{chain:?}");
    assert!(!chain.is_at(&Hook { priority: 101, ..NAT }));
    let mut sets = nft.sets(TABLE).unwrap();
    sets.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(sets, [("four".to_owned(), KeyType::Ipv4), ("six".to_owned(), KeyType::Ipv6)]);
    run("nft add chain inet t plain; nft add chain inet t leaf; \
         nft add rule inet t plain counter jump leaf comment '\"why\"'");
    let rules = nft.rules(TABLE, "plain").unwrap();
    assert_eq!(rules.len(), 1);
    assert!(rules[0].leads_to("leaf") && !rules[0].leads_to("plain"));
    assert_eq!(rules[0].comment.as_deref(), Some("why"));
    assert_eq!(rules[0].exprs[0], Expr::Other("counter".into()));
    let busy = nft.commit(&[Change::DeleteChain { table: TABLE, chain: "leaf" }]).unwrap_err();
    assert_eq!(busy.errno, Errno::EBUSY);
    let (table, chain) = (TABLE, "plain");
    let changes = [
        Change::DeleteRule { table, chain, handle: rules[0].handle },
        Change::DeleteChain { table, chain: "leaf" },
        Change::DeleteChain { table, chain },
    ];
    assert_eq!(nft.commit(&changes), Ok(()));
}

#[test]
fn a_missing_kernel_option_is_named() {
    let refuse = |change: Option<Change<'_>>, errno| {
        explain::explain(change.as_ref(), &KernelError::new("netlink", errno)).to_string()
    };
    let table = Change::AddTable { table: TABLE, comment: "" };
    assert!(refuse(Some(table), Errno::EOPNOTSUPP).contains("CONFIG_NF_TABLES_INET"));
    let chain = Change::AddChain { table: TABLE, chain: CHAIN, hook: Some(NAT) };
    assert!(refuse(Some(chain), Errno::ENOENT).contains("CONFIG_NFT_NAT"));
    let exprs = masquerade("10.0.0.0/8");
    let rule = Change::AddRule { table: TABLE, chain: CHAIN, exprs: &exprs, comment: "" };
    assert!(refuse(Some(rule), Errno::ENOENT).contains("CONFIG_NFT_MASQ"));
    assert!(refuse(None, Errno::EOPNOTSUPP).ends_with("CONFIG_NF_TABLES)"));
    assert!(!refuse(None, Errno::ENOMEM).contains("CONFIG"));
}

#[test]
fn an_element_that_stays_is_in_every_list_while_others_go() {
    let mut node = isolated();
    let nft = node.nft().unwrap();
    prepare(nft);
    let keys: Vec<_> =
        (0..2000u32).map(|n| Key::Address(std::net::Ipv4Addr::from(0x0a00_0000 + n).into())).collect();
    let add =
        |key| Change::AddElement { table: TABLE, set: "four", key, comment: "a comment as long as ours are" };
    for keys in keys.chunks(500) {
        nft.commit(&keys.iter().map(add).collect::<Vec<_>>()).unwrap();
    }
    let (stay, go): (Vec<_>, Vec<_>) = keys.iter().enumerate().partition(|(n, _)| n % 20 == 0);
    // In the namespace of this thread.
    let other = std::thread::spawn({
        let go: Vec<Key> = go.into_iter().map(|(_, key)| key.clone()).collect();
        move || {
            let mut nft = NftSocket::open().unwrap();
            for key in go {
                nft.commit(&[Change::DeleteElement { table: TABLE, set: "four", key: &key }]).unwrap();
                std::thread::sleep(std::time::Duration::from_micros(500));
            }
        }
    });
    let mut lists = 0;
    while !other.is_finished() {
        let Ok(list) = nft.elements(TABLE, "four", KeyType::Ipv4) else { continue };
        let found: std::collections::HashSet<_> = list.iter().map(|e| e.key.to_string()).collect();
        let missing: Vec<_> = stay.iter().filter(|(_, key)| !found.contains(&key.to_string())).collect();
        assert!(missing.is_empty(), "missing in list {lists}: {missing:?}");
        lists += 1;
    }
    other.join().unwrap();
    assert!(lists > 0);
}
