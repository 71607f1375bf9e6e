//! Keys of host-local, through bridge and called directly.

use serde_json::{Value, json};

use crate::confs::{host_local, merged, plain};

use super::bridge::replaced;
use super::case::{Case, Step};
use Step::{Add, AddArgs, Check, Del, Host, State, Verb};

#[expect(clippy::needless_pass_by_value)] // a table of literals reads better without borrows
fn direct(name: &str, ipam: Value) -> Case {
    Case::host_local(format!("host_local_{name}"), host_local(&ipam))
}

pub fn cases() -> Vec<Case> {
    let mut cases = ranges();
    cases.extend(routes());
    cases.extend(wishes());
    cases.extend(files());
    cases
}

fn ranges() -> Vec<Case> {
    let five = || {
        vec![
            Add("a"),
            Add("b"),
            Add("c"),
            State,
            Del("b"),
            Add("d"),
            Add("e"),
            Del("a"),
            Add("f"),
            Add("g"),
            State,
        ]
    };
    vec![
        direct("subnet", json!({ "subnet": "10.88.0.0/24" })),
        direct(
            "start_and_end",
            json!({ "subnet": "10.88.0.0/24", "rangeStart": "10.88.0.10", "rangeEnd": "10.88.0.12" }),
        )
        .steps(five()),
        direct(
            "several_ranges_of_a_set",
            json!({ "ranges": [[
            { "subnet": "10.88.0.0/24", "rangeStart": "10.88.0.10", "rangeEnd": "10.88.0.11" },
            { "subnet": "10.88.1.0/24", "rangeStart": "10.88.1.10", "rangeEnd": "10.88.1.12" }
        ]] }),
        )
        .steps(five()),
        direct("dual", json!({ "ranges": [[{ "subnet": "10.88.0.0/24" }], [{ "subnet": "fd00::/64" }]] })),
        direct(
            "subnet_and_ranges",
            json!({ "subnet": "10.88.0.0/24", "ranges": [[{ "subnet": "10.89.0.0/24" }]] }),
        ),
        direct("gateway_at_the_end", json!({ "subnet": "10.88.0.0/29", "gateway": "10.88.0.6" }))
            .steps(five()),
        direct("gateway_in_the_middle", json!({ "subnet": "10.88.0.0/29", "gateway": "10.88.0.4" }))
            .steps(five()),
        direct("gateway_outside", json!({ "subnet": "10.88.0.0/24", "gateway": "10.99.0.1" })),
        direct(
            "start_at_the_gateway",
            json!({ "subnet": "10.88.0.0/24", "rangeStart": "10.88.0.1", "rangeEnd": "10.88.0.3" }),
        )
        .steps(five()),
        direct("length_30", json!({ "subnet": "10.88.0.0/30" })),
        direct("length_29_exhausted", json!({ "subnet": "10.88.0.0/29" })).steps(vec![
            Add("a"),
            Add("b"),
            Add("c"),
            Add("d"),
            Add("e"),
            Add("f"),
            Del("c"),
            Add("f"),
            Add("g"),
            State,
        ]),
        direct("ipv6_length_126", json!({ "subnet": "fd00::/126" })).steps(vec![
            Add("a"),
            Add("b"),
            Add("c"),
            State,
            Del("a"),
            Add("c"),
            State,
        ]),
        direct("ipv6_length_64", json!({ "subnet": "fd00::/64" })),
        direct("ipv6_written_long", json!({ "subnet": "FD00:0:0:0::/64", "rangeStart": "fd00:0::00ff" })),
        direct(
            "broadcast_can_be_asked_for_by_range_end",
            json!({ "subnet": "10.88.0.0/30", "rangeEnd": "10.88.0.3" }),
        )
        .steps(five()),
        direct(
            "ipv4_written_as_ipv6",
            json!({ "subnet": "10.88.0.0/24", "rangeStart": "::ffff:10.88.0.20" }),
        ),
        small("length_31", "10.88.0.0/31"),
        small("length_32", "10.88.0.5/32"),
        small("ipv6_length_127", "fd00::/127"),
        small("ipv6_length_128", "fd00::5/128"),
    ]
}

