//! A valid configuration. Everything that ADD would reject is rejected here, for every verb.

use cni_common::kernel::rtnl::PortVlan;
use cni_common::resources::Bridge as BridgeLink;
use cni_common::spec::json::UnknownKey;
use cni_common::spec::{CniArgs, CniError, Code, Dns, IfName, MacAddr, Request};

use crate::keys::{Keys, Trunk};

/// The reference's default bridge.
const DEFAULT_BRIDGE: &str = "cni0";
/// Least MTU of IPv4 (RFC 791), and the most that the kernel's bridge and veth take.
const MTU_RANGE: std::ops::RangeInclusive<i64> = 68..=65535;
const VLAN_RANGE: std::ops::RangeInclusive<i64> = 1..=4094;
/// Keys of the specification and of libcni, which belong to every plugin.
const COMMON_KEYS: [&str; 9] = [
    "cniVersion",
    "name",
    "type",
    "dns",
    "prevResult",
    "capabilities",
    "disableCheck",
    "disableGC",
    "cniVersions",
];

/// What masquerades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MasqueradeBackend {
    /// Over netlink.
    Nftables,
    /// By the programs `iptables` and `ip6tables`.
    Iptables,
}

/// VLANs of the container's port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vlans {
    /// The bridge filters by VLAN.
    pub filtering: bool,
    /// The VLAN of untagged packets, where the node's gateway is too.
    pub access: Option<u16>,
    /// All VLANs of the port.
    pub port: Vec<PortVlan>,
    /// The bridge's default VLAN stays.
    pub keep_default: bool,
}

/// A valid configuration, with the hardware addresses that this call gives to what it makes.
#[derive(Clone, Debug)]
pub struct Bridge {
    /// The bridge.
    pub bridge: IfName,
    /// The address of a bridge that is made.
    pub bridge_mac: MacAddr,
    /// The address of the container's end.
    pub container_mac: MacAddr,
    /// The node is the gateway.
    pub is_gateway: bool,
    /// It is the default gateway.
    pub is_default_gateway: bool,
    /// Remove addresses in the gateway's way.
    pub force_address: bool,
    /// Masquerade, and by what.
    pub masquerade: Option<MasqueradeBackend>,
    /// MTU in bytes.
    pub mtu: Option<u32>,
    /// Hairpin.
    pub hairpin: bool,
    /// The bridge is promiscuous.
    pub promiscuous: bool,
    /// VLANs.
    pub vlans: Vlans,
    /// Drop spoofed hardware addresses.
    pub mac_spoof_check: bool,
    /// Wait for duplicate address detection.
    pub dad: bool,
    /// Leave the container's end down.
    pub container_down: bool,
    /// Isolated port.
    pub isolated: bool,
    /// The IPAM plugin.
    pub ipam: Option<String>,
    /// Resolver settings that replace those of IPAM.
    pub dns: Option<Dns>,
    /// Keys that look like slips of the pen.
    pub suspects: Vec<String>,
}

impl Bridge {
    /// # Errors
    /// Code 4, 6 or 7, naming key, value and remedy.
    pub fn read(request: &Request) -> Result<Self, CniError> {
        let (keys, unknown): (Keys, _) = request.conf.keys()?;
        let args = CniArgs::parse(&request.args, &["MAC", "IP", "GATEWAY"])?;
        let ipam = Some(keys.ipam.plugin.clone()).filter(|name| !name.is_empty());
        refuse_contradictions(&keys, ipam.as_deref())?;
        let masquerade = masquerade(&keys)?;
        Ok(Bridge {
            bridge: IfName::from_key("bridge", keys.bridge.as_deref().unwrap_or(DEFAULT_BRIDGE))?,
            bridge_mac: BridgeLink::mac(random_bytes()?),
            container_mac: match chosen_mac(&keys, &args)? {
                Some(mac) => mac,
                None => MacAddr::local(random_bytes()?),
            },
            is_gateway: keys.is_gateway || keys.is_default_gateway,
            is_default_gateway: keys.is_default_gateway,
            force_address: keys.force_address,
            masquerade,
            mtu: mtu(keys.mtu)?,
            hairpin: keys.hairpin_mode,
            promiscuous: keys.promisc_mode,
            vlans: vlans(&keys)?,
            mac_spoof_check: keys.mac_spoof_check,
            dad: keys.enable_dad,
            container_down: keys.disable_container_interface,
            isolated: keys.port_isolation,
            ipam,
            dns: request.conf.dns()?.filter(|dns| !dns.is_empty()),
            suspects: suspects(&unknown),
        })
    }
}

fn refuse_contradictions(keys: &Keys, ipam: Option<&str>) -> Result<(), CniError> {
    if keys.hairpin_mode && keys.promisc_mode {
        return Err(CniError::config(
            "\"hairpinMode\" and \"promiscMode\" are both true, which would send every packet twice; set one of them \
             to false",
        ));
    }
    if ipam.is_some() && keys.disable_container_interface {
        return Err(CniError::config(
            "\"disableContainerInterface\" is true, so the container can have no address; remove \"ipam\", or set it \
             to false",
        ));
    }
    Ok(())
}

