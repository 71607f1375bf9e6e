//! What the attachments do, by packets: state alone proves nothing.

mod frames;
mod vlan;

use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::confs::{addresses, dual, masquerade, merged, plain};
use crate::harness::packets::{PATIENCE, SILENCE, delivered, exchange, receive};
use crate::harness::{Node, Pod, Side, Test, on_node};

pub fn tests() -> Vec<Test> {
    let mut tests = crate::node_tests![
        pods_reach_each_other_in_both_families,
        the_first_packet_after_add_arrives,
        the_first_packet_of_another_node_arrives,
        pods_and_gateway_reach_each_other,
        traffic_inside_the_network_keeps_its_source,
        multicast_is_not_masqueraded,
        a_deleted_pod_is_gone_for_its_neighbours,
        an_add_leaves_the_neighbours_of_an_adopted_bridge,
        mtu_is_what_the_largest_packet_says,
        hairpin_through_dnat_reaches_the_pod_itself,
        isolated_ports_reach_only_the_gateway,
        route_mtu_bounds_packets
    ];
    tests.extend(frames::tests());
    tests.extend(vlan::tests());
    for (name, keys) in [
        ("nftables", json!({})),
        ("iptables", json!({ "ipMasqBackend": "iptables" })),
        ("nftables_named", json!({ "ipMasqBackend": "nftables" })),
        ("with_macspoofchk", json!({ "macspoofchk": true })),
    ] {
        let conf = merged(&dual(), &keys);
        tests.push(Test::new(format!("outside_sees_the_node_{name}"), move || {
            on_node(|node| masqueraded(node, &conf));
        }));
    }
    for family in ["ipv4", "ipv6"] {
        for state in ["reachable", "stale"] {
            tests.push(Test::new(
                format!("plugins_858_reused_address_answers_at_once_{family}_{state}"),
                move || {
                    on_node(|node| reused_address(node, family == "ipv6", state));
                },
            ));
        }
    }
    tests
}

/// Two pods of a network, with their results.
fn pair(node: &Node, conf: &Value) -> [(Pod, Value); 2] {
    ["a", "b"].map(|name| {
        let pod = node.pod(name);
        let result = Side::Ours.bridge().added(conf, &pod);
        (pod, result)
    })
}

fn pods_reach_each_other_in_both_families(node: &Node) {
    let [(a, ra), (b, rb)] = pair(node, &dual());
    for (ip_a, ip_b) in addresses(&ra).iter().zip(addresses(&rb)) {
        assert_eq!(exchange(&a.udp(&ip_b), &b.udp(&ip_b), &ip_b).to_string(), *ip_a);
        assert_eq!(exchange(&b.udp(ip_a), &a.udp(ip_a), ip_a).to_string(), ip_b);
    }
}

/// A returned ADD means that the pod can send and be reached at that moment: one packet, no second try.
fn the_first_packet_after_add_arrives(node: &Node) {
    let bridge = Side::Ours.bridge();
    let a = node.pod("a");
    let known = addresses(&bridge.added(&dual(), &a));
    for (index, name) in ["b", "c"].into_iter().enumerate() {
        let pod = node.pod(name);
        let ips = addresses(&bridge.added(&dual(), &pod));
        let family = index; // one pod's first packet is IPv4, the other's IPv6
        let (inside, there, own) = (pod.udp(&known[family]), a.udp(&known[family]), &ips[family]);
        assert_eq!(
            delivered(&inside, &there, &known[family], PATIENCE).map(|ip| ip.to_string()),
            Some(own.clone())
        );
    }
    for (index, name) in ["d", "e"].into_iter().enumerate() {
        let pod = node.pod(name);
        let ips = addresses(&bridge.added(&dual(), &pod));
        let inside = pod.udp(&ips[index]);
        let from_node = node.udp(&ips[index]);
        assert!(
            delivered(&from_node, &inside, &ips[index], PATIENCE).is_some(),
            "the node's first packet to {name}"
        );
    }
}

/// The node passes it on, and for that asks for the pod from the new bridge's link-local address. With the
/// reference it is 2 s before it can. Found by two nodes of Kubernetes (`tests/runtimes`).
fn the_first_packet_of_another_node_arrives(node: &Node) {
    let outside = node.outside();
    outside.sh("ip route add 10.88.0.0/24 via 192.0.2.1; ip -6 route add fd00:88::/64 via 2001:db8::1");
    let bridge = Side::Ours.bridge();
    for (family, name) in ["a", "b"].into_iter().enumerate().rev() {
        let pod = node.pod(name);
        let ips = addresses(&bridge.added(&dual(), &pod));
        let (inside, there) = (pod.udp(&ips[family]), outside.udp(&ips[family]));
        let soon = Duration::from_secs(1);
        assert!(delivered(&there, &inside, &ips[family], soon).is_some(), "the first packet to {ips:?}");
    }
}

