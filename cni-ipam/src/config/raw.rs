//! The keys as they stand in a configuration, before anything is checked.
//!
//! These types are also the source of the JSON schema (feature `schema`) and are held to the pages in
//! `docs`, so every field says what it does, its default, and an example where the form is not obvious.

use serde::Deserialize;

/// The keys of a network configuration that host-local reads.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, rename_all = "camelCase")]
pub struct RawConf {
    /// The IPAM plugin and its keys. Required.
    pub ipam: Option<RawIpam>,
    /// What the runtime adds for the capabilities that the configuration names; not written by hand.
    pub runtime_config: RawRuntimeConfig,
    /// Arguments that a runtime or an orchestrator puts into the configuration.
    pub args: RawArgs,
}

/// `ipam`: the plugin, its ranges, routes and files. Either `subnet` or `ranges` is needed (or `ipRanges`
/// from the runtime); with both, `subnet` is the first range set.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, rename_all = "camelCase")]
pub struct RawIpam {
    /// Name of the IPAM plugin's program: `host-local`.
    #[serde(rename = "type")]
    pub plugin: Option<String>,
    /// The subnet of a single range, as network address and prefix: `"10.88.0.0/16"`. The short form for a
    /// network with one range; `ranges` can say the same and more.
    pub subnet: Option<String>,
    /// First address of the single range, inclusive. Default: the first address behind the subnet's own
    /// (`.1` in a /24).
    pub range_start: Option<String>,
    /// Last address of the single range, inclusive. Default: the last of the subnet, for IPv4 the one
    /// before the broadcast address.
    pub range_end: Option<String>,
    /// Gateway of the single range; never leased. Default: the first address behind the subnet's own; none
    /// in a /31, /32, /127 or /128.
    pub gateway: Option<String>,
    /// Range sets: a list of lists of ranges. An attachment gets one address out of each set; the ranges of
    /// one set are used one after the other and are of one family. Dual stack is two sets:
    /// `[[{"subnet": "10.88.0.0/16"}], [{"subnet": "fd00:88::/64"}]]`.
    pub ranges: Vec<Vec<RawRange>>,
    /// Routes that the container gets; handed on in the result.
    pub routes: Vec<RawRoute>,
    /// Directory of the leases; each network has a directory of its own in it. Absolute. Default:
    /// `/var/lib/cni/networks`.
    pub data_dir: Option<String>,
    /// A file in the form of resolv.conf(5) whose settings become the result's `dns`. Default: none.
    pub resolv_conf: Option<String>,
}

/// One range of addresses in one subnet.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, rename_all = "camelCase")]
pub struct RawRange {
    /// The subnet as network address and prefix: `"10.88.0.0/16"`. Required.
    pub subnet: Option<String>,
    /// First address, inclusive. Default: the first address behind the subnet's own.
    pub range_start: Option<String>,
    /// Last address, inclusive. Default: the last of the subnet, for IPv4 the one before the broadcast
    /// address.
    pub range_end: Option<String>,
    /// Gateway of the range; never leased. Default: the first address behind the subnet's own; none in a
    /// /31, /32, /127 or /128.
    pub gateway: Option<String>,
}

/// A route of the container.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, rename_all = "camelCase")]
pub struct RawRoute {
    /// Destination as network address and prefix: `"0.0.0.0/0"`. Required.
    pub dst: Option<String>,
    /// Next hop. Default: the gateway of the address of that family.
    pub gw: Option<String>,
    /// Path MTU in bytes (specification 1.1). Default: that of the link.
    pub mtu: Option<u32>,
    /// Maximal segment size to advertise, in bytes (specification 1.1). Default: derived from the MTU.
    pub advmss: Option<u32>,
    /// Metric; the smaller one is preferred (specification 1.1). Default: the kernel's.
    pub priority: Option<u32>,
    /// Routing table by number (specification 1.1). Default: the main table, 254.
    pub table: Option<u32>,
    /// Scope as in rtnetlink(7): 0 global, 253 link, 254 host (specification 1.1). Default: the kernel's.
    pub scope: Option<u8>,
}

/// `runtimeConfig`: values of the capabilities `ipRanges` and `ips`.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, rename_all = "camelCase")]
pub struct RawRuntimeConfig {
    /// Range sets (capability `ipRanges`) that come before those of `ipam`.
    pub ip_ranges: Vec<Vec<RawRange>>,
    /// Addresses wanted (capability `ips`), each with or without a prefix: `["10.88.0.7"]`.
    pub ips: Vec<String>,
}

/// `args`: by convention, each orchestrator's arguments stand under a key of its own.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, rename_all = "camelCase")]
pub struct RawArgs {
    /// Arguments of the CNI conventions.
    pub cni: RawCniArgs,
}

/// `args.cni`
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, rename_all = "camelCase")]
pub struct RawCniArgs {
    /// Addresses wanted, each with or without a prefix: `["10.88.0.7"]`.
    pub ips: Vec<String>,
}

/// All that DEL and GC read, so that a broken range never keeps a lease.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawPlace {
    pub(super) ipam: RawPlaceIpam,
}

/// The one key of `ipam` that says where the leases are.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RawPlaceIpam {
    pub(super) data_dir: Option<String>,
}
