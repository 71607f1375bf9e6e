use std::collections::BTreeMap;

use proptest::prelude::*;

use super::format::Slot;
use super::*;
use crate::testing::{Scratch, tick};

fn key(number: u8) -> OwnerKey {
    OwnerKey([number; 16])
}

fn addr(text: &str) -> Addr {
    Addr::parse(text).unwrap()
}

fn record(number: u8, address: Addr) -> Record {
    let mtime = Stamp { sec: 1, nsec: 2 };
    Record { key: key(number), addr: address, inode: 1, mtime, netns: None }
}

fn addrs(index: &Index, number: u8) -> Vec<Addr> {
    let mut all: Vec<_> = index.lookup(key(number)).unwrap().into_iter().map(|(_, r)| r.addr).collect();
    all.sort();
    all
}

#[test]
fn free_addresses_are_found_across_chunks() {
    let mut index = Index::empty(BootId::UNKNOWN, 4);
    let next = |index: &Index, from, to| {
        index.next_free(addr(from), addr(to)).unwrap().map_or("none".to_owned(), |a| a.to_string())
    };
    assert_eq!(next(&index, "10.0.0.1", "10.255.255.254"), "10.0.0.1");
    for bits in addr("10.0.0.1").bits()..=addr("10.1.255.253").bits() {
        index.set_taken(Addr::from_bits(bits), true).unwrap();
    }
    assert_eq!(next(&index, "10.0.0.1", "10.255.255.254"), "10.1.255.254");
    assert_eq!(next(&index, "10.0.0.1", "10.1.255.253"), "none");
    assert_eq!(next(&index, "10.0.0.0", "10.1.255.253"), "10.0.0.0");
    index.set_taken(addr("10.0.127.255"), false).unwrap();
    index.set_taken(addr("10.0.128.0"), false).unwrap();
    assert_eq!(next(&index, "10.0.0.1", "10.1.255.253"), "10.0.127.255");
    assert_eq!(next(&index, "10.0.128.0", "10.1.255.253"), "10.0.128.0");
    assert_eq!(next(&index, "10.0.128.1", "10.1.255.253"), "none");
    let taken = index.count_taken(addr("10.0.0.0"), addr("10.255.255.255")).unwrap();
    assert_eq!(taken, 2 * 65_536 - 3 - 2);
    assert_eq!(index.count_taken(addr("10.0.0.9"), addr("10.0.0.10")).unwrap(), 2);
    // The other family, and the very last address there is.
    assert_eq!(next(&index, "fd00::1", "fd00::ffff:ffff:ffff:ffff"), "fd00::1");
    let last = addr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    index.set_taken(last, true).unwrap();
    assert_eq!(index.next_free(last, last).unwrap(), None);
}

/// More chunks than the header has room for: the rest counts as free, which link(2) corrects.
#[test]
fn addresses_far_apart_do_not_fill_the_header() {
    let mut index = Index::empty(BootId::UNKNOWN, 4);
    for number in 0..1500_u128 {
        index.set_taken(Addr::from_bits(addr("fd00::").bits() + (number << 20)), true).unwrap();
    }
    assert_eq!(index.header.chunks, 1016);
    let (first, beyond) = (addr("fd00::"), addr("fd00::4e20:0"));
    assert_ne!(index.next_free(first, first.plus(9).unwrap()).unwrap(), Some(first));
    assert_eq!(index.next_free(beyond, beyond).unwrap(), Some(beyond));
    // It is read back whole, from more than one page.
    let scratch = Scratch::new();
    let dir = LeaseDir::create(&scratch.place()).unwrap();
    index.persist(&dir).unwrap();
    assert!(index.mark(&dir));
    let read = Index::open(&dir).unwrap();
    assert_eq!((read.chunks.len(), read.chunks), (1016, index.chunks));
}

#[test]
fn pages_that_were_full_are_searched_through_and_then_written_anew() {
    let scratch = Scratch::new();
    let dir = LeaseDir::create(&scratch.place()).unwrap();
    let mut index = Index::empty(BootId::UNKNOWN, 8);
    index.persist(&dir).unwrap();
    let nth = |n: u128| Addr::from_bits(addr("10.0.0.0").bits() + n);
    // One key's 120 records overflow into the pages behind.
    for n in 0..120 {
        index.insert(&record(1, nth(n))).unwrap();
    }
    assert_eq!(addrs(&index, 1).len(), 120);
    for (place, record) in index.lookup(key(1)).unwrap() {
        if record.addr != nth(119) {
            index.remove(place, record.addr).unwrap();
        }
    }
    assert_eq!(addrs(&index, 1), [nth(119)], "found behind the deleted ones");
    assert!(index.longest.get() > 3);
    let index = index.make_room(&dir).unwrap();
    assert_eq!(addrs(&index, 1), [nth(119)]);
    assert_eq!((index.longest.get(), index.header.slot_pages), (1, 8));
    assert_eq!(index.count_taken(nth(0), nth(500)).unwrap(), 1);
    assert_eq!(Index::open(&dir).unwrap().records().unwrap().len(), 1);
}