fn pods_and_gateway_reach_each_other(node: &Node) {
    let [(a, ra), _] = pair(node, &dual());
    for (ip, gateway) in addresses(&ra).iter().zip(["10.88.0.1", "fd00:88::1"]) {
        assert_eq!(exchange(&a.udp(gateway), &node.udp(gateway), gateway).to_string(), *ip);
        assert_eq!(exchange(&node.udp(ip), &a.udp(ip), ip).to_string(), gateway);
    }
}

/// A host outside, which knows no way back to pods, sees and answers the node.
fn masqueraded(node: &Node, conf: &Value) {
    let outside = node.outside();
    let [(a, _), (b, _)] = pair(node, conf);
    for (address, own) in [("192.0.2.2", "192.0.2.1"), ("2001:db8::2", "2001:db8::1")] {
        for pod in [&a, &b] {
            assert_eq!(exchange(&pod.udp(address), &outside.udp(address), address).to_string(), own);
        }
    }
    // After DEL nobody's packets are masqueraded in its name.
    Side::Ours.bridge().del(conf, &a).ok();
    let address = "192.0.2.2";
    assert_eq!(exchange(&b.udp(address), &outside.udp(address), address).to_string(), "192.0.2.1");
}

fn traffic_inside_the_network_keeps_its_source(node: &Node) {
    let [(a, ra), (b, rb)] = pair(node, &masquerade());
    let (ip_a, ip_b) = (&addresses(&ra)[0], &addresses(&rb)[0]);
    // Through the node's own stack, where masquerade would happen.
    assert_eq!(exchange(&a.udp("10.88.0.1"), &node.udp("10.88.0.1"), "10.88.0.1").to_string(), *ip_a);
    assert_eq!(exchange(&a.udp(ip_b), &b.udp(ip_b), ip_b).to_string(), *ip_a);
}

/// The reference excludes multicast, so that a pod's announcements keep their source.
fn multicast_is_not_masqueraded(node: &Node) {
    pair(node, &dual());
    let rules = node.kernel().only(|fact| fact.starts_with("nft rule"));
    assert!(rules.has("224.0.0.0") && rules.has("ff00::"), "no rule names multicast: {rules:#?}");
}

fn a_deleted_pod_is_gone_for_its_neighbours(node: &Node) {
    let [(a, _), (b, rb)] = pair(node, &plain());
    let ip_b = addresses(&rb).remove(0);
    exchange(&a.udp(&ip_b), &b.udp(&ip_b), &ip_b);
    let socket = b.udp(&ip_b);
    Side::Ours.bridge().del(&plain(), &b).ok();
    assert_eq!(delivered(&a.udp(&ip_b), &socket, &ip_b, SILENCE), None);
}

/// Setting the bridge's hardware address makes the kernel forget whom it knows there: on a node that came from
/// the reference each ADD did so, and lost packets of other pods. Found by the live switch (`tests/runtimes`).
fn an_add_leaves_the_neighbours_of_an_adopted_bridge(node: &Node) {
    let (pod, next) = (node.pod("a"), node.pod("b"));
    let result = Side::Theirs.bridge().added(&plain(), &pod);
    let ip = addresses(&result).remove(0);
    exchange(&node.udp(&ip), &pod.udp(&ip), &ip);
    let known = || node.sh(&format!("ip neigh show {ip} dev cni0")).0.contains("lladdr");
    assert!(known());
    Side::Ours.bridge().added(&plain(), &next);
    assert!(known(), "an ADD flushed the bridge's neighbours");
}

/// A second pod keeps the bridge's carrier, else a flushed table would hide the fault.
fn reused_address(node: &Node, v6: bool, state: &str) {
    let bridge = Side::Ours.bridge();
    let conf = merged(&dual(), &json!({ "ipMasq": false }));
    let keeper = node.pod("keeper");
    bridge.added(&conf, &keeper);
    let ip = if v6 { "fd00:88::55" } else { "10.88.0.55" };
    let wish = merged(&conf, &json!({ "runtimeConfig": { "ips": [ip] } }));
    let first = node.pod("first");
    bridge.added(&wish, &first);
    let socket = first.udp(ip);
    exchange(&node.udp(ip), &socket, ip);
    exchange(&keeper.udp(ip), &socket, ip);
    if state == "stale" {
        node.sh(&format!("ip neigh change {ip} dev cni0 nud stale"));
        keeper.sh(&format!("ip neigh change {ip} dev eth0 nud stale"));
    }
    let old = node.sh(&format!("ip neigh show {ip} dev cni0")).0;
    assert!(old.to_lowercase().contains(state) || state == "reachable", "{old}");
    bridge.del(&wish, &first).ok();
    let second = node.pod("second");
    let (from_node, from_keeper) = (node.udp(ip), keeper.udp(ip));
    bridge.added(&wish, &second);
    let socket = second.udp(ip);
    // One packet each and no second try: with a wrong neighbour entry it would be lost.
    let start = std::time::Instant::now();
    let arrived = delivered(&from_node, &socket, ip, PATIENCE);
    let after = start.elapsed();
    assert!(
        arrived.is_some(),
        "the node's packet went elsewhere: {}; the pod: {}",
        node.sh(&format!("ip neigh show {ip} dev cni0")).trim(),
        second.sh("ip -o link show eth0; ip -o addr show eth0").0
    );
    let arrived = delivered(&from_keeper, &socket, ip, PATIENCE);
    assert!(arrived.is_some(), "the neighbour's packet went to the old MAC");
    assert!(after.as_millis() < 1000, "the first packet took {after:?}");
}

