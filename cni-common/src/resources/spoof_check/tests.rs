use super::*;
use crate::resources::nft_base::testing::{Guest, attachment, isolated, network, round_trip, run, tag};

const MAC: &str = "0a:58:0a:58:00:05";

fn check(name: &str, container: &str) -> SpoofCheck {
    let tag = tag(name, container);
    let mac = MacAddr::parse("mac", MAC).unwrap();
    SpoofCheck::new(tag, network(name), tag.host_ifname().unwrap(), mac, attachment(container))
}

#[test]
fn nft_lists_it_and_reads_it_back() {
    let mut node = isolated();
    let resource = check("pods", "a");
    assert_eq!(resource.to_string(), format!("host spoof-check {} mac {MAC}", resource.port));
    assert_eq!(resource.apply(&mut node), Ok(Applied::Created));
    let expected = format!(
        r#"table bridge trestle {{
	comment "pods of Trestle (CNI plugins); kept up by them"
	set ports {{
		type ifname
		comment "ports that are checked"
		elements = {{ "PORT" comment "OWNER" }}
	}}

	set allowed {{
		type ifname . ether_addr
		comment "what may come in by them"
		elements = {{ "PORT" . {MAC} comment "OWNER" }}
	}}

	chain prerouting {{
		type filter hook prerouting priority dstnat; policy accept;
		iifname @ports iifname . ether saddr != @allowed drop comment "frames from a checked port with an address that is not its own"
	}}
}}
"#
    );
    let expected = expected.replace("PORT", resource.port.as_str()).replace("OWNER", &resource.comment());
    assert_eq!(run("nft list ruleset"), expected);
    round_trip();
    assert_eq!(resource.check(&mut node), Ok(None));
    assert_eq!(resource.apply(&mut node), Ok(Applied::Unchanged));
}

#[test]
fn frames_with_another_address_do_not_enter() {
    let mut node = isolated();
    let resource = check("pods", "a");
    let pod = Guest::new(resource.port.as_str());
    let other = Guest::new("other");
    run(&format!(
        "ip link add br0 up type bridge; ip link set {} master br0; ip link set other master br0",
        resource.port
    ));
    let neighbours = "for n in 1 2; do ip neigh add 10.0.0.$n lladdr 0a:58:0a:58:00:0$((n + 4)) dev eth0 \
                      nud permanent 2>/dev/null; done; true";
    pod.run(&format!("ip link set eth0 address {MAC}; ip addr add 10.0.0.1/24 dev eth0; {neighbours}"));
    other.run(&format!(
        "ip link set eth0 address 0a:58:0a:58:00:06; ip addr add 10.0.0.2/24 dev eth0; {neighbours}"
    ));
    let spoof = |mac: &str| pod.run(&format!("ip link set eth0 address {mac}; {neighbours}"));
    let (mine, others) = ("10.0.0.1", "10.0.0.2");
    pod.send(mine, &other, others);
    resource.apply(&mut node).unwrap();
    // Its own address still passes; another does not.
    pod.send(mine, &other, others);
    spoof("0a:58:0a:58:00:99");
    assert!(!pod.reaches(mine, &other, others));
    // A port that is not checked may send what it likes.
    spoof(MAC);
    other.run("ip link set eth0 address 0a:58:0a:58:00:77");
    other.send(others, &pod, mine);
    other.run("ip link set eth0 address 0a:58:0a:58:00:06");
    spoof("0a:58:0a:58:00:99");
    assert!(!pod.reaches(mine, &other, others));
    resource.remove(&mut node).unwrap();
    pod.send(mine, &other, others);
}

