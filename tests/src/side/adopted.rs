//! Bridges and namespaces that somebody else prepared.

use serde_json::json;

use crate::confs::{dual, merged, plain};

use super::case::{Case, Step};

pub fn cases() -> Vec<Case> {
    use Step::{Add, Check, Del, Host, State};
    let lives = |command| vec![Host(command), Add("a"), State, Check("a"), Del("a"), State];
    let adopted = |name, command| Case::bridge(format!("adopted_{name}"), plain()).steps(lives(command));
    vec![
        adopted("bridge_down", "ip link add cni0 type bridge"),
        adopted(
            "bridge_up_with_stp",
            "ip link add cni0 type bridge stp_state 0 forward_delay 200; ip link set cni0 up",
        ),
        adopted(
            "bridge_with_mac",
            "ip link add cni0 address 0a:00:00:00:00:42 type bridge; ip link set cni0 up",
        ),
        adopted("bridge_with_mtu", "ip link add cni0 mtu 1300 type bridge; ip link set cni0 up"),
        adopted(
            "bridge_with_the_gateway",
            "ip link add cni0 type bridge; ip addr add 10.88.0.1/16 dev cni0; ip link set cni0 up",
        )
        .bridge_mac_wanders(),
        adopted(
            "bridge_with_a_port",
            "ip link add cni0 type bridge; ip link add p0 type veth peer name p1; ip link set p0 master cni0; ip link set p0 up; ip link set p1 up; ip link set cni0 up",
        ),
        adopted(
            "bridge_with_ipv6",
            "ip link add cni0 type bridge; ip addr add fd99::1/64 dev cni0 nodad; ip link set cni0 up",
        ),
        adopted("forwarding_on", "sysctl -qw net.ipv4.ip_forward=1"),
        Case::bridge("adopted_force_address", merged(&plain(), &json!({ "forceAddress": true }))).steps(
            lives("ip link add cni0 type bridge; ip addr add 10.1.0.1/24 dev cni0; ip link set cni0 up"),
        ),
        Case::bridge(
            "adopted_force_address_ipv6",
            merged(&dual(), &json!({ "forceAddress": true, "ipMasq": false })),
        )
        .steps(lives(
            "ip link add cni0 type bridge; ip addr add fd00:88::9/64 dev cni0 nodad; ip link set cni0 up",
        )),
        Case::bridge("adopted_promisc", merged(&plain(), &json!({ "promiscMode": true })))
            .steps(lives("ip link add cni0 type bridge; ip link set cni0 up promisc on")),
        Case::bridge("adopted_other_ipv6_subnet", merged(&dual(), &json!({ "ipMasq": false }))).steps(lives(
            "ip link add cni0 type bridge; ip addr add fd99::1/64 dev cni0 nodad; ip link set cni0 up",
        )),
        Case::bridge("pod_with_another_interface", plain()).steps(vec![
            Add("a"),
            Host("nsenter --net=/run/netns/a ip link add eth5 type veth peer name eth6"),
            Check("a"),
            State,
            Del("a"),
            State,
        ]),
        Case::bridge("ipv6_disabled_by_default", dual()).steps(vec![
            Host("sysctl -qw net.ipv6.conf.default.disable_ipv6=1"),
            Add("a"),
            Del("a"),
        ]),
        Case::bridge("smaller_mtu_than_the_bridge", merged(&plain(), &json!({ "mtu": 1200 })))
            .steps(lives("ip link add cni0 type bridge; ip link set cni0 up")),
    ]
}
