//! What the attachments do, by packets: state alone proves nothing.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::confs::{addresses, dual, mac_of, masquerade, merged, plain};
use crate::harness::packets::{PATIENCE, SILENCE, carries, delivered, exchange, frame};
use crate::harness::{Node, Pod, Raw, Side, Test, on_node};

pub fn tests() -> Vec<Test> {
    let mut tests = crate::node_tests![
        pods_reach_each_other_in_both_families,
        the_first_packet_after_add_arrives,
        pods_and_gateway_reach_each_other,
        traffic_inside_the_network_keeps_its_source,
        multicast_is_not_masqueraded,
        a_deleted_pod_is_gone_for_its_neighbours,
        mtu_is_what_the_largest_packet_says,
        hairpin_returns_a_frame_to_its_port,
        without_hairpin_it_does_not,
        hairpin_through_dnat_reaches_the_pod_itself,
        a_spoofed_mac_is_dropped,
        without_macspoofchk_it_is_not,
        isolated_ports_reach_only_the_gateway,
        a_promiscuous_bridge_sees_its_ports_traffic,
        layer2_carries_frames,
        route_mtu_bounds_packets,
        cve_2020_10749_a_pod_is_no_router_for_the_node
    ];
    for (name, keys) in [
        ("nftables", json!({})),
        ("iptables", json!({ "ipMasqBackend": "iptables" })),
        ("nftables_named", json!({ "ipMasqBackend": "nftables" })),
        ("with_macspoofchk", json!({ "macspoofchk": true })),
    ] {
        let conf = merged(&dual(), &keys);
        tests.push(Test::new(format!("outside_sees_the_node_{name}"), move || on_node(|node| masqueraded(node, &conf))));
    }
    for family in ["ipv4", "ipv6"] {
        for state in ["reachable", "stale"] {
            tests.push(Test::new(format!("plugins_858_reused_address_answers_at_once_{family}_{state}"), move || {
                on_node(|node| reused_address(node, family == "ipv6", state));
            }));
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
        assert_eq!(delivered(&inside, &there, &known[family], PATIENCE).map(|ip| ip.to_string()), Some(own.clone()));
    }
    for (index, name) in ["d", "e"].into_iter().enumerate() {
        let pod = node.pod(name);
        let ips = addresses(&bridge.added(&dual(), &pod));
        let inside = pod.udp(&ips[index]);
        let from_node = node.udp(&ips[index]);
        assert!(delivered(&from_node, &inside, &ips[index], PATIENCE).is_some(), "the node's first packet to {name}");
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
        let conf = merged(&plain(), &json!({
            "name": bridge, "bridge": bridge, "mtu": mtu, "ipam": { "subnet": format!("10.9{index}.0.0/24") }
        }));
        let [a, b] = ["a", "b"].map(|name| node.pod(&format!("{name}{index}")));
        let side = Side::Ours.bridge();
        side.added(&conf, &a);
        let target = addresses(&side.added(&conf, &b)).remove(0);
        let (from, to) = (a.udp(&target), b.udp(&target));
        do_not_fragment(&from);
        let address = std::net::SocketAddr::new(target.parse().unwrap(), to.local_addr().unwrap().port());
        let fits = vec![1; mtu - 28]; // IP and UDP headers
        from.send_to(&fits, address).expect("the largest packet");
        to.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut buffer = vec![0; 10_000];
        assert_eq!(to.recv_from(&mut buffer).expect("the largest packet arrives").0, mtu - 28);
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

/// Whether a broadcast frame of the pod comes back to it.
fn comes_back(node: &Node, hairpin: bool) -> bool {
    let conf = merged(&plain(), &json!({ "hairpinMode": hairpin }));
    let [(a, ra), _] = pair(node, &conf);
    let (sender, listener) = (a.raw("eth0"), a.raw("eth0"));
    // What a socket sends it sees itself, once; the returning frame is a second one.
    sender.send(&frame("ff:ff:ff:ff:ff:ff", &mac_of(&ra, "eth0"), "back to me"));
    listener.saw(carries("back to me"), PATIENCE) && listener.saw(carries("back to me"), SILENCE)
}

fn hairpin_returns_a_frame_to_its_port(node: &Node) {
    assert!(comes_back(node, true));
}

fn without_hairpin_it_does_not(node: &Node) {
    assert!(!comes_back(node, false));
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

/// Sends a frame of `a` to `b` with this source.
fn passes(a: &Raw, b: &Raw, to: &str, source: &str) -> bool {
    let text = format!("from {source}");
    a.send(&frame(to, source, &text));
    b.saw(carries(&text), SILENCE)
}

fn a_spoofed_mac_is_dropped(node: &Node) {
    let conf = merged(&plain(), &json!({ "macspoofchk": true }));
    let [(a, ra), (b, rb)] = pair(node, &conf);
    let (from, to) = (a.raw("eth0"), b.raw("eth0"));
    let (mac_a, mac_b) = (mac_of(&ra, "eth0"), mac_of(&rb, "eth0"));
    assert!(passes(&from, &to, &mac_b, &mac_a), "the pod's own MAC is let through");
    assert!(!passes(&from, &to, &mac_b, "0a:00:00:00:00:66"), "a made-up MAC");
    assert!(!passes(&from, &to, &mac_b, &mac_b), "the neighbour's MAC");
    // DEL of one must not open the other.
    let c = node.pod("c");
    Side::Ours.bridge().added(&conf, &c);
    Side::Ours.bridge().del(&conf, &c).ok();
    assert!(!passes(&from, &to, &mac_b, "0a:00:00:00:00:67"), "after a neighbour's DEL");
    assert!(passes(&from, &to, &mac_b, &mac_a));
}

fn without_macspoofchk_it_is_not(node: &Node) {
    let [(a, _), (b, rb)] = pair(node, &plain());
    assert!(passes(&a.raw("eth0"), &b.raw("eth0"), &mac_of(&rb, "eth0"), "0a:00:00:00:00:66"));
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

fn a_promiscuous_bridge_sees_its_ports_traffic(node: &Node) {
    for promisc in [false, true] {
        let name = format!("br{}", u8::from(promisc));
        let conf = merged(&plain(), &json!({ "bridge": name, "name": name, "promiscMode": promisc }));
        let [(a, ra), (b, rb)] = ["a", "b"].map(|pod| {
            let pod = node.pod(&format!("{pod}{}", u8::from(promisc)));
            let result = Side::Ours.bridge().added(&conf, &pod);
            (pod, result)
        });
        let (mac_a, mac_b) = (mac_of(&ra, "eth0"), mac_of(&rb, "eth0"));
        let (raw_a, raw_b) = (a.raw("eth0"), b.raw("eth0"));
        // Both MACs are known to the bridge, so nothing is flooded.
        assert!(passes(&raw_b, &raw_a, &mac_a, &mac_b));
        let listener = Raw::open(&name);
        raw_a.send(&frame(&mac_b, &mac_a, "between pods"));
        assert!(raw_b.saw(carries("between pods"), PATIENCE));
        assert_eq!(listener.saw(carries("between pods"), SILENCE), promisc, "promiscMode {promisc}");
    }
}

fn layer2_carries_frames(node: &Node) {
    let [(a, ra), (b, rb)] = pair(node, &crate::confs::layer2());
    assert!(passes(&a.raw("eth0"), &b.raw("eth0"), &mac_of(&rb, "eth0"), &mac_of(&ra, "eth0")));
}

/// A router advertisement from a pod must not give the node a default route, on a bridge of ours or adopted.
fn cve_2020_10749_a_pod_is_no_router_for_the_node(node: &Node) {
    for adopted in [false, true] {
        let name = if adopted { "br1" } else { "br0" };
        if adopted {
            node.sh("ip link add br1 type bridge; ip link set br1 up");
        }
        let conf = merged(&plain(), &json!({ "name": name, "bridge": name }));
        let pod = node.pod(&format!("pod-{name}"));
        let result = Side::Ours.bridge().added(&conf, &pod);
        let advertisement = router_advertisement(&mac_of(&result, "eth0"));
        let raw = pod.raw("eth0");
        let listener = Raw::open(name);
        raw.send(&advertisement);
        assert!(listener.saw(|frame| frame == advertisement, PATIENCE), "the advertisement reaches the bridge");
        std::thread::sleep(SILENCE);
        let routes = node.ip("-6 route show default");
        assert!(routes.trim().is_empty(), "{name} took a pod for its router: {}", routes.trim());
    }
}

/// RFC 4861, section 4.2, to all nodes, from a link-local address.
fn router_advertisement(mac: &str) -> Vec<u8> {
    let mut source = [0_u8; 16];
    source[..2].copy_from_slice(&[0xfe, 0x80]);
    source[15] = 0x99;
    let mut target = [0_u8; 16];
    target[..2].copy_from_slice(&[0xff, 0x02]);
    target[15] = 1;
    // Type, code, checksum, hop limit, flags, a lifetime of 1800 s, two timers.
    let mut message = vec![134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    let length = u8::try_from(message.len()).unwrap();
    let pseudo = [&source[..], &target, &[0, 0, 0, length, 0, 0, 0, 58], &message].concat();
    let sum: u32 = pseudo.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let folded = u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    message[2..4].copy_from_slice(&(!folded).to_be_bytes());
    let mac: Vec<u8> = mac.split(':').map(|b| u8::from_str_radix(b, 16).unwrap()).collect();
    let ethernet = [&[0x33, 0x33, 0, 0, 0, 1][..], &mac, &[0x86, 0xdd]].concat();
    let ip = [&[0x60, 0, 0, 0, 0, length, 58, 255][..], &source, &target].concat();
    [ethernet, ip, message].concat()
}
