//! The table of the sweep: what is broken, by which command, and the line that CHECK must name.

use serde_json::{Value, json};

use crate::confs::{dual, layer2, masquerade, merged, plain};

/// Where a command runs.
#[derive(Clone, Copy)]
pub enum At {
    Host,
    Pod,
}
use At::{Host, Pod as Inside};

/// One broken thing.
pub struct Row {
    pub name: &'static str,
    pub conf: Value,
    pub at: At,
    /// `{veth}`, `{ip}`, `{ip6}`, `{mac}` and `{brmac}` stand for what ADD returned.
    pub command: &'static str,
    /// How the line of the plan begins that CHECK must name.
    pub line: &'static str,
    /// What differs, somewhere in the message.
    pub words: &'static [&'static str],
}

pub fn rows() -> Vec<Row> {
    let row = |name, conf: Value, at, command, line, words| Row { name, conf, at, command, line, words };
    let hairpin = merged(&plain(), &json!({ "hairpinMode": true }));
    let isolated = merged(&plain(), &json!({ "portIsolation": true }));
    let promisc = merged(&plain(), &json!({ "promiscMode": true }));
    let mtu = merged(&plain(), &json!({ "mtu": 1400 }));
    let mac = merged(&plain(), &json!({ "runtimeConfig": { "mac": "0a:58:0a:58:00:77" } }));
    let spoof = merged(&plain(), &json!({ "macspoofchk": true }));
    let iptables = merged(&masquerade(), &json!({ "ipMasqBackend": "iptables" }));
    let routes = merged(
        &plain(),
        &json!({ "ipam": { "routes": [
        { "dst": "0.0.0.0/0", "mtu": 1300, "advmss": 1200, "priority": 50 },
        { "dst": "10.5.0.0/16", "gw": "10.88.0.1" },
        { "dst": "10.6.0.0/16", "gw": "10.88.0.1", "table": 100 }
    ] } }),
    );
    vec![
        row(
            "bridge_gone",
            plain(),
            Host,
            "ip link del cni0",
            "host link add cni0 type bridge",
            &["does not exist"],
        ),
        row(
            "bridge_down",
            plain(),
            Host,
            "ip link set cni0 down",
            "host link add cni0 type bridge",
            &["down"],
        ),
        row(
            "bridge_mac",
            plain(),
            Host,
            "ip link set cni0 address 0a:00:00:00:00:99",
            "host link add cni0 type bridge mac {brmac}",
            &["0a:00:00:00:00:99"],
        ),
        row(
            "bridge_promisc_off",
            promisc,
            Host,
            "ip link set cni0 promisc off",
            "host link add cni0 type bridge",
            &["promisc"],
        ),
        row(
            "gateway_address",
            plain(),
            Host,
            "ip addr del 10.88.0.1/16 dev cni0",
            "host addr add 10.88.0.1/16 dev cni0",
            &[],
        ),
        row(
            "gateway_address_v6",
            dual(),
            Host,
            "ip addr del fd00:88::1/64 dev cni0",
            "host addr add fd00:88::1/64 dev cni0",
            &[],
        ),
        row(
            "forwarding_off",
            plain(),
            Host,
            "sysctl -qw net.ipv4.ip_forward=0",
            "host sysctl net/ipv4/ip_forward=1",
            &["0"],
        ),
        row(
            "forwarding_off_v6",
            dual(),
            Host,
            "sysctl -qw net.ipv6.conf.all.forwarding=0",
            "host sysctl net/ipv6/conf/all/forwarding=1",
            &["0"],
        ),
        row(
            "pair_gone",
            layer2(),
            Host,
            "ip link del {veth}",
            "container link add eth0 type veth mac {mac} peer host {veth}",
            &["does not exist"],
        ),
        row(
            "pair_gone_from_inside",
            layer2(),
            Inside,
            "ip link del eth0",
            "container link add eth0 type veth mac {mac} peer host {veth}",
            &["does not exist"],
        ),
        row(
            "pair_renamed",
            layer2(),
            Host,
            "ip link set {veth} down; ip link set {veth} name other",
            "container link add eth0 type veth mac {mac} peer host {veth}",
            &[],
        ),
        row(
            "container_link_down",
            layer2(),
            Inside,
            "ip link set eth0 down",
            "container link set eth0 up",
            &["down"],
        ),
        row("host_link_down", layer2(), Host, "ip link set {veth} down", "host link set {veth}", &["down"]),
        row(
            "container_mac",
            mac,
            Inside,
            "ip link set eth0 address 0a:00:00:00:00:99",
            "container link add eth0 type veth mac 0a:58:0a:58:00:77",
            &["0a:00:00:00:00:99"],
        ),
        row(
            "container_mac_as_returned",
            plain(),
            Inside,
            "ip link set eth0 address 0a:00:00:00:00:99",
            "container link add eth0 type veth",
            &["0a:00:00:00:00:99"],
        ),
        row(
            "container_mtu",
            mtu.clone(),
            Inside,
            "ip link set eth0 mtu 1300",
            "container link add eth0 type veth",
            &["mtu", "1300"],
        ),
        row(
            "host_mtu",
            mtu,
            Host,
            "ip link set {veth} mtu 1300",
            "container link add eth0 type veth",
            &["mtu", "1300"],
        ),
        row(
            "port_left_the_bridge",
            layer2(),
            Host,
            "ip link set {veth} nomaster",
            "host link set {veth} master cni0",
            &[],
        ),
        row(
            "port_in_another_bridge",
            layer2(),
            Host,
            "ip link add other type bridge; ip link set {veth} master other",
            "host link set {veth} master cni0",
            &[],
        ),
        row(
            "hairpin_off",
            hairpin,
            Host,
            "bridge link set dev {veth} hairpin off",
            "host link set {veth} master cni0 hairpin on",
            &["hairpin"],
        ),
        row(
            "hairpin_on",
            plain(),
            Host,
            "bridge link set dev {veth} hairpin on",
            "host link set {veth} master cni0 hairpin off",
            &["hairpin"],
        ),
        row(
            "isolation_off",
            isolated,
            Host,
            "bridge link set dev {veth} isolated off",
            "host link set {veth} master cni0 hairpin off isolated on",
            &["isolat"],
        ),
        row(
            "address_gone",
            dual(),
            Inside,
            "ip -6 addr del {ip6}/64 dev eth0",
            "container addr add {ip6}/64 dev eth0",
            &[],
        ),
        row(
            "address_gone_v4",
            without_routes(),
            Inside,
            "ip addr del {ip}/16 dev eth0",
            "container addr add {ip}/16 dev eth0",
            &[],
        ),
        row(
            "address_other_prefix",
            without_routes(),
            Inside,
            "ip addr del {ip}/16 dev eth0; ip addr add {ip}/24 dev eth0",
            "container addr add {ip}/16 dev eth0",
            &[],
        ),
        row(
            "default_route_gone",
            plain(),
            Inside,
            "ip route del default",
            "container route add default via 10.88.0.1 dev eth0",
            &[],
        ),
        row(
            "default_route_elsewhere",
            plain(),
            Inside,
            "ip route replace default via 10.88.0.9",
            "container route add default via 10.88.0.1 dev eth0",
            &[],
        ),
        row(
            "default_route_v6_gone",
            dual(),
            Inside,
            "ip -6 route del default",
            "container route add default via fd00:88::1 dev eth0",
            &[],
        ),
        row(
            "route_gone",
            routes.clone(),
            Inside,
            "ip route del 10.5.0.0/16",
            "container route add 10.5.0.0/16 via 10.88.0.1 dev eth0",
            &[],
        ),
        row(
            "route_gone_from_its_table",
            routes.clone(),
            Inside,
            "ip route del 10.6.0.0/16 table 100",
            "container route add 10.6.0.0/16 via 10.88.0.1 dev eth0 table 100",
            &[],
        ),
        row(
            "route_other_mtu",
            routes.clone(),
            Inside,
            "ip route replace default via 10.88.0.1 dev eth0 mtu 1200 advmss 1200 metric 50",
            "container route add default via 10.88.0.1 dev eth0 mtu 1300",
            &[],
        ),
        row(
            "route_other_priority",
            routes,
            Inside,
            "ip route del default; ip route add default via 10.88.0.1 dev eth0 mtu 1300 advmss 1200 metric 60",
            "container route add default via 10.88.0.1 dev eth0",
            &[],
        ),
        row(
            "masquerade_table_gone",
            masquerade(),
            Host,
            "nft delete table inet trestle",
            "host masquerade {ip} outside 10.88.0.0/16",
            &["table", "missing"],
        ),
        row(
            "masquerade_address_gone",
            masquerade(),
            Host,
            "nft delete element inet trestle net/net1/10.88.0.0/16 '{ {ip} }'",
            "host masquerade {ip} outside 10.88.0.0/16",
            &["{ip}"],
        ),
        row(
            "masquerade_rule_gone",
            masquerade(),
            Host,
            "nft flush chain inet trestle postrouting",
            "host masquerade {ip} outside 10.88.0.0/16",
            &["rule"],
        ),
        row(
            "masquerade_table_dormant",
            masquerade(),
            Host,
            "nft 'add table inet trestle { flags dormant; }'",
            "host masquerade {ip} outside 10.88.0.0/16",
            &["dormant"],
        ),
        row(
            "masquerade_v6_gone",
            dual(),
            Host,
            "nft delete element inet trestle net/net1/fd00_88__/64 '{ {ip6} }'",
            "host masquerade {ip6} outside fd00:88::/64",
            &["{ip6}"],
        ),
        row(
            "iptables_masquerade_gone",
            iptables,
            Host,
            "iptables -t nat -F POSTROUTING",
            "host iptables masquerade {ip} outside 10.88.0.0/16",
            &[],
        ),
        row(
            "spoof_check_forgets_the_mac",
            spoof.clone(),
            Host,
            "nft flush set bridge trestle allowed",
            "host spoof-check",
            &["{mac}"],
        ),
        row("spoof_check_gone", spoof, Host, "nft delete table bridge trestle", "host spoof-check", &[]),
    ]
}

fn without_routes() -> Value {
    merged(&plain(), &json!({ "ipam": { "routes": [] } }))
}
