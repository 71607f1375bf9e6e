//! The configuration: keys of `ipam`, what the runtime adds, and `CNI_ARGS`, checked once.

mod raw;
mod read;

use std::path::{Component, Path, PathBuf};

use cni_common::spec::json::{self, UnknownKey};
use cni_common::spec::{CniArgs, CniError, NetConf, NetworkName, Request, Route, SpecVersion};

use crate::address::Addr;
use crate::range::RangeSet;

pub use raw::{RawArgs, RawCniArgs, RawConf, RawIpam, RawRange, RawRoute, RawRuntimeConfig};

/// Where the reference keeps leases unless told otherwise.
const DEFAULT_DATA_DIR: &str = "/var/lib/cni/networks";

/// Where the leases of a network are; all that DEL and GC need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `dataDir`: absolute, without `..`.
    pub data_dir: PathBuf,
    /// The network's name, which is the directory's name in `data_dir`.
    pub network: NetworkName,
}

/// A configuration that ADD can use.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the leases are.
    pub place: Place,
    /// One address out of each goes to the attachment; at least one.
    pub sets: Vec<RangeSet>,
    /// The address wanted out of the set of the same index.
    pub wanted: Vec<Option<Addr>>,
    /// Routes for the result.
    pub routes: Vec<Route>,
    /// A file to read `dns` from.
    pub resolv_conf: Option<PathBuf>,
    /// Keys that nobody knows but that are spelled much like a known one, each as a sentence.
    pub slips: Vec<String>,
}

impl Place {
    /// Reads the name and `dataDir`, and looks at nothing else.
    ///
    /// # Errors
    /// Code 6 for a `dataDir` that is not a string, 7 for one that is not absolute or has `..`.
    pub fn read(conf: &NetConf) -> Result<Self, CniError> {
        let (raw, _): (raw::RawPlace, _) = json::read(&conf.json).map_err(CniError::decoding)?;
        Self::new(&conf.name, raw.ipam.data_dir.as_deref())
    }

    fn new(network: &NetworkName, data_dir: Option<&str>) -> Result<Self, CniError> {
        let text = data_dir.filter(|text| !text.is_empty()).unwrap_or(DEFAULT_DATA_DIR);
        let bad = |why: &str| {
            Err(CniError::config(format!(
                "invalid \"ipam.dataDir\": {text:?} {why}; write an absolute path like {DEFAULT_DATA_DIR}"
            )))
        };
        let path = Path::new(text);
        if !path.is_absolute() {
            return bad("is not absolute");
        }
        if text.contains('\0') || path.components().any(|part| part == Component::ParentDir) {
            return bad("has \"..\" or a NUL character in it");
        }
        Ok(Place { data_dir: path.to_owned(), network: network.clone() })
    }

    /// The network's directory.
    pub fn dir(&self) -> PathBuf {
        self.data_dir.join(self.network.as_str())
    }
}

impl Config {
    /// Reads and checks everything that ADD uses. Keys that are one slip away from a known one are logged,
    /// and stand in the details of an error.
    ///
    /// # Errors
    /// Code 6 for wrong types, 7 for values that cannot be used, 4 for `CNI_ARGS`.
    pub fn read(request: &Request) -> Result<Self, CniError> {
        let (raw, unknown): (RawConf, Vec<UnknownKey>) = request.conf.keys()?;
        let slips = slips(&unknown);
        for slip in &slips {
            tracing::warn!(network = %request.conf.name, "{slip}");
        }
        let with_slips = |error| slips.iter().fold(error, CniError::detail);
        Self::check(request, &raw).map(|config| Config { slips: slips.clone(), ..config }).map_err(with_slips)
    }

    fn check(request: &Request, raw: &RawConf) -> Result<Self, CniError> {
        let ipam = raw.ipam.as_ref().ok_or_else(|| {
            CniError::config("missing \"ipam\": host-local needs it, with a \"subnet\" or \"ranges\" in it")
        })?;
        let place = Place::new(&request.conf.name, ipam.data_dir.as_deref())?;
        let sets = all_sets(raw, ipam, request.conf.version)?;
        let wanted = assign(&sets, wanted(request, raw)?)?;
        let routes = ipam.routes.iter().enumerate();
        let routes = routes.map(|(i, raw)| read::route(&format!("ipam.routes[{i}]"), raw));
        let routes = routes.collect::<Result<_, _>>()?;
        let resolv_conf = ipam.resolv_conf.as_deref().filter(|text| !text.is_empty());
        if let Some(text) = resolv_conf.filter(|text| text.contains('\0')) {
            let message = format!("invalid \"ipam.resolvConf\": {text:?} has a NUL character; write a path");
            return Err(CniError::config(message));
        }
        let resolv_conf = resolv_conf.map(PathBuf::from);
        Ok(Config { place, sets, wanted, routes, resolv_conf, slips: Vec::new() })
    }
}

