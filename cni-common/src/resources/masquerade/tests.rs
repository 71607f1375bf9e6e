use std::collections::BTreeSet;

use super::*;
use crate::resources::nft_base::testing::{Guest, attachment, isolated, load, network, round_trip, run, tag};

fn masquerade(name: &str, container: &str, address: &str) -> Masquerade {
    Masquerade::new(network(name), tag(name, container), attachment(container), address.parse().unwrap())
}

const LISTED: &str = r#"table inet trestle {
	comment "pods of Trestle (CNI plugins); kept up by them"
	set net/pods/10.88.0.0/24 {
		type ipv4_addr
		comment "network pods"
		elements = { 10.88.0.5 comment "TAG4 a/eth0" }
	}

	set net/pods/fd00_88__/64 {
		type ipv6_addr
		comment "network pods"
		elements = { fd00:88::5 comment "TAG4 a/eth0" }
	}

	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr @net/pods/10.88.0.0/24 ip daddr != 10.88.0.0/24 ip daddr != 224.0.0.0/4 masquerade comment "network pods"
		ip6 saddr @net/pods/fd00_88__/64 ip6 daddr != fd00:88::/64 ip6 daddr != ff00::/8 masquerade comment "network pods"
	}
}
"#;

#[test]
fn the_plan_line_names_address_and_subnet() {
    assert_eq!(
        masquerade("n", "a", "10.88.0.5/24").to_string(),
        "host masquerade 10.88.0.5 outside 10.88.0.0/24"
    );
    assert_eq!(masquerade("n", "a", "fd00::5/64").to_string(), "host masquerade fd00::5 outside fd00::/64");
}

#[test]
fn nft_lists_it_and_reads_it_back() {
    let mut node = isolated();
    let four = masquerade("pods", "a", "10.88.0.5/24");
    let six = masquerade("pods", "a", "fd00:88::5/64");
    assert_eq!(four.apply(&mut node), Ok(Applied::Created));
    assert_eq!(six.apply(&mut node), Ok(Applied::Created));
    assert_eq!(run("nft list ruleset"), LISTED.replace("TAG4", &four.tag.to_string()));
    round_trip();
    for resource in [four, six] {
        assert_eq!(resource.check(&mut node), Ok(None));
        assert_eq!(resource.apply(&mut node), Ok(Applied::Unchanged));
    }
}

#[test]
fn the_longest_names_and_odd_prefixes_are_read_back() {
    let mut node = isolated();
    let (name, container) = ("n".repeat(200), "c".repeat(200));
    for address in [
        "10.0.0.5/8",
        "10.99.0.5/30",
        "10.77.1.5/23",
        "10.1.1.1/32",
        "fd00:1111:2222:3333:4444:5555:6666:7777/127",
        "fd01::1/128",
        "fd02::1/61",
        "::ffff:1.2.3.4/112",
    ] {
        let resource = masquerade(&name, &container, address);
        assert_eq!(resource.apply(&mut node), Ok(Applied::Created), "{address}");
        assert_eq!(resource.check(&mut node), Ok(None), "{address}");
    }
    round_trip();
    let listed = Masquerade::list(&mut node, &network(&name)).unwrap();
    assert_eq!(listed.len(), 8);
    assert!(listed.iter().all(|(owner, _, _)| *owner == tag(&name, &container)));
}

#[test]
fn addresses_that_are_their_own_subnet_share_a_rule() {
    let mut node = isolated();
    for address in ["10.0.0.1/32", "10.0.0.2/32", "10.0.0.3/32"] {
        masquerade("pods", "a", address).apply(&mut node).unwrap();
    }
    assert_eq!(run("nft list chain inet trestle postrouting").matches("masquerade").count(), 1);
}

