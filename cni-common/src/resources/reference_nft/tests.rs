use super::*;
use crate::resources::nft_base::testing::{Guest, attachment, isolated, load, network, run};

/// As the reference's bridge plugin makes it, for a container `abc` with interface `eth0` on `refnet`, and
/// another container `def`.
const NFTABLES: &str = r#"
table bridge nat {
	chain cni-br-iface-abc-eth0 {
		jump cni-br-iface-abc-eth0-mac comment "macspoofchk-abc-eth0"
	}
	chain cni-br-iface-abc-eth0-mac {
		ether saddr 9e:8a:30:fd:84:d3 return comment "macspoofchk-abc-eth0"
		drop comment "macspoofchk-abc-eth0"
	}
	chain cni-br-iface-def-eth0 {
		jump cni-br-iface-def-eth0-mac comment "macspoofchk-def-eth0"
	}
	chain cni-br-iface-def-eth0-mac {
		ether saddr 9e:8a:30:fd:84:d4 return comment "macspoofchk-def-eth0"
		drop comment "macspoofchk-def-eth0"
	}
	chain PREROUTING {
		type filter hook prerouting priority -300; policy accept;
		iifname "veth2698fad3" jump cni-br-iface-abc-eth0 comment "macspoofchk-abc-eth0"
		iifname "veth9d205a38" jump cni-br-iface-def-eth0 comment "macspoofchk-def-eth0"
	}
}
table inet cni_plugins_masquerade {
	comment "Masquerading for plugins from github.com/containernetworking/plugins"
	chain masq_checks {
		ip saddr 10.88.0.2 ip daddr != 10.88.0.0/24 masquerade comment "7165e11869391df4-e65086f8a75535c6, net: refnet, if: eth0, id: abc"
		ip6 saddr fd00:88::2 ip6 daddr != fd00:88::/64 masquerade comment "7165e11869391df4-e65086f8a75535c6, net: refnet, if: eth0, id: abc"
		ip saddr 10.88.0.3 ip daddr != 10.88.0.0/24 masquerade comment "7165e11869391df4-0000000000000000, net: refnet, if: eth0, id: def"
		ip saddr 10.99.0.3 ip daddr != 10.99.0.0/24 masquerade comment "another network"
	}
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip daddr 224.0.0.0/4 return
		ip6 daddr ff00::/8 return
		goto masq_checks
	}
}
"#;

/// As the reference does it where `iptables` is iptables-nft.
fn iptables(container: &str) {
    let chain = iptables_chain(&network("refnet"), &attachment(container).container_id);
    for (program, address, subnet, multicast) in [
        ("iptables-nft", "10.88.0.3", "10.88.0.0/24", "224.0.0.0/4"),
        ("ip6tables-nft", "fd00:88::3", "fd00:88::/64", "ff00::/8"),
    ] {
        let comment = format!("-m comment --comment 'name: \"refnet\" id: \"{container}\"'");
        run(&format!(
            "{program} -t nat -N {chain}; \
             {program} -t nat -A {chain} -d {subnet} -j ACCEPT {comment}; \
             {program} -t nat -A {chain} ! -d {multicast} -j MASQUERADE {comment}; \
             {program} -t nat -A POSTROUTING -s {address} -j {chain} {comment}"
        ));
    }
}

fn one(container: &str) -> Doomed {
    Doomed::One(attachment(container))
}

fn ruleset() -> String {
    run("nft list ruleset 2>/dev/null")
}

#[test]
fn names_are_the_references() {
    let refnet = network("refnet");
    assert_eq!(masquerade_mark(&refnet, &attachment("abc")), "7165e11869391df4-e65086f8a75535c6");
    assert_eq!(iptables_chain(&refnet, &attachment("abc").container_id), "CNI-03c6681062c8a10678640b11");
    let comment = r#"name: "refnet" id: "abc""#;
    assert_eq!(read_iptables_comment(comment), Some(("refnet", attachment("abc").container_id)));
    for other in ["", "name: \"", "name: \"a\"", "name: \"a\" id: \"../b\"", "kubernetes postrouting rules"] {
        assert_eq!(read_iptables_comment(other), None, "{other}");
    }
}