fn mtu_is_what_the_largest_packet_says(node: &Node) {
    for (index, mtu) in [1400_usize, 9000].into_iter().enumerate() {
        let bridge = format!("br{index}");
        let conf = merged(
            &plain(),
            &json!({
                "name": bridge, "bridge": bridge, "mtu": mtu, "ipam": { "subnet": format!("10.9{index}.0.0/24") }
            }),
        );
        let [a, b] = ["a", "b"].map(|name| node.pod(&format!("{name}{index}")));
        let side = Side::Ours.bridge();
        side.added(&conf, &a);
        let target = addresses(&side.added(&conf, &b)).remove(0);
        let (from, to) = (a.udp(&target), b.udp(&target));
        do_not_fragment(&from);
        let address = std::net::SocketAddr::new(target.parse().unwrap(), to.local_addr().unwrap().port());
        let fits = vec![1; mtu - 28]; // IP and UDP headers
        from.send_to(&fits, address).expect("the largest packet");
        assert_eq!(receive(&to, PATIENCE).expect("the largest packet arrives").0.len(), mtu - 28);
        let error = from.send_to(&[fits, vec![1]].concat(), address).expect_err("one byte more");
        assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
    }
}

fn do_not_fragment(socket: &std::net::UdpSocket) {
    use std::os::fd::AsRawFd;
    let value: libc::c_int = libc::IP_PMTUDISC_DO;
    // SAFETY: the option's value is an int that lives through the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            (&raw const value).cast(),
            libc::socklen_t::try_from(size_of::<libc::c_int>()).unwrap(),
        )
    };
    assert_eq!(result, 0);
}

fn route_mtu_bounds_packets(node: &Node) {
    let outside = node.outside();
    let conf = merged(&masquerade(), &json!({ "ipam": { "routes": [{ "dst": "0.0.0.0/0", "mtu": 1300 }] } }));
    let a = node.pod("a");
    Side::Ours.bridge().added(&conf, &a);
    let (from, to) = (a.udp("192.0.2.2"), outside.udp("192.0.2.2"));
    do_not_fragment(&from);
    let address = std::net::SocketAddr::new("192.0.2.2".parse().unwrap(), to.local_addr().unwrap().port());
    from.send_to(&[1; 1272], address).expect("1300 bytes");
    let error = from.send_to(&[1; 1273], address).expect_err("1301 bytes");
    assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
}

/// A pod that calls a service whose backend is itself.
fn hairpin_through_dnat_reaches_the_pod_itself(node: &Node) {
    let conf = merged(&masquerade(), &json!({ "hairpinMode": true }));
    let [(a, ra), _] = pair(node, &conf);
    let ip = addresses(&ra).remove(0);
    let service = a.udp(&ip);
    let port = service.local_addr().unwrap().port();
    node.sh(&format!(
        "nft add table ip service
         nft 'add chain ip service pre {{ type nat hook prerouting priority dstnat; }}'
         nft 'add chain ip service post {{ type nat hook postrouting priority srcnat - 1; }}'
         nft add rule ip service pre ip daddr 10.96.0.1 udp dport {port} dnat to {ip}
         nft add rule ip service post ip saddr {ip} ip daddr {ip} masquerade"
    ));
    let seen = exchange(&a.udp("10.96.0.1"), &service, "10.96.0.1");
    assert_eq!(seen, "10.88.0.1".parse::<IpAddr>().unwrap());
}

fn isolated_ports_reach_only_the_gateway(node: &Node) {
    let conf = merged(&plain(), &json!({ "portIsolation": true }));
    let [(a, _), (b, rb)] = pair(node, &conf);
    let ip_b = addresses(&rb).remove(0);
    assert_eq!(delivered(&a.udp(&ip_b), &b.udp(&ip_b), &ip_b, SILENCE), None, "isolated ports");
    exchange(&a.udp("10.88.0.1"), &node.udp("10.88.0.1"), "10.88.0.1");
    exchange(&node.udp(&ip_b), &b.udp(&ip_b), &ip_b);
    // A port without isolation reaches both.
    let c = node.pod("c");
    Side::Ours.bridge().added(&plain(), &c);
    exchange(&c.udp(&ip_b), &b.udp(&ip_b), &ip_b);
}