#[test]
fn removes_only_its_own() {
    let mut node = isolated();
    let dead = masquerade("pods", "dead", "10.88.0.5/24");
    let new = masquerade("pods", "new", "10.88.0.5/24");
    assert_eq!(dead.remove(&mut node), Ok(()), "nothing there at all");
    dead.apply(&mut node).unwrap();
    // The dead pod's address was given to another: it is taken over.
    assert_eq!(new.apply(&mut node), Ok(Applied::Created));
    let drift = dead.check(&mut node).unwrap().unwrap().0;
    assert!(drift.contains("is another's") && drift.contains("new/eth0"), "{drift}");
    assert_eq!(dead.remove(&mut node), Ok(()));
    assert_eq!(new.check(&mut node), Ok(None), "still there");
    assert_eq!(new.remove(&mut node), Ok(()));
    assert_eq!(new.remove(&mut node), Ok(()));
    assert_eq!(Masquerade::list(&mut node, &new.network), Ok(Vec::new()));
    // The layout stays for others.
    assert_eq!(
        new.check(&mut node).unwrap().unwrap().0,
        "10.88.0.5 is not in nftables set inet trestle net/pods/10.88.0.0/24"
    );
}

#[test]
fn an_element_that_changed_hands_while_it_was_deleted_is_put_back() {
    let mut node = isolated();
    let old = masquerade("pods", "old", "10.88.0.5/24");
    let new = masquerade("pods", "new", "10.88.0.5/24");
    old.apply(&mut node).unwrap();
    let parts = Parts::of(&old);
    let seen = parts.element(node.nft().unwrap()).unwrap().unwrap();
    new.apply(&mut node).unwrap();
    let ours = |element: &Element| owner(element) == Some(old.tag);
    let deleted = delete(node.nft().unwrap(), TABLE, &[(&parts.set, parts.kind, seen)], &ours);
    assert_eq!(deleted, Ok(0));
    assert_eq!(new.check(&mut node), Ok(None));
}

#[test]
fn every_break_is_named_and_healed() {
    let breaks = [
        ("nft delete table inet trestle", "nftables table inet trestle is missing"),
        ("nft add table inet trestle '{ flags dormant; }'", "nftables table inet trestle is dormant"),
        (
            "nft flush chain inet trestle postrouting; nft delete chain inet trestle postrouting",
            "nftables chain inet trestle postrouting is missing",
        ),
        (
            "nft flush chain inet trestle postrouting; nft delete set inet trestle net/pods/10.88.0.0/24",
            "nftables set inet trestle net/pods/10.88.0.0/24 is missing",
        ),
        (
            "nft flush chain inet trestle postrouting",
            "the masquerade rule in nftables chain inet trestle postrouting is missing",
        ),
        (
            "nft flush chain inet trestle postrouting; nft add rule inet trestle postrouting \
             ip saddr @net/pods/10.88.0.0/24 ip daddr != 10.88.0.0/16 masquerade",
            "the masquerade rule in nftables chain inet trestle postrouting is missing",
        ),
        (
            "nft flush set inet trestle net/pods/10.88.0.0/24",
            "10.88.0.5 is not in nftables set inet trestle net/pods/10.88.0.0/24",
        ),
    ];
    let mut node = isolated();
    let resource = masquerade("pods", "a", "10.88.0.5/24");
    let other = masquerade("other", "b", "10.99.0.5/24");
    for (command, phrase) in breaks {
        other.apply(&mut node).unwrap();
        resource.apply(&mut node).unwrap();
        assert_eq!(resource.check(&mut node), Ok(None));
        run(command);
        assert_eq!(resource.check(&mut node), Ok(Some(Drift(phrase.into()))), "{command}");
        resource.apply(&mut node).unwrap();
        assert_eq!(resource.check(&mut node), Ok(None), "{command}");
        let chain = run("nft list chain inet trestle postrouting");
        assert_eq!(chain.matches("saddr @net/pods/").count(), 1, "{chain}");
    }
}

#[test]
fn a_chain_that_is_not_ours_is_an_error_that_says_what_to_do() {
    let mut node = isolated();
    load("table inet trestle {\n chain postrouting { type filter hook postrouting priority 0; }\n}");
    let resource = masquerade("pods", "a", "10.88.0.5/24");
    let error = resource.apply(&mut node).unwrap_err();
    assert_eq!(error.errno, Errno::EEXIST);
    assert!(error.to_string().contains("nft delete table inet trestle"), "{error}");
    let drift = resource.check(&mut node).unwrap().unwrap();
    assert_eq!(
        drift.0,
        "nftables chain inet trestle postrouting is not type nat hook postrouting priority 100"
    );
    // A set of the right name and wrong type likewise.
    run("nft delete table inet trestle");
    load("table inet trestle {\n set net/pods/10.88.0.0/24 { type inet_service; }\n}");
    let error = resource.apply(&mut node).unwrap_err();
    assert!(error.to_string().contains("holds something else"), "{error}");
}

