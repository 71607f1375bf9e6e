//! Keys of bridge.

use serde_json::{Value, json};

use crate::confs::{dual, layer2, masquerade, merged, plain};

use super::case::{Case, Step};
use Step::{Add, AddArgs, AddIf, Check, Del, DelBare, Destroy, Host, State, Verb};

fn with(keys: &Value) -> Value {
    merged(&plain(), keys)
}

pub fn cases() -> Vec<Case> {
    let mut cases = addressing();
    cases.extend(links());
    cases.extend(macs());
    cases.extend(verbs());
    cases.extend(failures());
    cases.extend(vlans());
    cases
}

fn addressing() -> Vec<Case> {
    let case = |name, keys: Value| Case::bridge(name, with(&keys));
    vec![
        case("plain", json!({})),
        case("no_gateway", json!({ "isGateway": false })).bridge_mac_wanders(),
        case("default_gateway", json!({ "isGateway": false, "isDefaultGateway": true, "ipam": { "routes": [] } })),
        case("default_gateway_and_default_route_of_ipam", json!({ "isDefaultGateway": true }))
            .steps(vec![Add("a"), Check("a"), Del("a")])
            .better(r"ADD a: (exit|result)", "two equal default routes are one; the reference fails and leaves its links")
            .better(r"CHECK a: (exit|nothing)", "the same"),
        case("default_route_with_gateway_of_ipam", json!({
            "isDefaultGateway": true, "ipam": { "routes": [{ "dst": "0.0.0.0/0", "gw": "10.88.0.254" }] }
        })),
        Case::bridge("masquerade", masquerade()),
        case("masquerade_iptables", json!({ "ipMasq": true, "ipMasqBackend": "iptables" })),
        case("masquerade_nftables", json!({ "ipMasq": true, "ipMasqBackend": "nftables" })),
        case("masquerade_without_gateway", json!({ "isGateway": false, "ipMasq": true })).bridge_mac_wanders(),
        Case::bridge("dual_stack", dual()),
        Case::bridge("dual_stack_iptables", merged(&dual(), &json!({ "ipMasqBackend": "iptables" }))),
        Case::bridge("dual_stack_nftables", merged(&dual(), &json!({ "ipMasqBackend": "nftables" }))),
        Case::bridge("ipv6_only", replaced(&json!({ "type": "host-local", "subnet": "fd00:88::/64", "routes": [{ "dst": "::/0" }] }))),
        Case::bridge("ipv6_masquerade", merged(
            &replaced(&json!({ "type": "host-local", "subnet": "fd00:88::/64", "routes": [{ "dst": "::/0" }] })),
            &json!({ "ipMasq": true }),
        )),
        case("enabledad_ipv4", json!({ "enabledad": true })),
        Case::bridge("enabledad_dual", merged(&dual(), &json!({ "enabledad": true, "ipMasq": false }))),
        Case::bridge("static_ipam", replaced(&json!({
            "type": "static", "addresses": [{ "address": "10.88.0.7/16", "gateway": "10.88.0.1" }],
            "routes": [{ "dst": "0.0.0.0/0" }]
        }))).steps(vec![Add("a"), State, Check("a"), Del("a"), State]),
        Case::bridge("static_ipam_without_gateway_key", replaced(&json!({
            "type": "static", "addresses": [{ "address": "10.88.3.7/24" }], "dns": { "nameservers": ["1.1.1.1"] }
        }))).steps(vec![Add("a"), State, Check("a"), Del("a"), State]),
        Case::bridge("two_addresses_of_a_family", replaced(&json!({
            "type": "host-local", "ranges": [[{ "subnet": "10.88.0.0/24" }], [{ "subnet": "10.89.0.0/24" }]]
        }))).steps(vec![Add("a"), Del("a")]),
        Case::bridge("two_addresses_without_gateway", merged(&replaced(&json!({
            "type": "host-local", "ranges": [[{ "subnet": "10.88.0.0/24" }], [{ "subnet": "10.89.0.0/24" }]]
        })), &json!({ "isGateway": false }))).bridge_mac_wanders(),
    ]
}

/// [`plain`] with another `ipam`.
pub fn replaced(ipam: &Value) -> Value {
    let mut conf = plain();
    conf["ipam"] = ipam.clone();
    conf
}

