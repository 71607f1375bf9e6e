//! Ranges of addresses and the order in which they are handed out.

use std::fmt;

use cni_common::spec::CniError;

use crate::address::Addr;

/// Addresses of one subnet that may be leased. Exists only valid: `start` and `end` lie in the subnet, in
/// this order, and at least one address between them is not the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    subnet: Addr,
    prefix: u8,
    start: Addr,
    end: Addr,
    gateway: Option<Addr>,
}

/// Ranges of one address family; an attachment gets one address of each set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeSet {
    ranges: Vec<Range>,
}

/// The parts of a range as configured, each with its value's text read.
#[derive(Clone, Copy, Debug)]
pub struct RangeParts {
    /// The subnet's address as written, host bits included.
    pub subnet: Addr,
    /// The length of its prefix in bits.
    pub prefix: u8,
    /// `rangeStart`
    pub start: Option<Addr>,
    /// `rangeEnd`
    pub end: Option<Addr>,
    /// `gateway`
    pub gateway: Option<Addr>,
}

impl Range {
    /// Fills in what is not given, as the reference does (`Range.Canonicalize`): the gateway is the first
    /// address behind the subnet's, the range goes from that one to the last (IPv4: before the broadcast
    /// address). Where the reference refuses, the two small sizes have their RFC's meaning: /31 and /127
    /// hold two addresses (RFC 3021, RFC 6164), /32 and /128 the one; no gateway unless given.
    ///
    /// # Errors
    /// Code 7, naming the key under `path`.
    pub fn new(path: &str, parts: RangeParts) -> Result<Self, CniError> {
        let RangeParts { subnet, prefix, start, end, gateway } = parts;
        let cidr = format!("{subnet}/{prefix}");
        let bad = |key: &str, what: String| CniError::config(format!("invalid \"{path}.{key}\": {what}"));
        let network = subnet.with_host_bits(prefix, false);
        let last = subnet.with_host_bits(prefix, true);
        if network != subnet {
            return Err(bad("subnet", format!("{cidr} has host bits set; write {network}/{prefix}")));
        }
        if !subnet.is_v4() && network <= mapped(false) && last >= mapped(true) {
            return Err(bad(
                "subnet",
                format!("{cidr} contains the mapped IPv4 addresses; choose a smaller one"),
            ));
        }
        let small = subnet.width() - prefix <= 1;
        let first = if small { network } else { network.plus(1).unwrap_or(network) };
        let default_end = match (small, subnet.is_v4()) {
            (false, true) => Addr::from_bits(last.bits() - 1),
            _ => last,
        };
        let within = |key: &str, addr: Option<Addr>, default| match addr {
            Some(addr) if addr < network || addr > last => {
                Err(bad(key, format!("{addr} is not in subnet {cidr}; choose one from {network} to {last}")))
            }
            addr => Ok(addr.unwrap_or(default)),
        };
        let start = within("rangeStart", start, first)?;
        let end = within("rangeEnd", end, default_end)?;
        if start > end {
            return Err(bad(
                "rangeStart",
                format!("{start} is after the range's end {end}; swap or correct them"),
            ));
        }
        let gateway = gateway.or(if small { None } else { Some(first) });
        if start == end && gateway == Some(start) {
            return Err(bad(
                "gateway",
                format!("{start} is the only address of the range; enlarge the range or change the gateway"),
            ));
        }
        Ok(Range { subnet, prefix, start, end, gateway })
    }

    /// First address.
    pub fn start(&self) -> Addr {
        self.start
    }

    /// Last address.
    pub fn end(&self) -> Addr {
        self.end
    }

    /// Never leased; handed to the container.
    pub fn gateway(&self) -> Option<Addr> {
        self.gateway
    }

    /// Length of the subnet's prefix in bits.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// The address may be leased, or is the gateway.
    pub fn contains(&self, addr: Addr) -> bool {
        (self.start..=self.end).contains(&addr)
    }

    fn overlaps(&self, other: &Range) -> bool {
        self.start <= other.end && other.start <= self.end
    }

    /// How many addresses can be leased; saturates.
    pub fn size(&self) -> u128 {
        let gateway = self.gateway.is_some_and(|g| self.contains(g));
        (self.end.bits() - self.start.bits()).saturating_add(u128::from(!gateway))
    }
}

/// The ends of `::ffff:0:0/96`.
fn mapped(last: bool) -> Addr {
    Addr::from_bits(0xffff_0000_0000).with_host_bits(0, last)
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.end)
    }
}

impl RangeSet {
    /// # Errors
    /// Code 7 when empty, of mixed families, or overlapping in itself.
    pub fn new(path: &str, ranges: Vec<Range>) -> Result<Self, CniError> {
        let bad = |what: String| Err(CniError::config(format!("invalid \"{path}\": {what}")));
        let Some(first) = ranges.first() else {
            return bad("the range set is empty; give it a range with a \"subnet\"".into());
        };
        if ranges.iter().any(|r| r.start.is_v4() != first.start.is_v4()) {
            return bad("mixed address families; put IPv4 and IPv6 into range sets of their own".into());
        }
        for (index, a) in ranges.iter().enumerate() {
            if let Some(b) = ranges.iter().skip(index + 1).find(|b| a.overlaps(b)) {
                return bad(format!("ranges {a} and {b} overlap; make them disjoint"));
            }
        }
        Ok(RangeSet { ranges })
    }

    /// The ranges in their order; at least one.
    pub fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    /// The range that holds an address.
    pub fn range_for(&self, addr: Addr) -> Option<&Range> {
        self.ranges.iter().find(|r| r.contains(addr))
    }

    /// It is a set of IPv4 addresses.
    pub fn is_v4(&self) -> bool {
        self.ranges.iter().any(|r| r.start.is_v4())
    }

    /// Any range of one overlaps any range of the other.
    pub fn overlaps(&self, other: &RangeSet) -> bool {
        self.ranges.iter().any(|a| other.ranges.iter().any(|b| a.overlaps(b)))
    }

    /// How many addresses can be leased; saturates.
    pub fn size(&self) -> u128 {
        self.ranges.iter().fold(0, |sum: u128, r| sum.saturating_add(r.size()))
    }

    /// The round robin: every address of the set, beginning with the one after `last`, as consecutive
    /// pieces with their range. Without a `last`, or with one that the set does not have, it begins at the
    /// first range's start.
    pub fn pieces_after(&self, last: Option<Addr>) -> Vec<(&Range, Addr, Addr)> {
        let at = last.and_then(|last| Some((self.ranges.iter().position(|r| r.contains(last))?, last)));
        let Some((index, last)) = at else {
            return self.ranges.iter().map(|r| (r, r.start, r.end)).collect();
        };
        let mut pieces = Vec::with_capacity(self.ranges.len() + 1);
        let mut turned = self.ranges.iter().cycle().skip(index).take(self.ranges.len());
        let current = turned.next();
        if let Some(range) = current
            && last < range.end
            && let Some(next) = last.plus(1)
        {
            pieces.push((range, next, range.end));
        }
        pieces.extend(turned.map(|r| (r, r.start, r.end)));
        pieces.extend(current.map(|r| (r, r.start, last)));
        pieces
    }
}

impl fmt::Display for RangeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.ranges.iter().enumerate() {
            write!(f, "{}{range}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