/// Subnets that the reference calls too small.
fn small(name: &str, subnet: &str) -> Case {
    direct(name, json!({ "subnet": subnet })).steps(vec![Add("a"), Del("a")]).better(
        r"(ADD|DEL) a: (exit|result|nothing)",
        "every address of a /31, /32, /127 and /128 can be given out (RFC 3021, RFC 6164)",
    )
}

fn routes() -> Vec<Case> {
    let case = |name, routes: Value| {
        Case::bridge(name, merged(&plain(), &json!({ "ipam": { "routes": routes } }))).steps(vec![
            Add("a"),
            State,
            Check("a"),
            Del("a"),
            State,
        ])
    };
    vec![
        case(
            "route_with_gateway",
            json!([{ "dst": "0.0.0.0/0" }, { "dst": "10.5.0.0/16", "gw": "10.88.0.9" }]),
        ),
        case("route_mtu", json!([{ "dst": "10.5.0.0/16", "mtu": 1300 }]))
            .better(r"route unicast 10.5.0.0/16", "the route has its MTU"),
        case("route_advmss", json!([{ "dst": "10.5.0.0/16", "advmss": 1200 }]))
            .better(r"route unicast 10.5.0.0/16", "the route has its maximal segment size"),
        case("route_priority", json!([{ "dst": "10.5.0.0/16", "priority": 77 }])),
        case("route_table", json!([{ "dst": "10.5.0.0/16", "table": 100 }]))
            .better(r"CHECK a: (exit|nothing)", "CHECK looks for a route in its own table"),
        case("route_scope_link", json!([{ "dst": "10.5.0.0/16", "scope": 253 }]))
            .steps(vec![Add("a"), Del("a")]),
        case("route_scope_global", json!([{ "dst": "10.5.0.0/16", "scope": 0 }])),
        case("route_host_bits", json!([{ "dst": "10.5.0.7/16" }])).steps(vec![Add("a"), Del("a")]).better(
            r"ADD a: (exit|result)",
            "host bits of a destination are cut; the kernel would refuse them",
        ),
        case("route_twice", json!([{ "dst": "10.5.0.0/16" }, { "dst": "10.5.0.0/16" }]))
            .steps(vec![Add("a"), Del("a")])
            .better(r"ADD a: (exit|result)", "a route named twice is one route"),
        case("route_ipv6_without_address", json!([{ "dst": "0.0.0.0/0" }, { "dst": "::/0" }])),
        case("route_through_nowhere", json!([{ "dst": "10.5.0.0/16", "gw": "192.0.2.1" }]))
            .steps(vec![Add("a"), Del("a")]),
        Case::bridge(
            "routes_of_both_families",
            replaced(&json!({
                "type": "host-local", "ranges": [[{ "subnet": "10.88.0.0/24" }], [{ "subnet": "fd00::/64" }]],
                "routes": [{ "dst": "0.0.0.0/0" }, { "dst": "::/0" }, { "dst": "fd01::/48", "gw": "fd00::9" }]
            })),
        ),
    ]
}

const NO_DIRECTORY: &str = "a wish that cannot be met is refused before a directory is made";

fn wishes() -> Vec<Case> {
    let base = || json!({ "ranges": [[{ "subnet": "10.88.0.0/24" }], [{ "subnet": "fd00::/64" }]] });
    let wish = |name: &str, keys: Value| {
        let conf = merged(&host_local(&base()), &keys);
        Case::host_local(format!("host_local_{name}"), conf).steps(vec![
            Add("a"),
            State,
            Add("b"),
            Del("a"),
            Add("b"),
            State,
        ])
    };
    vec![
        wish("args_ips", json!({ "args": { "cni": { "ips": ["10.88.0.50", "fd00::50"] } } })),
        wish("args_ips_with_prefix", json!({ "args": { "cni": { "ips": ["10.88.0.50/24"] } } })),
        wish("runtime_ips", json!({ "runtimeConfig": { "ips": ["10.88.0.60/24", "fd00::60/64"] } })),
        wish("runtime_ips_one_family", json!({ "runtimeConfig": { "ips": ["fd00::60"] } })).better(
            r"05 ADD b: result ips 0 address|06 files: file \S+/(10.88.0.[34]|last_reserved_ip.0) ",
            "an ADD that fails moves no cursor",
        ),
        wish("runtime_ranges", json!({ "runtimeConfig": { "ipRanges": [[{ "subnet": "10.77.0.0/24" }]] } })),
        wish("outside", json!({ "runtimeConfig": { "ips": ["192.0.2.9"] } }))
            .better(r"^- 0[26] files: (directory|file \S+/last_reserved)", NO_DIRECTORY),
        wish("the_gateway", json!({ "runtimeConfig": { "ips": ["10.88.0.1"] } }))
            .better(r"^- 0[26] files: directory ", NO_DIRECTORY),
        direct("wish_of_cni_args", base()).steps(vec![
            AddArgs("a", "IgnoreUnknown=1;IP=10.88.0.70"),
            AddArgs("b", "IgnoreUnknown=1;IP=10.88.0.70"),
            Add("c"),
            State,
        ]),
        direct("wish_below_the_cursor", base()).steps(vec![
            AddArgs("a", "IP=10.88.0.90"),
            Add("b"),
            AddArgs("c", "IP=10.88.0.10"),
            Add("d"),
            State,
        ]),
    ]
}

