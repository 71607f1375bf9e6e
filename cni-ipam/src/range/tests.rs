use super::*;

fn addr(text: &str) -> Addr {
    Addr::parse(text).unwrap()
}

/// `subnet [start end gateway]`, `-` for not given.
fn range(text: &str) -> Result<Range, CniError> {
    let mut words = text.split(' ');
    let (subnet, prefix) = words.next().unwrap().split_once('/').unwrap();
    let mut part = || words.next().filter(|w| *w != "-").map(addr);
    let parts = RangeParts {
        subnet: addr(subnet),
        prefix: prefix.parse().unwrap(),
        start: part(),
        end: part(),
        gateway: part(),
    };
    Range::new("ipam.ranges[0][0]", parts)
}

fn shown(text: &str) -> String {
    let range = range(text).unwrap();
    let gateway = range.gateway.map_or("none".into(), |g| g.to_string());
    format!("{range} via {gateway}, {}", range.size())
}

#[test]
fn defaults_are_the_references() {
    for (text, expected) in [
        ("192.0.2.0/24", "192.0.2.1-192.0.2.254 via 192.0.2.1, 253"),
        ("192.0.2.0/25", "192.0.2.1-192.0.2.126 via 192.0.2.1, 125"),
        ("192.0.2.12/30", "192.0.2.13-192.0.2.14 via 192.0.2.13, 1"),
        (
            "2001:db8:1::/64",
            "2001:db8:1::1-2001:db8:1:0:ffff:ffff:ffff:ffff via 2001:db8:1::1, 18446744073709551614",
        ),
        ("192.0.2.0/24 192.0.2.40 192.0.2.50 192.0.2.254", "192.0.2.40-192.0.2.50 via 192.0.2.254, 11"),
        ("192.0.2.0/24 192.0.2.0 192.0.2.255 -", "192.0.2.0-192.0.2.255 via 192.0.2.1, 255"),
        ("192.0.2.0/24 - - 10.9.9.9", "192.0.2.1-192.0.2.254 via 10.9.9.9, 254"),
        ("192.0.2.0/24 - - 192.0.2.254", "192.0.2.1-192.0.2.254 via 192.0.2.254, 253"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

/// Issue 5: sizes that the reference refuses, with their RFC's meaning.
#[test]
fn smallest_subnets_have_a_meaning() {
    for (text, expected) in [
        ("192.0.2.2/31", "192.0.2.2-192.0.2.3 via none, 2"),
        ("192.0.2.2/31 - - 192.0.2.2", "192.0.2.2-192.0.2.3 via 192.0.2.2, 1"),
        ("192.0.2.2/32", "192.0.2.2-192.0.2.2 via none, 1"),
        ("192.0.2.2/32 - - 169.254.1.1", "192.0.2.2-192.0.2.2 via 169.254.1.1, 1"),
        ("fd00::2/127", "fd00::2-fd00::3 via none, 2"),
        ("fd00::2/128", "fd00::2-fd00::2 via none, 1"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn bad_ranges_name_key_value_and_remedy() {
    for (text, parts) in [
        ("192.0.2.12/24", ["subnet", "192.0.2.12/24 has host bits", "write 192.0.2.0/24"]),
        ("2001:db8:1::24/64", ["subnet", "host bits", "2001:db8:1::/64"]),
        ("192.0.2.0/24 192.0.3.0 - -", ["rangeStart", "192.0.3.0", "from 192.0.2.0 to 192.0.2.255"]),
        ("192.0.2.0/24 - 192.0.4.0 -", ["rangeEnd", "192.0.4.0", "not in subnet 192.0.2.0/24"]),
        ("192.0.2.0/24 fd00::1 - -", ["rangeStart", "fd00::1", "not in subnet"]),
        (
            "192.0.2.0/24 192.0.2.50 192.0.2.40 -",
            ["rangeStart", "192.0.2.50", "after the range's end 192.0.2.40"],
        ),
        ("192.0.2.0/24 192.0.2.255 - -", ["rangeStart", "192.0.2.255", "192.0.2.254"]),
        ("192.0.2.0/24 192.0.2.1 192.0.2.1 -", ["gateway", "192.0.2.1", "only address"]),
        ("192.0.2.2/32 - - 192.0.2.2", ["gateway", "192.0.2.2", "only address"]),
        ("::/0", ["subnet", "::/0", "mapped IPv4"]),
    ] {
        let error = range(text).unwrap_err();
        assert_eq!(error.code.0, 7);
        for part in parts {
            assert!(error.msg.contains(part), "{text}: {} lacks {part}", error.msg);
        }
        assert!(error.msg.contains("ipam.ranges[0][0]."), "{}", error.msg);
    }
}

fn set(texts: &[&str]) -> Result<RangeSet, CniError> {
    RangeSet::new("ipam.ranges[0]", texts.iter().map(|t| range(t).unwrap()).collect())
}

#[test]
fn sets_refuse_overlap_and_mixed_families() {
    let same_subnet = ["10.0.0.0/24 10.0.0.10 10.0.0.20", "10.0.0.0/24 10.0.0.21 10.0.0.30"];
    assert_eq!(set(&same_subnet).unwrap().to_string(), "10.0.0.10-10.0.0.20,10.0.0.21-10.0.0.30");
    let message = |texts: &[&str]| set(texts).unwrap_err().msg;
    assert!(message(&["10.0.0.0/24", "10.0.0.0/20"]).contains("overlap"));
    assert!(
        message(&["10.0.0.0/24 10.0.0.10 10.0.0.20", "10.0.0.0/24 10.0.0.20 10.0.0.30"])
            .contains("10.0.0.20")
    );
    assert!(message(&["10.0.0.0/24", "fd00::/64"]).contains("families"));
    assert!(message(&[]).contains("empty"));
    assert!(set(&["10.0.0.0/24"]).unwrap().overlaps(&set(&["10.1.0.0/24", "10.0.0.128/25"]).unwrap()));
    assert!(!set(&["10.0.0.0/24"]).unwrap().overlaps(&set(&["fd00::/64"]).unwrap()));
}

/// Every address once, in the order in which the reference's `RangeIter` yields them (derived by hand from
/// allocator.go; the gateways are skipped by the caller).
#[test]
fn the_round_robin_is_the_references() {
    let set = set(&["192.0.2.8/29", "198.51.100.0/30"]).unwrap();
    let order = |last: Option<&str>| -> String {
        let mut out = Vec::new();
        for (_, from, to) in set.pieces_after(last.map(addr)) {
            out.extend((from.bits()..=to.bits()).map(|b| Addr::from_bits(b).to_string()));
        }
        out.iter().map(|text| text.rsplit('.').next().unwrap()).collect::<Vec<_>>().join(" ")
    };
    // .9-.14 of the first, .1-.2 of the second
    assert_eq!(order(None), "9 10 11 12 13 14 1 2");
    assert_eq!(order(Some("203.0.113.1")), "9 10 11 12 13 14 1 2");
    assert_eq!(order(Some("192.0.2.9")), "10 11 12 13 14 1 2 9");
    assert_eq!(order(Some("192.0.2.12")), "13 14 1 2 9 10 11 12");
    assert_eq!(order(Some("192.0.2.14")), "1 2 9 10 11 12 13 14");
    assert_eq!(order(Some("198.51.100.1")), "2 9 10 11 12 13 14 1");
    assert_eq!(order(Some("198.51.100.2")), "9 10 11 12 13 14 1 2");
}