#[test]
fn what_was_half_done_is_undone() {
    let mut node = isolated();
    let resource = masquerade("pods", "a", "10.88.0.5/24");
    resource.apply(&mut node).unwrap();
    // Another call's: the layout stays, for this one did not make it.
    masquerade("pods", "a", "10.88.0.5/24").remove(&mut node).unwrap();
    run("nft flush chain inet trestle postrouting; nft delete chain inet trestle postrouting; \
         nft add chain inet trestle postrouting");
    resource.apply(&mut node).unwrap_err();
    assert_eq!(Masquerade::list(&mut node, &resource.network), Ok(Vec::new()));
}

#[test]
fn thirty_two_at_once_for_the_first_time_make_one_rule() {
    let _node = isolated();
    for round in 0..5 {
        // Threads are born in the namespace of their parent.
        std::thread::scope(|scope| {
            for n in 1..=32 {
                scope.spawn(move || {
                    let mut node = Node::new(None).unwrap();
                    let container = format!("c{n}");
                    for address in [format!("10.{round}.0.{n}/24"), format!("fd00:{round}::{n}/64")] {
                        let resource = masquerade("pods", &container, &address);
                        assert_eq!(resource.apply(&mut node), Ok(Applied::Created));
                        assert_eq!(resource.check(&mut node), Ok(None));
                    }
                });
            }
        });
        let chain = run("nft list chain inet trestle postrouting");
        assert_eq!(chain.matches(" masquerade ").count(), 2 * (round + 1), "{chain}");
    }
    let mut node = Node::new(None).unwrap();
    let owners: BTreeSet<_> = Masquerade::list(&mut node, &network("pods")).unwrap().into_iter().collect();
    assert_eq!(owners.len(), 5 * 2 * 32);
}

#[test]
fn repair_by_many_at_once_makes_one_rule() {
    let mut node = isolated();
    masquerade("pods", "c0", "10.0.0.100/24").apply(&mut node).unwrap();
    run("nft flush chain inet trestle postrouting");
    std::thread::scope(|scope| {
        for n in 1..=32 {
            scope.spawn(move || {
                let mut node = Node::new(None).unwrap();
                masquerade("pods", &format!("c{n}"), &format!("10.0.0.{n}/24")).apply(&mut node).unwrap();
            });
        }
    });
    assert_eq!(run("nft list chain inet trestle postrouting").matches(" masquerade ").count(), 1);
}

#[test]
fn adding_and_removing_at_once_loses_nothing() {
    let mut node = isolated();
    std::thread::scope(|scope| {
        for n in 1..=8 {
            scope.spawn(move || {
                let mut node = Node::new(None).unwrap();
                for turn in 0..20 {
                    let container = format!("c{n}-{turn}");
                    let resource = masquerade("pods", &container, &format!("10.0.0.{n}/24"));
                    assert_eq!(resource.apply(&mut node), Ok(Applied::Created));
                    if turn < 19 {
                        assert_eq!(remove_all(&mut node, &resource.network, &resource.tag), Ok(1));
                    }
                }
            });
        }
    });
    assert_eq!(Masquerade::list(&mut node, &network("pods")).unwrap().len(), 8);
}

