//! Frames below the stack: hairpin, MAC spoofing, promiscuous bridges, layer 2, rogue routers.

use serde_json::json;

use crate::confs::{layer2, mac_of, merged, plain};
use crate::harness::packets::{PATIENCE, SILENCE, carries, frame};
use crate::harness::{Node, Raw, Side, Test};

use super::pair;

pub fn tests() -> Vec<Test> {
    crate::node_tests![
        hairpin_returns_a_frame_to_its_port,
        without_hairpin_it_does_not,
        a_spoofed_mac_is_dropped,
        without_macspoofchk_it_is_not,
        a_promiscuous_bridge_sees_its_ports_traffic,
        layer2_carries_frames,
        cve_2020_10749_a_pod_is_no_router_for_the_node
    ]
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
    let [(a, ra), (b, rb)] = pair(node, &layer2());
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
        assert!(
            listener.saw(|frame| frame == advertisement, PATIENCE),
            "the advertisement reaches the bridge"
        );
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
