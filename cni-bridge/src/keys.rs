//! The keys of a configuration, as written. Documented in docs/bridge.md; a test holds the two together.

use serde::Deserialize;

/// Keys of the plugin `bridge`.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, rename_all = "camelCase")]
pub struct Keys {
    /// Name of the bridge. It is made when it is not there.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 15)))]
    pub bridge: Option<String>,
    /// Give the bridge the gateway's address and let the node forward.
    pub is_gateway: bool,
    /// As isGateway, and make the gateway the container's default route.
    pub is_default_gateway: bool,
    /// Remove addresses of the bridge that are in the gateway address's way.
    pub force_address: bool,
    /// Masquerade what the container sends beyond its own subnet.
    pub ip_masq: bool,
    /// What masquerades: "nftables" (netlink, no program needed) or "iptables" (the program of that name).
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["nftables", "iptables"])))]
    pub ip_masq_backend: Option<String>,
    /// MTU of both links and of a bridge that is made, in bytes; 0 leaves it to the kernel.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 65535)))]
    pub mtu: i64,
    /// Let the container reach itself through an address of the node.
    pub hairpin_mode: bool,
    /// Make the bridge promiscuous.
    pub promisc_mode: bool,
    /// VLAN of the container: 1 to 4094; 0 for none.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 4094)))]
    pub vlan: i64,
    /// VLANs that the container may use tagged.
    pub vlan_trunk: Option<Vec<Trunk>>,
    /// Keep the VLAN that the bridge gives to a new port beside those of vlan and vlanTrunk.
    pub preserve_default_vlan: bool,
    /// Drop what the container sends under another hardware address than its own.
    #[serde(rename = "macspoofchk")]
    pub mac_spoof_check: bool,
    /// Wait for duplicate address detection of IPv6 addresses.
    #[serde(rename = "enabledad")]
    pub enable_dad: bool,
    /// Leave the container's interface down. Only without ipam.
    pub disable_container_interface: bool,
    /// Keep the container from talking to other isolated ports of the bridge.
    pub port_isolation: bool,
    /// The IPAM plugin and its keys; without it the attachment has no addresses.
    pub ipam: IpamKeys,
    /// Arguments of the configuration.
    pub args: Args,
    /// What the runtime fills in, by capability.
    pub runtime_config: RuntimeConfig,
}

/// A range of VLANs, or one.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Trunk {
    /// First VLAN of a range.
    #[serde(rename = "minID")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 4094)))]
    pub min_id: Option<i64>,
    /// Last VLAN of a range.
    #[serde(rename = "maxID")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 4094)))]
    pub max_id: Option<i64>,
    /// One VLAN.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 4094)))]
    pub id: Option<i64>,
}

/// The part of `ipam` that every plugin has.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct IpamKeys {
    /// Name of the IPAM plugin.
    #[serde(rename = "type")]
    pub plugin: String,
}

/// `args`
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Args {
    /// `args.cni`
    pub cni: CniArgsKeys,
}

/// `args.cni`
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct CniArgsKeys {
    /// Hardware address of the container's interface.
    pub mac: String,
}

/// `runtimeConfig`
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct RuntimeConfig {
    /// Hardware address of the container's interface (capability "mac").
    pub mac: String,
}