#[test]
fn sweeps_by_owner_and_network() {
    let mut node = isolated();
    let pods = network("pods");
    assert_eq!(remove_all(&mut node, &pods, &tag("pods", "a")), Ok(0));
    assert_eq!(sweep(&mut node, &pods, &|_| false), Ok(0));
    for (name, container, address) in [
        ("pods", "a", "10.88.0.5/24"),
        ("pods", "a", "fd00::5/64"),
        ("pods", "b", "10.88.0.6/24"),
        ("pods", "c", "10.88.0.7/24"),
        ("pods-2", "a", "10.89.0.5/24"),
    ] {
        masquerade(name, container, address).apply(&mut node).unwrap();
    }
    assert_eq!(remove_all(&mut node, &pods, &tag("pods", "a")), Ok(2));
    assert_eq!(remove_all(&mut node, &pods, &tag("pods", "a")), Ok(0));
    let keep = tag("pods", "b");
    assert_eq!(sweep(&mut node, &pods, &|owner| *owner == keep), Ok(1));
    let left: Vec<_> =
        Masquerade::list(&mut node, &pods).unwrap().into_iter().map(|(owner, ..)| owner).collect();
    assert_eq!(left, [keep]);
    // The set that nobody uses is gone with its rule.
    assert!(!run("nft list ruleset").contains("fd00"));
    assert_eq!(masquerade("pods-2", "a", "10.89.0.5/24").check(&mut node), Ok(None), "another network's");
    assert_eq!(masquerade("pods", "d", "fd00::9/64").apply(&mut node), Ok(Applied::Created));
}

#[test]
fn a_sweep_of_thousands_fits() {
    let mut node = isolated();
    masquerade("pods", "a", "10.0.0.1/8").apply(&mut node).unwrap();
    // In pieces: in a user namespace, nft may not enlarge its socket's buffer.
    for thousand in 0..5_u32 {
        let elements = (1..1000).map(|n| {
            let n = thousand * 1000 + n;
            let owner = tag("pods", &format!("dead{n}"));
            format!("{} comment \"{owner} dead{n}/eth0\"", Ipv4Addr::from_bits(0x0a01_0000 + n))
        });
        let elements = elements.collect::<Vec<_>>().join(", ");
        load(&format!("add element inet trestle net/pods/10.0.0.0/8 {{ {elements} }}"));
    }
    let keep = tag("pods", "a");
    assert_eq!(sweep(&mut node, &network("pods"), &|owner| *owner == keep), Ok(4995));
    assert_eq!(Masquerade::list(&mut node, &network("pods")).unwrap().len(), 1);
}

#[test]
fn packets_that_leave_the_subnet_get_the_nodes_address() {
    let mut node = isolated();
    let (pod, out) = (Guest::new("pod"), Guest::new("out"));
    run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.pod.proxy_arp=1 \
             net.ipv4.neigh.pod.proxy_delay=0; \
         ip addr add 10.88.0.1/24 dev pod; ip addr add fd00:88::1/64 dev pod nodad; \
         ip addr add 192.0.2.1/24 dev out; ip addr add 2001:db8::1/64 dev out nodad; \
         ip route add 10.88.0.200 dev out");
    pod.run(
        "ip addr add 10.88.0.5/24 dev eth0; ip addr add fd00:88::5/64 dev eth0 nodad; \
             ip route add default via 10.88.0.1; ip route add default via fd00:88::1",
    );
    out.run(
        "ip addr add 192.0.2.2/24 dev eth0; ip addr add 2001:db8::2/64 dev eth0 nodad; \
             ip addr add 10.88.0.200/32 dev eth0; ip route add default via 192.0.2.1",
    );
    let resources = ["10.88.0.5/24", "fd00:88::5/64"].map(|address| masquerade("pods", "a", address));
    let four = |to| pod.send("10.88.0.5", &out, to).to_string();
    let six = || pod.send("fd00:88::5", &out, "2001:db8::2").to_string();
    assert_eq!((four("192.0.2.2"), six()), ("10.88.0.5".into(), "fd00:88::5".into()));
    for resource in &resources {
        resource.apply(&mut node).unwrap();
    }
    assert_eq!((four("192.0.2.2"), six()), ("192.0.2.1".into(), "2001:db8::1".into()));
    assert_eq!(four("10.88.0.200"), "10.88.0.5", "inside the subnet");
    for resource in &resources {
        resource.remove(&mut node).unwrap();
    }
    assert_eq!((four("192.0.2.2"), six()), ("10.88.0.5".into(), "fd00:88::5".into()));
}
