//! A way in for the fuzz targets.

use super::format::{FIELDS, HEADER_PAGES, PAGE, Stamp};
use super::{Backing, Index};
use crate::address::Addr;
use crate::store::{Claim, OwnerKey};

/// Bytes of the chunks' numbers that are taken from the input.
const IDS: usize = 64;

/// Reads bytes as a lease, and as the fields, numbers and records of an index; asks everything that a verb asks, and
/// changes what a verb changes.
pub fn lease_and_index(bytes: &[u8]) {
    let key = Claim::read(bytes).map(|claim| {
        let _ = claim.to_string();
        claim.key()
    });
    let (fields, rest) = bytes.split_at(bytes.len().min(FIELDS + IDS));
    let header = usize::try_from(HEADER_PAGES).unwrap_or(0) * PAGE;
    let mut file = fields.to_vec();
    file.resize(header, 0);
    file.extend(rest);
    file.resize(file.len().next_multiple_of(PAGE) + PAGE, 0);
    let size = u64::try_from(file.len()).unwrap_or(0);
    let Some(mut index) = Index::read(Backing::Memory(file), size, Stamp::default()) else { return };

    let (from, to) = (Addr::parse("10.1.0.0"), Addr::parse("10.1.255.255"));
    if let (Some(from), Some(to)) = (from, to) {
        let _ = index.next_free(from, to);
        let _ = index.count_taken(from, to);
    }
    let records = index.records().unwrap_or_default();
    for record in records.iter().take(4) {
        for (place, noted) in index.lookup(record.key).unwrap_or_default() {
            let _ = index.remove(place, noted.addr);
        }
        let _ = index.insert(record);
    }
    let _ = index.lookup(key.unwrap_or(OwnerKey([0; 16])));
}