#[test]
fn room_is_made_before_it_gets_scarce() {
    let scratch = Scratch::new();
    let dir = LeaseDir::create(&scratch.place()).unwrap();
    let mut index = Index::empty(BootId::UNKNOWN, 4);
    index.persist(&dir).unwrap();
    index.set_taken(addr("10.9.0.1"), true).unwrap();
    for n in 0..65 {
        index.insert(&record(n, Addr::from_bits(addr("10.0.0.0").bits() + u128::from(n)))).unwrap();
    }
    let index = index.make_room(&dir).unwrap();
    assert_eq!((index.header.slot_pages, index.header.count), (16, 65));
    assert!((0..65).all(|n| addrs(&index, n).len() == 1));
    assert_eq!(index.count_taken(addr("10.9.0.0"), addr("10.9.0.9")).unwrap(), 1, "an odd file stays");
}

#[test]
fn only_what_agrees_in_everything_is_believed() {
    let scratch = Scratch::new();
    let dir = LeaseDir::create(&scratch.place()).unwrap();
    let boot = BootId::from_bytes([1; 16]);
    let marked = || {
        let mut index = Index::empty(boot, 4);
        index.persist(&dir).unwrap();
        assert!(index.mark(&dir));
    };
    let is_clean = || Index::open(&dir).is_some_and(|index| index.is_clean(&dir, boot));
    let path = scratch.dir().join(INDEX);
    marked();
    assert!(is_clean());
    assert!(!Index::open(&dir).unwrap().is_clean(&dir, BootId::from_bytes([2; 16])), "another boot");
    std::fs::write(scratch.dir().join("10.0.0.1"), "c9").unwrap();
    assert!(!is_clean(), "a file came");
    marked();
    std::fs::remove_file(scratch.dir().join("10.0.0.1")).unwrap();
    assert!(!is_clean(), "a file went");
    marked();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes).unwrap();
    assert!(!is_clean(), "the index was written by somebody");
    marked();
    let mark = std::fs::metadata(scratch.dir()).unwrap().modified().unwrap();
    tick();
    std::fs::write(scratch.dir().join("10.0.0.1"), "c9").unwrap();
    std::fs::File::open(scratch.dir()).unwrap().set_modified(mark).unwrap();
    assert!(!is_clean(), "a file came, and the directory's time was set back to the mark");
    marked();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(5000).unwrap();
    assert!(Index::open(&dir).is_none(), "cut short");
    std::fs::write(&path, vec![0xaa; 50_000]).unwrap();
    assert!(Index::open(&dir).is_none(), "garbage");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The index against a map.
    #[test]
    fn records_are_kept_as_a_map_keeps_them(steps in prop::collection::vec((0..6_u8, 0..90_u8, any::<bool>()), 1..400)) {
        let mut index = Index::empty(BootId::UNKNOWN, 4);
        let mut model: BTreeMap<Addr, u8> = BTreeMap::new();
        for (owner, number, add) in steps {
            let address = Addr::from_bits(addr("10.0.127.200").bits() + u128::from(number));
            if add && !model.contains_key(&address) {
                index.insert(&record(owner, address)).unwrap();
                model.insert(address, owner);
            } else if let Some(owner) = model.remove(&address) {
                let found = index.lookup(key(owner)).unwrap();
                let (place, record) = found.into_iter().find(|(_, r)| r.addr == address).unwrap();
                index.remove(place, record.addr).unwrap();
            }
            for owner in 0..6 {
                let expected: Vec<_> = model.iter().filter(|(_, o)| **o == owner).map(|(a, _)| *a).collect();
                prop_assert_eq!(addrs(&index, owner), expected);
            }
            let (from, to) = (addr("10.0.127.200"), addr("10.0.128.255"));
            let free = (from.bits()..=to.bits()).map(Addr::from_bits).find(|a| !model.contains_key(a));
            prop_assert_eq!(index.next_free(from, to).unwrap(), free);
            prop_assert_eq!(index.count_taken(from, to).unwrap(), model.len() as u64);
        }
        prop_assert_eq!(index.header.count, model.len() as u64);
    }

    /// Whatever stands in the file, reading it ends with an answer and never with a panic.
    #[test]
    fn any_bytes_can_be_read(head in prop::collection::vec(any::<u8>(), 0..200), slot in prop::array::uniform32(any::<u8>())) {
        let scratch = Scratch::new();
        let dir = LeaseDir::create(&scratch.place()).unwrap();
        let mut bytes = Index::empty(BootId::UNKNOWN, 4).header.encode().to_vec();
        bytes.resize(9 * PAGE, 0);
        bytes.iter_mut().zip(&head).skip(8).for_each(|(b, h)| *b = *h);
        bytes.iter_mut().skip(4 * PAGE).zip(slot.iter().cycle()).for_each(|(b, s)| *b = *s);
        std::fs::write(scratch.dir().join(INDEX), &bytes).unwrap();
        let whole: &[u8; RECORD] = bytes[4 * PAGE..].first_chunk().unwrap();
        let _ = Slot(whole).record();
        if let Some(index) = Index::open(&dir) {
            let _ = (index.records(), index.lookup(key(1)), index.next_free(addr("::1"), addr("::ffff")));
            let _ = index.is_clean(&dir, BootId::UNKNOWN);
        }
    }
}
