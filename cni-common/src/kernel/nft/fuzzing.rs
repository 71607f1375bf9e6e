//! A way in for the fuzz targets.

use super::told::Told;
use super::{KeyType, answer};
use crate::kernel::netlink::fuzzing::replies;

/// Reads one datagram as the answer to every question.
pub fn answer(bytes: &[u8]) {
    for told in replies::<Told>(bytes) {
        let _ = answer::generation(&told);
        let _ = answer::table(&told);
        let _ = answer::chain(&told);
        let _ = answer::set(&told);
        let _ = answer::rule(&told);
        for kind in [KeyType::Ipv4, KeyType::Ipv6, KeyType::Port, KeyType::PortMac] {
            let _ = answer::elements(&told, kind);
            let _ = answer::deleted(&told, |_| Some(kind));
        }
    }
}