fn links() -> Vec<Case> {
    let case = |name, keys: Value| Case::bridge(name, with(&keys));
    vec![
        Case::bridge("layer2", layer2()).bridge_mac_wanders(),
        Case::bridge("layer2_empty_ipam", merged(&layer2(), &json!({ "ipam": {} }))).bridge_mac_wanders(),
        Case::bridge(
            "layer2_gateway_and_masquerade_mean_nothing",
            merged(&layer2(), &json!({ "isGateway": true, "ipMasq": true })),
        )
        .bridge_mac_wanders(),
        case("mtu_1400", json!({ "mtu": 1400 })),
        case("mtu_9000", json!({ "mtu": 9000 })),
        case("mtu_0_is_the_default", json!({ "mtu": 0 })),
        case("hairpin", json!({ "hairpinMode": true })),
        case("promisc", json!({ "promiscMode": true })),
        case("port_isolation", json!({ "portIsolation": true })),
        case("macspoofchk", json!({ "macspoofchk": true })),
        case("macspoofchk_and_masquerade", json!({ "macspoofchk": true, "ipMasq": true })),
        Case::bridge("layer2_macspoofchk", merged(&layer2(), &json!({ "macspoofchk": true })))
            .bridge_mac_wanders(),
        Case::bridge(
            "disable_container_interface",
            merged(&layer2(), &json!({ "disableContainerInterface": true })),
        )
        .bridge_mac_wanders(),
        case("bridge_name_of_15_characters", json!({ "bridge": "bridge789012345" })),
        Case::bridge("bridge_name_default", {
            let mut conf = plain();
            conf.as_object_mut().unwrap().remove("bridge");
            conf
        }),
        case(
            "dns_of_configuration",
            json!({
                "dns": { "nameservers": ["10.88.0.1"], "domain": "pod.local", "search": ["a", "b"], "options": ["ndots:5"] }
            }),
        ),
        case(
            "keys_in_other_case",
            json!({ "HAIRPINMODE": true, "MTU": 1300, "ipam": { "SUBNET": "10.77.0.0/24" } }),
        ),
        case(
            "nulls_are_absent",
            json!({
                "mtu": null, "hairpinMode": null, "vlan": null, "ipMasqBackend": null, "dns": null, "args": null,
                "runtimeConfig": null, "vlanTrunk": null, "ipam": { "rangeStart": null, "ranges": null, "dataDir": null }
            }),
        ),
        case("unknown_keys", json!({ "colour": "red", "ipam": { "size": 5 }, "keepThis": { "a": [1] } })),
        Case::bridge("last_equal_key_wins", plain())
            .raw(
                r#"{"cniVersion": "1.1.0", "name": "net1", "type": "bridge", "mtu": 1200, "mtu": 1300,
                "ipam": {"type": "host-local", "subnet": "10.1.0.0/24", "subnet": "10.2.0.0/24"}}"#,
            )
            .steps(vec![Add("a"), State, Del("a"), State])
            .bridge_mac_wanders(),
        case(
            "capabilities_and_aliases",
            json!({
                "capabilities": { "mac": true, "ips": true, "aliases": true, "dns": true },
                "runtimeConfig": { "aliases": { "net1": ["web"] }, "dns": { "servers": ["1.1.1.1"] } }
            }),
        ),
    ]
}

fn macs() -> Vec<Case> {
    let (args, runtime) = ("0a:58:00:00:00:02", "0a:58:00:00:00:03");
    let one = |steps: Step| vec![steps, State, Check("a"), Del("a"), State];
    vec![
        Case::bridge("mac_of_cni_args", plain()).steps(one(AddArgs("a", "IgnoreUnknown=1;MAC=0a:58:00:00:00:01"))),
        Case::bridge("mac_of_args", with(&json!({ "args": { "cni": { "mac": args } } }))).steps(one(Add("a"))),
        Case::bridge("mac_of_runtime", with(&json!({ "runtimeConfig": { "mac": runtime } }))).steps(one(Add("a"))),
        Case::bridge("mac_args_over_cni_args", with(&json!({ "args": { "cni": { "mac": args } } })))
            .steps(one(AddArgs("a", "IgnoreUnknown=1;MAC=0a:58:00:00:00:01"))),
        Case::bridge("mac_runtime_over_all", with(&json!({ "args": { "cni": { "mac": args } }, "runtimeConfig": { "mac": runtime } })))
            .steps(one(AddArgs("a", "IgnoreUnknown=1;MAC=0a:58:00:00:00:01"))),
        Case::bridge("mac_in_other_form", with(&json!({ "runtimeConfig": { "mac": "0A-58-00-00-00-0F" } }))).steps(one(Add("a"))),
        Case::bridge("mac_empty_is_absent", with(&json!({ "runtimeConfig": { "mac": "" } }))).steps(one(Add("a"))),
        Case::bridge("kubernetes_cni_args", plain()).steps(one(AddArgs(
            "a",
            "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=abc;K8S_POD_UID=1-2",
        ))),
    ]
}