#[test]
fn every_break_is_named_and_healed() {
    let resource = check("pods", "a");
    let port = resource.port.to_string();
    let breaks = [
        ("nft delete table bridge trestle", "nftables table bridge trestle is missing".to_owned()),
        (
            "nft flush chain bridge trestle prerouting",
            "the spoof check rule in nftables chain bridge trestle prerouting is missing".to_owned(),
        ),
        ("nft flush set bridge trestle ports", format!("{port} is not in nftables set bridge trestle ports")),
        (
            "nft flush set bridge trestle allowed",
            format!("{port} . {MAC} is not in nftables set bridge trestle allowed"),
        ),
        (
            "nft add element bridge trestle allowed \"{ $(nft list set bridge trestle ports | grep -o 'veth[0-9a-f]*') . 00:11:22:33:44:55 }\"",
            format!("{port} may send from more than {MAC}: nftables set bridge trestle allowed"),
        ),
    ];
    let mut node = isolated();
    for (command, phrase) in breaks {
        resource.apply(&mut node).unwrap();
        assert_eq!(resource.check(&mut node), Ok(None), "{command}");
        run(command);
        assert_eq!(resource.check(&mut node), Ok(Some(Drift(phrase))), "{command}");
        resource.apply(&mut node).unwrap();
        if command.contains("add element") {
            // ADD does not read the list of all ports; the next owner of the port clears it.
            assert_eq!(remove_all(&mut node, &resource.tag), Ok(1));
            run("nft delete table bridge trestle");
        } else {
            assert_eq!(resource.check(&mut node), Ok(None), "{command}");
        }
    }
}

#[test]
fn an_earlier_owner_of_the_port_is_replaced() {
    let mut node = isolated();
    let mut old = check("pods", "old");
    let new = check("pods", "new");
    old.port = new.port.clone();
    old.mac = MacAddr([2, 0, 0, 0, 0, 1]);
    old.apply(&mut node).unwrap();
    assert_eq!(new.apply(&mut node), Ok(Applied::Created));
    assert_eq!(new.check(&mut node), Ok(None));
    assert!(!run("nft list table bridge trestle").contains("02:00:00:00:00:01"));
    old.remove(&mut node).unwrap();
    assert_eq!(new.check(&mut node), Ok(None), "not the old one's to remove");
}

#[test]
fn removes_and_sweeps_only_what_is_meant() {
    let mut node = isolated();
    let [a, b, c] = [check("pods", "a"), check("pods", "b"), check("other", "c")];
    assert_eq!(a.remove(&mut node), Ok(()), "nothing there at all");
    assert_eq!(remove_all(&mut node, &a.tag), Ok(0));
    assert_eq!(sweep(&mut node, &a.network, &|_| false), Ok(0));
    for resource in [&a, &b, &c] {
        resource.apply(&mut node).unwrap();
    }
    assert_eq!(remove_all(&mut node, &a.tag), Ok(1));
    assert_eq!(
        a.check(&mut node).unwrap().unwrap().0,
        format!("{} is not in nftables set bridge trestle ports", a.port)
    );
    a.apply(&mut node).unwrap();
    assert_eq!(sweep(&mut node, &a.network, &|tag| *tag == b.tag), Ok(1));
    assert_eq!(b.check(&mut node), Ok(None));
    assert_eq!(c.check(&mut node), Ok(None), "another network's");
    b.remove(&mut node).unwrap();
    b.remove(&mut node).unwrap();
    assert_eq!(run("nft list set bridge trestle ports").matches("veth").count(), 1);
}

#[test]
fn thirty_two_at_once_for_the_first_time_make_one_rule() {
    let _node = isolated();
    std::thread::scope(|scope| {
        for n in 1..=32 {
            scope.spawn(move || {
                let mut node = Node::new(None).unwrap();
                let resource = check("pods", &format!("c{n}"));
                assert_eq!(resource.apply(&mut node), Ok(Applied::Created));
                assert_eq!(resource.check(&mut node), Ok(None));
            });
        }
    });
    let table = run("nft list table bridge trestle");
    assert_eq!(table.matches(" drop ").count(), 1);
    assert_eq!(table.matches("comment").count(), 32 * 2 + 4);
}