#[test]
fn nothing_there_is_nothing_to_do() {
    let mut node = isolated();
    for doomed in [one("abc"), Doomed::AllBut(Vec::new()), Doomed::Dead] {
        assert_eq!(sweep(&mut node, &network("refnet"), &doomed), Ok(0));
    }
    assert_eq!(ruleset(), "");
}

#[test]
fn one_attachment_leaves_nothing() {
    let mut node = isolated();
    load(NFTABLES);
    iptables("abc");
    iptables("def");
    // Two masquerade rules; a jump and two chains; a jump and a chain for each family.
    assert_eq!(sweep(&mut node, &network("refnet"), &one("abc")), Ok(2 + 3 + 2 + 2));
    assert_eq!(sweep(&mut node, &network("refnet"), &one("abc")), Ok(0));
    let left = ruleset();
    assert!(!left.contains("abc") && !left.contains("CNI-03c6681062c8a10678640b11"), "{left}");
    assert_eq!(left.matches("def").count(), 9, "{left}");
    assert_eq!(left.matches("jump CNI-").count(), 2, "{left}");
    assert!(left.contains("another network") && left.contains("goto masq_checks"));
    // Without its jump, as a killed DEL of the reference leaves it.
    run("iptables-nft -t nat -F POSTROUTING");
    sweep(&mut node, &network("refnet"), &one("def")).unwrap();
    assert!(!ruleset().contains("CNI-"));
}

#[test]
fn a_sweep_takes_what_is_not_listed_in_this_network() {
    let mut node = isolated();
    load(NFTABLES);
    for container in ["abc", "def", "ghi"] {
        iptables(container);
    }
    run("iptables-nft -t nat -A POSTROUTING -s 10.0.0.1 -j MASQUERADE -m comment --comment other");
    let refnet = network("refnet");
    let keep = Doomed::AllBut(vec![attachment("abc")]);
    assert_eq!(sweep(&mut node, &network("another"), &keep), Ok(6), "only spoof checks without a port");
    // One masquerade rule; two containers in two families.
    assert_eq!(sweep(&mut node, &refnet, &keep), Ok(1 + 2 * 2 * 2));
    assert_eq!(sweep(&mut node, &refnet, &keep), Ok(0));
    let left = ruleset();
    assert_eq!(left.matches("id: abc").count(), 2);
    assert!(left.contains("another network") && !left.contains("id: def"));
    assert_eq!(left.matches("jump CNI-03c6681062c8a10678640b11").count(), 2);
    assert_eq!(left.matches("jump").count(), 2);
    assert!(run("iptables-nft -t nat -S POSTROUTING").contains("--comment other"));
}

#[test]
fn spoof_checks_go_with_their_ports() {
    let mut node = isolated();
    load(NFTABLES);
    let _pod = Guest::new("veth2698fad3");
    assert_eq!(sweep(&mut node, &network("refnet"), &Doomed::Dead), Ok(3));
    let left = ruleset();
    assert!(left.contains("jump cni-br-iface-abc-eth0 ") && !left.contains("cni-br-iface-def"), "{left}");
    assert_eq!(left.matches("id: ").count(), 3, "who masquerades is not known to be dead");
}

#[test]
fn what_another_deletes_meanwhile_is_no_error() {
    let _node = isolated();
    load(NFTABLES);
    iptables("abc");
    let gone: usize = std::thread::scope(|scope| {
        let sweep_once = || {
            let mut node = Node::new(None).unwrap();
            sweep(&mut node, &network("refnet"), &one("abc")).unwrap()
        };
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(sweep_once)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(gone, 9);
    assert!(!ruleset().contains("abc"));
}
