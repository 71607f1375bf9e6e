//! Random names, hardware addresses and hashes replaced by placeholders in the order in which they appear,
//! so that two runs can be compared.

use std::collections::BTreeMap;

use regex_lite::{Captures, Regex};

use super::snapshot::Snapshot;

/// Remembers what each placeholder stands for: the same thing is masked the same everywhere.
pub struct Mask {
    pattern: Regex,
    known: BTreeMap<String, String>,
    counts: BTreeMap<&'static str, usize>,
}

impl Default for Mask {
    fn default() -> Self {
        Mask {
            pattern: Regex::new(concat!(
                r"(?P<mac>\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b)",
                r"|(?P<linklocal>\bfe80::[0-9a-f:]+)",
                r"|(?P<solicited>\bff02::1:ff[0-9a-f:]+)",
                r"|(?P<veth>\bveth[0-9a-f]{8,11}\b)",
                r"|(?P<chain>\bCNI-[0-9a-f]{20,}\b)",
                r"|(?P<uuid>\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)",
                r"|(?P<hash>\b[0-9a-f]{16,}\b)"
            ))
            .unwrap(),
            known: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }
}

const KINDS: [&str; 7] = ["mac", "linklocal", "solicited", "veth", "chain", "uuid", "hash"];

impl Mask {
    /// The text with placeholders.
    pub fn text(&mut self, text: &str) -> String {
        let (known, counts) = (&mut self.known, &mut self.counts);
        self.pattern
            .replace_all(text, |found: &Captures<'_>| {
                let kind = KINDS.into_iter().find(|kind| found.name(kind).is_some()).unwrap_or("?");
                let text = &found[0];
                if text == "ff:ff:ff:ff:ff:ff" || text.starts_with("01:80:c2:") {
                    return text.to_owned();
                }
                placeholder(known, counts, kind, text)
            })
            .into_owned()
    }

    /// Gives a text its placeholder now, of this kind.
    pub fn know(&mut self, kind: &'static str, text: &str) {
        placeholder(&mut self.known, &mut self.counts, kind, text);
    }

    /// A snapshot with placeholders; facts that only repeat a placeholder stay in the kernel's order.
    pub fn snapshot(&mut self, snapshot: &Snapshot) -> Snapshot {
        let masked = snapshot
            .0
            .iter()
            .map(|(place, facts)| (place.clone(), facts.iter().map(|fact| self.text(fact)).collect()));
        Snapshot(masked.collect())
    }
}

fn placeholder(
    known: &mut BTreeMap<String, String>,
    counts: &mut BTreeMap<&'static str, usize>,
    kind: &'static str,
    text: &str,
) -> String {
    if let Some(name) = known.get(text) {
        return name.clone();
    }
    let count = counts.entry(kind).or_default();
    *count += 1;
    let name = format!("<{kind}{count}>");
    if kind.ends_with("mac") {
        // The link-local address that the kernel derives from it (RFC 4291, appendix A).
        let bytes: Vec<u8> = text.split(':').map(|b| u8::from_str_radix(b, 16).unwrap()).collect();
        let half = |high: u8, low: u8| u16::from_be_bytes([high, low]);
        let groups = [
            half(bytes[0] ^ 2, bytes[1]),
            half(bytes[2], 0xff),
            half(0xfe, bytes[3]),
            half(bytes[4], bytes[5]),
        ];
        let [e, f, g, h] = groups;
        let address = std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, e, f, g, h);
        known.insert(address.to_string(), format!("<linklocal-{kind}{count}>"));
    }
    known.insert(text.to_owned(), name.clone());
    name
}