fn masquerade(keys: &Keys) -> Result<Option<MasqueradeBackend>, CniError> {
    let backend = match keys.ip_masq_backend.as_deref() {
        None | Some("" | "nftables") => MasqueradeBackend::Nftables,
        Some("iptables") => MasqueradeBackend::Iptables,
        Some(other) => {
            return Err(CniError::config(format!(
                "\"ipMasqBackend\" is {other:?}: write \"nftables\" or \"iptables\""
            )));
        }
    };
    Ok(keys.ip_masq.then_some(backend))
}

fn mtu(value: i64) -> Result<Option<u32>, CniError> {
    match u32::try_from(value) {
        Ok(0) => Ok(None),
        Ok(mtu) if MTU_RANGE.contains(&value) => Ok(Some(mtu)),
        _ => Err(CniError::config(format!(
            "\"mtu\" is {value}: it must be from {} to {}, or 0 to leave it to the kernel",
            MTU_RANGE.start(),
            MTU_RANGE.end()
        ))),
    }
}

/// One VLAN ID of a key.
fn vlan_id(key: &str, value: i64) -> Result<u16, CniError> {
    u16::try_from(value).ok().filter(|_| VLAN_RANGE.contains(&value)).ok_or_else(|| {
        CniError::config(format!(
            "\"{key}\" is {value}: a VLAN ID is from {} to {}",
            VLAN_RANGE.start(),
            VLAN_RANGE.end()
        ))
    })
}

fn vlans(keys: &Keys) -> Result<Vlans, CniError> {
    let access = match keys.vlan {
        0 => None,
        id => Some(vlan_id("vlan", id)?),
    };
    let trunk = trunk(keys.vlan_trunk.as_deref().unwrap_or_default())?;
    // A trunk without "vlan" has VLAN 1 as its native one, as in the reference.
    let native = access.or((!trunk.is_empty()).then_some(1));
    let tagged =
        trunk.into_iter().filter(|id| Some(*id) != native).map(|id| PortVlan { id, untagged: false });
    let mut port: Vec<_> =
        native.map(|id| PortVlan { id, untagged: true }).into_iter().chain(tagged).collect();
    port.sort_unstable();
    Ok(Vlans {
        filtering: access.is_some() || keys.vlan_trunk.is_some(),
        access,
        port,
        keep_default: keys.preserve_default_vlan,
    })
}

fn trunk(entries: &[Trunk]) -> Result<Vec<u16>, CniError> {
    let mut ids = Vec::new();
    for Trunk { min_id, max_id, id } in entries {
        match (min_id, max_id) {
            (Some(min), Some(max)) => {
                let (first, last) = (vlan_id("vlanTrunk.minID", *min)?, vlan_id("vlanTrunk.maxID", *max)?);
                if last < first {
                    return Err(CniError::config(format!(
                        "\"vlanTrunk\" has minID {first} above maxID {last}; exchange them"
                    )));
                }
                ids.extend(first..=last);
            }
            (Some(min), None) => return Err(half_a_range("minID", *min, "maxID")),
            (None, Some(max)) => return Err(half_a_range("maxID", *max, "minID")),
            (None, None) => {}
        }
        if let Some(id) = id {
            ids.push(vlan_id("vlanTrunk.id", *id)?);
        }
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

fn half_a_range(there: &str, value: i64, missing: &str) -> CniError {
    CniError::config(format!(
        "\"vlanTrunk\" has {there} {value} without {missing}; set both, or \"id\" for one VLAN"
    ))
}

/// The hardware address asked for: the runtime's word over the configuration's over CNI_ARGS.
fn chosen_mac(keys: &Keys, args: &CniArgs) -> Result<Option<MacAddr>, CniError> {
    let candidates = [
        ("\"runtimeConfig.mac\"", keys.runtime_config.mac.as_str()),
        ("\"args.cni.mac\"", keys.args.cni.mac.as_str()),
        ("CNI_ARGS MAC", args.get("MAC").unwrap_or_default()),
    ];
    let chosen = candidates.into_iter().find(|(_, text)| !text.is_empty());
    chosen.map(|(key, text)| MacAddr::parse(key, text)).transpose()
}

fn random_bytes() -> Result<[u8; 6], CniError> {
    let mut bytes = [0; 6];
    getrandom::fill(&mut bytes)
        .map_err(|e| CniError::new(Code::KERNEL, format!("cannot get random bytes from the kernel: {e}")))?;
    Ok(bytes)
}

/// Unknown keys are accepted, as in the reference; those close to a known one are told.
fn suspects(unknown: &[UnknownKey]) -> Vec<String> {
    let is_common = |path: &str| COMMON_KEYS.iter().any(|key| key.eq_ignore_ascii_case(path));
    unknown
        .iter()
        .filter(|key| !is_common(&key.path))
        .filter_map(|key| Some(format!("unknown key \"{}\": did you mean \"{}\"?", key.path, key.close_to?)))
        .collect()
}