fn verbs() -> Vec<Case> {
    vec![
        Case::bridge("version", plain()).steps(vec![Verb("VERSION")]),
        Case::bridge("status", masquerade()).steps(vec![Verb("STATUS"), State]),
        Case::bridge("status_layer2", layer2()).steps(vec![Verb("STATUS"), State]),
        Case::bridge("del_of_nothing", masquerade()).steps(vec![Del("a"), State])
            .better(r"^- 02 files: directory ", "DEL of nothing makes no directories"),
        Case::bridge("del_bare", plain())
            .steps(vec![Add("a"), DelBare("a"), DelBare("a"), State])
            .better(r"^- 04 (host|pod a): (link (<veth1>|eth0)|address|sysctl \S+/(<veth1>|eth0)/|route)", DEL_BARE),
        Case::bridge("del_bare_masquerade", masquerade())
            .steps(vec![Add("a"), Add("b"), DelBare("a"), State])
            .better(r"^- 04 (host|pod a): (link (<veth1>|eth0)|address|sysctl \S+/(<veth1>|eth0)/|route)", DEL_BARE),
        Case::bridge("del_after_the_namespace_died", masquerade()).steps(vec![Add("a"), Add("b"), Destroy("a"), Del("a"), State]),
        Case::bridge("two_interfaces_of_a_pod", plain()).steps(vec![
            Add("a"),
            Step::Conf(with(&json!({ "name": "net2", "bridge": "cni1", "ipam": { "subnet": "10.99.0.0/16", "routes": [] } }))),
            AddIf("a", "eth1"),
            State,
            Check("a"),
            Del("a"),
            State,
        ]),
        Case::bridge("round_robin", plain()).steps(vec![
            Add("a"), Add("b"), Del("a"), Add("c"), Del("b"), Del("c"), Add("d"), State,
        ]),
        Case::bridge("bridge_vanishes_between", plain()).steps(vec![Add("a"), Host("ip link del cni0"), Add("b"), State, Del("b"), State]),
        Case::bridge("bridge_down_between", plain()).steps(vec![Add("a"), Host("ip link set cni0 down"), Add("b"), State]),
    ]
}

const DEL_BARE: &str = "plugins#810: a DEL without namespace removes the link as well, found by its owner";
const DEL_BAD: &str = "DEL cleans up whatever the keys say that only ADD needs";

/// Only the answers are compared where the reference leaves half of its work.
fn failures() -> Vec<Case> {
    let fails = |name, keys: Value| Case::bridge(name, with(&keys)).steps(vec![Add("a"), Del("a")]);
    vec![
        Case::bridge("fails_repeated_add", plain()).steps(vec![Add("a"), Add("a"), Del("a")]),
        fails("fails_mac_garbage", json!({ "runtimeConfig": { "mac": "zz" } })),
        fails("fails_backend_unknown", json!({ "ipMasq": true, "ipMasqBackend": "pf" })),
        fails("fails_hairpin_and_promisc", json!({ "hairpinMode": true, "promiscMode": true })),
        fails("fails_ipam_not_there", json!({ "ipam": { "type": "nobody" } })),
        fails("fails_mtu_text", json!({ "mtu": "1500" })).better(r"DEL a: (exit|nothing)", DEL_BAD),
        fails("fails_vlan_5000", json!({ "vlan": 5000 })).better(r"DEL a: (exit|nothing)", DEL_BAD),
        Case::bridge("fails_address_in_the_way", plain())
            .steps(vec![Host("ip link add cni0 type bridge; ip addr add 10.1.0.1/24 dev cni0"), Add("a")]),
        Case::bridge("fails_bridge_is_no_bridge", plain())
            .steps(vec![Host("ip link add cni0 type veth peer name p"), Add("a")]),
        Case::bridge("fails_check_without_result", plain()).steps(vec![Verb("CHECK")]),
    ]
}

/// Need a kernel with VLAN filtering.
fn vlans() -> Vec<Case> {
    // Without an address of its own the reference's bridge has the MAC of one of the ports.
    let case = |name, base: Value, keys: Value| {
        Case::bridge(name, merged(&base, &keys)).needs_vlan().bridge_mac_wanders().ports_have_other_macs()
    };
    let no_gateway = with(&json!({ "isGateway": false }));
    vec![
        case("vlan", no_gateway.clone(), json!({ "vlan": 100 })),
        case("vlan_with_gateway", plain(), json!({ "vlan": 100 })),
        case("vlan_layer2", layer2(), json!({ "vlan": 100 })),
        case(
            "vlan_preserve_default",
            no_gateway.clone(),
            json!({ "vlan": 100, "preserveDefaultVlan": true }),
        ),
        case("trunk_ids", layer2(), json!({ "vlanTrunk": [{ "id": 101 }, { "id": 200 }] })),
        case("trunk_ranges", layer2(), json!({ "vlanTrunk": [{ "minID": 101, "maxID": 105 }, { "id": 7 }] })),
        case(
            "trunk_preserve_default",
            layer2(),
            json!({ "vlanTrunk": [{ "id": 101 }], "preserveDefaultVlan": true }),
        ),
        case("trunk_and_native_vlan", layer2(), json!({ "vlan": 100, "vlanTrunk": [{ "id": 101 }] })),
        case("trunk_empty", layer2(), json!({ "vlanTrunk": [] })),
        case("vlan_masquerade", plain(), json!({ "vlan": 100, "ipMasq": true })),
    ]
}