/// Unknown keys in what is ours to read, with the key that was probably meant.
fn slips(unknown: &[UnknownKey]) -> Vec<String> {
    let ours = |key: &&UnknownKey| key.path.contains(['.', '[']);
    let sentence = |key: &UnknownKey| {
        key.close_to.map(|close| format!("the key \"{}\" is not known; did you mean \"{close}\"?", key.path))
    };
    unknown.iter().filter(ours).filter_map(sentence).collect()
}

/// All range sets in the reference's order: the runtime's, the single range, those of `ranges`.
fn all_sets(raw: &RawConf, ipam: &RawIpam, version: SpecVersion) -> Result<Vec<RangeSet>, CniError> {
    let mut sets = read::range_sets("runtimeConfig.ipRanges", &raw.runtime_config.ip_ranges)?;
    let single = RawRange {
        subnet: ipam.subnet.clone(),
        range_start: ipam.range_start.clone(),
        range_end: ipam.range_end.clone(),
        gateway: ipam.gateway.clone(),
    };
    if single.subnet.is_some() {
        sets.push(("ipam".into(), RangeSet::new("ipam", vec![read::range("ipam", &single)?])?));
    } else if single.range_start.or(single.range_end).or(single.gateway).is_some() {
        tracing::warn!("ipam has rangeStart, rangeEnd or gateway without \"subnet\"; they have no effect");
    }
    sets.extend(read::range_sets("ipam.ranges", &ipam.ranges)?);
    if sets.is_empty() {
        return Err(CniError::config(
            "no IP ranges specified: give \"ipam\" a \"subnet\" like 10.88.0.0/16, or \"ranges\"",
        ));
    }
    let v4 = sets.iter().filter(|(_, set)| set.is_v4()).count();
    if version < SpecVersion::V030 && (v4 > 1 || sets.len() - v4 > 1) {
        return Err(CniError::config(format!(
            "CNI version {version} does not support more than 1 address per family; set cniVersion to 0.3.0 or \
             later, or give one range set per family"
        )));
    }
    for (index, (path, set)) in sets.iter().enumerate() {
        if let Some((other, _)) = sets.iter().skip(index + 1).find(|(_, b)| set.overlaps(b)) {
            return Err(CniError::config(format!(
                "range set \"{path}\" overlaps with \"{other}\"; make them disjoint, or one set of several ranges"
            )));
        }
    }
    Ok(sets.into_iter().map(|(_, set)| set).collect())
}

/// An address that somebody asks for, and where.
struct Wanted {
    source: String,
    addr: Addr,
}

/// The addresses asked for, in the reference's order: `CNI_ARGS`, `args.cni.ips`, `runtimeConfig.ips`.
fn wanted(request: &Request, raw: &RawConf) -> Result<Vec<Wanted>, CniError> {
    // MAC and GATEWAY are for the plugin that delegates to this one.
    let args = CniArgs::parse(&request.args, &["IP", "MAC", "GATEWAY"])?;
    let mut all: Vec<Wanted> = Vec::new();
    if let Some(text) = args.get("IP") {
        let addr = read::wanted(text).ok_or_else(|| {
            CniError::environment(format!(
                "invalid IP in CNI_ARGS: {text:?} is not an IP address; write IP=10.88.0.5"
            ))
        })?;
        all.push(Wanted { source: "CNI_ARGS IP".into(), addr });
    }
    for (path, texts) in [("args.cni.ips", &raw.args.cni.ips), ("runtimeConfig.ips", &raw.runtime_config.ips)]
    {
        for (index, text) in texts.iter().enumerate() {
            let addr = read::wanted(text).ok_or_else(|| {
                CniError::config(format!(
                    "invalid \"{path}[{index}]\": {text:?} is not an IP address; write one like 10.88.0.5"
                ))
            })?;
            all.push(Wanted { source: format!("\"{path}[{index}]\""), addr });
        }
    }
    // The same address from two sources is one wish.
    let mut seen = Vec::new();
    all.retain(|w| {
        !seen.contains(&w.addr) && {
            seen.push(w.addr);
            true
        }
    });
    Ok(all)
}

/// Gives each set the first address asked for that it has.
fn assign(sets: &[RangeSet], mut wanted: Vec<Wanted>) -> Result<Vec<Option<Addr>>, CniError> {
    let mut assigned = Vec::with_capacity(sets.len());
    for set in sets {
        let index = wanted.iter().position(|w| set.range_for(w.addr).is_some());
        let Some(index) = index else {
            assigned.push(None);
            continue;
        };
        let Wanted { source, addr } = wanted.remove(index);
        if set.range_for(addr).is_some_and(|range| range.gateway() == Some(addr)) {
            return Err(CniError::config(format!(
                "requested ip {addr} ({source}) is subnet's gateway; ask for another address"
            )));
        }
        assigned.push(Some(addr));
    }
    if wanted.is_empty() {
        return Ok(assigned);
    }
    let left: Vec<_> = wanted.iter().map(|w| format!("{} ({})", w.addr, w.source)).collect();
    let have: Vec<_> = sets.iter().map(ToString::to_string).collect();
    Err(CniError::config(format!(
        "failed to allocate all requested IPs: {}; ask for one address out of each of the range sets {}",
        left.join(", "),
        have.join(" and ")
    )))
}

#[cfg(test)]
mod tests;
