//! Texts of addresses, subnets, ranges and routes become their types.

use cni_common::spec::{CniError, Route};
use ipnetwork::IpNetwork;

use super::raw::{RawRange, RawRoute};
use crate::address::Addr;
use crate::range::{Range, RangeParts, RangeSet};

fn invalid(path: &str, text: &str, remedy: &str) -> CniError {
    CniError::config(format!("invalid \"{path}\": {text:?} is not {remedy}"))
}

/// An address; an empty text counts as not given, as in Go's `net.IP`.
fn address(path: &str, text: Option<&str>) -> Result<Option<Addr>, CniError> {
    text.filter(|text| !text.is_empty())
        .map(|text| {
            Addr::parse(text)
                .ok_or_else(|| invalid(path, text, "an IP address; write one like 10.88.0.5 or fd00:88::5"))
        })
        .transpose()
}

/// An address with the length of its prefix, as Go's `net.ParseCIDR` reads it; host bits are kept.
pub fn cidr(text: &str) -> Option<(Addr, u8)> {
    let (ip, len) = text.split_once('/')?;
    let addr = Addr::parse(ip)?;
    let digits = !len.is_empty() && len.bytes().all(|b| b.is_ascii_digit());
    let len = len.parse::<u8>().ok().filter(|_| digits)?;
    // A mapped IPv4 address with a prefix of IPv6 is neither; the reference refuses it too.
    (len <= addr.width() && !(addr.is_v4() && ip.contains(':'))).then_some((addr, len))
}

/// An address that somebody asks for, with or without a prefix (which is not used).
pub fn wanted(text: &str) -> Option<Addr> {
    if text.contains('/') { cidr(text).map(|(addr, _)| addr) } else { Addr::parse(text) }
}

pub fn range(path: &str, raw: &RawRange) -> Result<Range, CniError> {
    let subnet_path = format!("{path}.subnet");
    let text = raw.subnet.as_deref().ok_or_else(|| {
        CniError::config(format!("missing \"{subnet_path}\": give the range its subnet, like 10.88.0.0/16"))
    })?;
    let (subnet, prefix) = cidr(text).ok_or_else(|| {
        invalid(&subnet_path, text, "a subnet; write one like 10.88.0.0/16 or fd00:88::/64")
    })?;
    let part = |key: &str, text: &Option<String>| address(&format!("{path}.{key}"), text.as_deref());
    let parts = RangeParts {
        subnet,
        prefix,
        start: part("rangeStart", &raw.range_start)?,
        end: part("rangeEnd", &raw.range_end)?,
        gateway: part("gateway", &raw.gateway)?,
    };
    Range::new(path, parts)
}

pub fn range_sets(path: &str, raw: &[Vec<RawRange>]) -> Result<Vec<(String, RangeSet)>, CniError> {
    let set = |(index, raw): (usize, &Vec<RawRange>)| {
        let path = format!("{path}[{index}]");
        let ranges = raw.iter().enumerate().map(|(i, raw)| range(&format!("{path}[{i}]"), raw));
        let set = RangeSet::new(&path, ranges.collect::<Result<_, _>>()?)?;
        Ok((path, set))
    };
    raw.iter().enumerate().map(set).collect()
}

pub fn route(path: &str, raw: &RawRoute) -> Result<Route, CniError> {
    let dst_path = format!("{path}.dst");
    let text = raw.dst.as_deref().ok_or_else(|| {
        CniError::config(format!("missing \"{dst_path}\": give the route its destination, like 0.0.0.0/0"))
    })?;
    let (dst, len) = cidr(text)
        .ok_or_else(|| invalid(&dst_path, text, "a destination; write one like 0.0.0.0/0 or fd00::/8"))?;
    let gw = address(&format!("{path}.gw"), raw.gw.as_deref())?;
    if let Some(gw) = gw
        && gw.is_v4() != dst.is_v4()
    {
        return Err(CniError::config(format!(
            "invalid \"{path}.gw\": {gw} is not of the family of dst {text}; write a gateway of that family"
        )));
    }
    // The length was checked against the family, so this cannot fail.
    let dst = IpNetwork::new(dst.with_host_bits(len, false).ip(), len)
        .map_err(|e| invalid(&dst_path, text, &e.to_string()))?;
    // Zero stands for "not set", as in the reference's `omitempty` fields.
    let set = |value: Option<u32>| value.filter(|v| *v != 0);
    Ok(Route {
        dst,
        gw: gw.map(Addr::ip),
        mtu: set(raw.mtu),
        advmss: set(raw.advmss),
        priority: set(raw.priority),
        table: raw.table,
        scope: raw.scope,
    })
}
