//! Facts about links, addresses, routes, neighbours and sysctls of the calling thread's namespace.

use std::fs;

use serde_json::Value;

use super::command;

/// Attributes of a link that no plugin sets: counters, timers, the kernel's limits, and numbers that only
/// tell in which order links were made.
const VOLATILE: &[&str] = &[
    "ifindex",
    "link",
    "link_index",
    "link_netnsid",
    "bridge_id",
    "root_id",
    "root_port",
    "designated_cost",
    "root_path_cost",
    "hello_timer",
    "tcn_timer",
    "topology_change_timer",
    "topology_change",
    "topology_change_detected",
    "gc_timer",
    "hold_timer",
    "message_age_timer",
    "forward_delay_timer",
    "id",
    "no",
    "designated_port",
    "operstate",
    "state",
    "min_mtu",
    "max_mtu",
    "parentdev",
];

/// All facts, in the kernel's order.
pub fn facts() -> Vec<String> {
    let links = command::shell("ip -d -j link show").json();
    let mut facts = Vec::new();
    let mut names = Vec::new();
    for link in links.as_array().unwrap() {
        let name = link["ifname"].as_str().unwrap();
        if name != "lo" {
            names.push(name.to_owned());
            attributes(&format!("link {name}"), link, &mut facts);
        }
    }
    addresses(&mut facts);
    for (prefix, args) in [
        ("route", "-4 -d route show table all"),
        ("route6", "-6 -d route show table all"),
        ("rule", "-4 rule show"),
        ("rule6", "-6 rule show"),
        ("neighbour", "neigh show nud permanent"),
        ("neighbour proxy", "neigh show proxy"),
        ("bridge vlan", "BRIDGE"),
    ] {
        let text = match args {
            "BRIDGE" => command::attempt("bridge", &["-j", "vlan", "show"]).map(|t| vlans(&t.json())),
            _ => Some(command::shell(&format!("ip {args}")).0),
        };
        for line in text.unwrap_or_default().lines().filter(|line| !line.trim().is_empty()) {
            if !(prefix == "route6" && follows_address(line)) {
                // "linkdown" is the carrier, which comes and goes by itself.
                let words: Vec<_> = line.split_whitespace().filter(|w| *w != "linkdown").collect();
                facts.push(format!("{prefix} {}", words.join(" ")));
            }
        }
    }
    sysctls(&names, &mut facts);
    facts
}

/// Routes that the kernel keeps for each IPv6 address, some only once duplicate address detection is over.
fn follows_address(route: &str) -> bool {
    ["local ", "anycast ", "multicast "].iter().any(|kind| route.starts_with(kind))
        || route.contains("fe80::/64")
}

/// One fact per attribute, nested objects flattened.
fn attributes(prefix: &str, value: &Value, facts: &mut Vec<String>) {
    for (key, value) in value.as_object().unwrap() {
        if VOLATILE.contains(&key.as_str()) {
            continue;
        }
        match value {
            Value::Object(_) => attributes(prefix, value, facts),
            Value::Array(items) if key == "flags" => {
                let mut flags: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                // Carrier comes and goes by itself.
                flags.retain(|f| !matches!(*f, "LOWER_UP" | "NO-CARRIER" | "M-DOWN"));
                facts.push(format!("{prefix} flags {}", flags.join(",")));
            }
            // No queueing either way; which of the two tells only whether the link was ever up.
            Value::String(text) if key == "qdisc" && matches!(text.as_str(), "noop" | "noqueue") => {}
            Value::String(text) => facts.push(format!("{prefix} {key} {text}")),
            other => facts.push(format!("{prefix} {key} {other}")),
        }
    }
}

/// One fact per address. Duplicate address detection that still runs is not a difference; nor is a link-local
/// address that the kernel makes by itself, a moment after the carrier came: the link's addr_gen_mode tells.
fn addresses(facts: &mut Vec<String>) {
    for link in command::shell("ip -d -j addr show").json().as_array().unwrap() {
        let not_the_kernels = |a: &&Value| !a["local"].as_str().unwrap_or_default().starts_with("fe80:");
        for address in link["addr_info"].as_array().into_iter().flatten().filter(not_the_kernels) {
            let mut words = vec![format!(
                "address {} {}/{}",
                link["ifname"].as_str().unwrap(),
                address["local"].as_str().unwrap_or("?"),
                address["prefixlen"]
            )];
            for (key, value) in address.as_object().unwrap() {
                match (key.as_str(), value) {
                    ("local" | "prefixlen" | "family" | "tentative" | "dadfailed", _) => {}
                    (_, Value::Bool(true)) => words.push(key.clone()),
                    (_, Value::String(text)) => words.push(format!("{key} {text}")),
                    (_, other) => words.push(format!("{key} {other}")),
                }
            }
            facts.push(words.join(" "));
        }
    }
}

/// One line per port and VLAN.
fn vlans(ports: &Value) -> String {
    let mut lines = String::new();
    for port in ports.as_array().into_iter().flatten() {
        for vlan in port["vlans"].as_array().into_iter().flatten() {
            let flags: Vec<&str> =
                vlan["flags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            lines.push_str(&format!(
                "{} {}{} {}\n",
                port["ifname"].as_str().unwrap_or_default(),
                vlan["vlan"],
                vlan["vlanEnd"].as_u64().map(|end| format!("-{end}")).unwrap_or_default(),
                flags.join(",")
            ));
        }
    }
    lines
}

/// The sysctls that the plugins set, or that decide whether what they set works.
fn sysctls(links: &[String], facts: &mut Vec<String>) {
    let v4 = ["arp_notify", "arp_accept", "rp_filter", "route_localnet", "forwarding", "proxy_arp"];
    let v6 = [
        "accept_dad",
        "accept_ra",
        "enhanced_dad",
        "dad_transmits",
        "disable_ipv6",
        "forwarding",
        "keep_addr_on_down",
        "ndisc_notify",
        "autoconf",
        "addr_gen_mode",
    ];
    let mut keys = vec!["net/ipv4/ip_forward".to_owned()];
    for link in ["all", "default"].into_iter().chain(links.iter().map(String::as_str)) {
        keys.extend(v4.iter().map(|key| format!("net/ipv4/conf/{link}/{key}")));
        keys.extend(v6.iter().map(|key| format!("net/ipv6/conf/{link}/{key}")));
    }
    for key in keys {
        if let Ok(value) = fs::read_to_string(format!("/proc/sys/{key}")) {
            facts.push(format!("sysctl {key} {}", value.trim()));
        }
    }
}