fn files() -> Vec<Case> {
    let old = "mkdir -p /var/lib/cni/networks/net1; printf 'old' >/var/lib/cni/networks/net1/10.88.0.2; \
               printf '10.88.0.4' >/var/lib/cni/networks/net1/last_reserved_ip.0; \
               printf 'a\\r\\neth0' >/var/lib/cni/networks/net1/10.88.0.6";
    vec![
        direct("data_dir", json!({ "subnet": "10.88.0.0/24", "dataDir": "/var/lib/cni/elsewhere/deep" })),
        direct("resolv_conf", json!({ "subnet": "10.88.0.0/24", "resolvConf": "/run/work/resolv.conf" })).first(
            "printf '# text\\nnameserver 10.0.0.1\\nnameserver fd00::1\\ndomain a.b\\nsearch c.d e.f\\noptions ndots:2 rotate\\n; x\\nsortlist 1.2.3.4\\n' >/run/work/resolv.conf",
        ),
        Case::bridge("resolv_conf_through_bridge", merged(&plain(), &json!({ "ipam": { "resolvConf": "/run/work/resolv.conf" } })))
            .first("printf 'nameserver 10.0.0.1\\n' >/run/work/resolv.conf"),
        Case::bridge("dns_of_configuration_over_resolv_conf", merged(
            &plain(),
            &json!({ "dns": { "nameservers": ["9.9.9.9"] }, "ipam": { "resolvConf": "/run/work/resolv.conf" } }),
        ))
        .first("printf 'nameserver 10.0.0.1\\n' >/run/work/resolv.conf"),
        direct("leases_and_cursor_of_before", json!({ "subnet": "10.88.0.0/24" }))
            .steps(vec![Host(old), Add("b"), Add("c"), State, Del("a"), State]),
        direct("del_frees_the_old_format", json!({ "subnet": "10.88.0.0/24" })).steps(vec![
            Host("mkdir -p /var/lib/cni/networks/net1; printf 'a' >/var/lib/cni/networks/net1/10.88.0.9"), Del("a"), State,
        ]),
        direct("cursor_garbage", json!({ "subnet": "10.88.0.0/24" })).first(
            "mkdir -p /var/lib/cni/networks/net1; printf 'x' >/var/lib/cni/networks/net1/last_reserved_ip.0",
        ),
        direct("cursor_outside", json!({ "subnet": "10.88.0.0/24" })).first(
            "mkdir -p /var/lib/cni/networks/net1; printf '10.1.1.1' >/var/lib/cni/networks/net1/last_reserved_ip.0",
        ),
        direct("repeated_add", json!({ "subnet": "10.88.0.0/24" })).steps(vec![Add("a"), Add("a"), State, Del("a"), State]),
        direct("check_without_lease", json!({ "subnet": "10.88.0.0/24" })).steps(vec![Add("a"), Del("a"), Check("a")]),
        direct("version", json!({ "subnet": "10.88.0.0/24" })).steps(vec![Verb("VERSION")]),
        direct("status", json!({ "subnet": "10.88.0.0/24" })).steps(vec![Verb("STATUS"), State]),
    ]
}
