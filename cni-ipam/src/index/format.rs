//! The bytes of the index file. Numbers are little-endian.
//!
//! | part | size | content |
//! |---|---|---|
//! | header | 4 pages | 128 bytes of fields, then the number (16 bytes) of each chunk |
//! | slots | a power of two of pages | 32 records of 128 bytes each |
//! | chunks | 1 page each | a bit for each of 32,768 consecutive addresses |

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use nix::sys::stat::FileStat;

use crate::address::Addr;
use crate::life::{BootId, NetnsNote};
use crate::store::OwnerKey;

/// Bytes of a page, the unit of reading.
pub const PAGE: usize = 4096;
/// A page's content.
pub type Page = [u8; PAGE];
/// Pages before the slots.
pub const HEADER_PAGES: u64 = HEADER as u64 / PAGE as u64;
/// Bytes before the slots.
const HEADER: usize = 4 * PAGE;
/// Bytes of the header's fields.
pub const FIELDS: usize = 128;
/// Bytes of a chunk's number.
pub const CHUNK_ID: usize = 16;
/// Most chunks that the header has room for: 33 million addresses.
pub const MAX_CHUNKS: usize = (HEADER - FIELDS) / CHUNK_ID;
/// Bytes of a record.
pub const RECORD: usize = 128;
/// Records of a page.
pub const RECORDS: u64 = (PAGE / RECORD) as u64;
/// Most pages of slots: 33 million leases.
pub const MAX_SLOT_PAGES: u32 = 1 << 20;

const MAGIC: [u8; 8] = *b"leaseix1";

/// A time stamp of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// Seconds since 1970.
    pub sec: i64,
    /// Nanoseconds.
    pub nsec: i64,
}

/// What tells one state of a directory from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirState {
    /// Inode number: another one in a copy.
    pub inode: u64,
    /// Set by us to a mark after each change of ours.
    pub mtime: Stamp,
    /// Cannot be set by anybody, so that not even a restored directory looks the same.
    pub ctime: Stamp,
}

impl DirState {
    /// From what stat(2) says.
    pub fn of(stat: &FileStat) -> Self {
        DirState {
            inode: stat.st_ino,
            mtime: Stamp { sec: stat.st_mtime, nsec: stat.st_mtime_nsec },
            ctime: Stamp { sec: stat.st_ctime, nsec: stat.st_ctime_nsec },
        }
    }
}

/// The header's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The boot in which every record was noted.
    pub boot: BootId,
    /// The directory as the last change of ours left it.
    pub dir: DirState,
    /// Records in use.
    pub count: u64,
    /// Pages of slots, a power of two.
    pub slot_pages: u32,
    /// Chunks.
    pub chunks: u32,
}

/// One lease, as noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose.
    pub key: OwnerKey,
    /// Which address.
    pub addr: Addr,
    /// Inode number of the lease file.
    pub inode: u64,
    /// Its modification time. With the inode number it tells this file from a later one of the same name.
    pub mtime: Stamp,
    /// The container's namespace, if ADD was ours.
    pub netns: Option<NetnsNote>,
}

/// The 128 bytes of a place for a record.
#[derive(Clone, Copy, Debug)]
pub struct Slot<'a>(pub &'a [u8; RECORD]);

/// State of a place: nothing, ever since the page was made, so no record of this page went on to the next.
const EMPTY: u8 = 0;
/// State of a place: a record.
const USED: u8 = 1;
/// State of a place: nothing any more; a search goes on behind it.
const DELETED: u8 = 2;

fn take<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..at + N).and_then(|b| b.try_into().ok()).unwrap_or([0; N])
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

fn take_stamp(bytes: &[u8], at: usize) -> Stamp {
    Stamp { sec: i64::from_le_bytes(take(bytes, at)), nsec: i64::from_le_bytes(take(bytes, at + 8)) }
}

fn put_stamp(bytes: &mut [u8], at: usize, stamp: Stamp) {
    put(bytes, at, &stamp.sec.to_le_bytes());
    put(bytes, at + 8, &stamp.nsec.to_le_bytes());
}

impl Header {
    /// Reads the fields; `None` when they are not those of an index.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let slot_pages = u32::from_le_bytes(take(bytes, 88));
        let chunks = u32::from_le_bytes(take(bytes, 92));
        let sound = take(bytes, 0) == MAGIC
            && slot_pages.is_power_of_two()
            && slot_pages <= MAX_SLOT_PAGES
            && chunks as usize <= MAX_CHUNKS;
        sound.then(|| Header {
            boot: BootId::from_bytes(take(bytes, 8)),
            dir: DirState {
                inode: u64::from_le_bytes(take(bytes, 24)),
                mtime: take_stamp(bytes, 32),
                ctime: take_stamp(bytes, 48),
            },
            count: u64::from_le_bytes(take(bytes, 80)),
            slot_pages,
            chunks,
        })
    }

    /// The bytes of the fields.
    pub fn encode(&self) -> [u8; FIELDS] {
        let mut bytes = [0; FIELDS];
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, 8, &self.boot.bytes());
        put(&mut bytes, 24, &self.dir.inode.to_le_bytes());
        put_stamp(&mut bytes, 32, self.dir.mtime);
        put_stamp(&mut bytes, 48, self.dir.ctime);
        put(&mut bytes, 80, &self.count.to_le_bytes());
        put(&mut bytes, 88, &self.slot_pages.to_le_bytes());
        put(&mut bytes, 92, &self.chunks.to_le_bytes());
        bytes
    }
}

impl Slot<'_> {
    /// Nothing was ever here.
    pub fn is_empty(self) -> bool {
        self.state() == EMPTY
    }

    /// A record is here.
    pub fn is_used(self) -> bool {
        self.state() == USED
    }

    fn state(self) -> u8 {
        let [state, ..] = *self.0;
        state
    }

    /// Whose record is here, if one is.
    pub fn key(self) -> OwnerKey {
        OwnerKey(take(self.0, 16))
    }

    /// The record that is here, if one is.
    pub fn record(self) -> Record {
        let bytes = self.0;
        let path_len = usize::from(take::<1>(bytes, 1)[0]);
        let path = bytes.get(64..64 + path_len).unwrap_or_default();
        let netns = (!path.is_empty()).then(|| NetnsNote {
            inode: u32::from_le_bytes(take(bytes, 4)),
            mounts: u32::from_le_bytes(take(bytes, 8)),
            path: PathBuf::from(OsStr::from_bytes(path)),
        });
        let nsec = i64::from(u32::from_le_bytes(take(bytes, 12)));
        Record {
            key: self.key(),
            addr: Addr::from_bits(u128::from_le_bytes(take(bytes, 32))),
            inode: u64::from_le_bytes(take(bytes, 48)),
            mtime: Stamp { sec: i64::from_le_bytes(take(bytes, 56)), nsec },
            netns,
        }
    }

    /// The state byte of a place whose record goes away.
    pub fn vacated(page_has_empty: bool) -> u8 {
        if page_has_empty { EMPTY } else { DELETED }
    }
}

impl Record {
    /// The 128 bytes of its place.
    pub fn encode(&self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        put(&mut bytes, 0, &[USED]);
        if let Some(note) = &self.netns {
            let path = note.path.as_os_str().as_bytes();
            if let Ok(len) = u8::try_from(path.len())
                && path.len() <= NetnsNote::MAX_PATH
            {
                put(&mut bytes, 1, &[len]);
                put(&mut bytes, 4, &note.inode.to_le_bytes());
                put(&mut bytes, 8, &note.mounts.to_le_bytes());
                put(&mut bytes, 64, path);
            }
        }
        // Below 1,000,000,000 by definition.
        put(&mut bytes, 12, &u32::try_from(self.mtime.nsec).unwrap_or(0).to_le_bytes());
        put(&mut bytes, 16, &self.key.0);
        put(&mut bytes, 32, &self.addr.bits().to_le_bytes());
        put(&mut bytes, 48, &self.inode.to_le_bytes());
        put(&mut bytes, 56, &self.mtime.sec.to_le_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn record(addr: &str, path: Option<&str>) -> Record {
        Record {
            key: OwnerKey([9; 16]),
            addr: Addr::parse(addr).unwrap(),
            inode: 77,
            mtime: Stamp { sec: -5, nsec: 999_999_999 },
            netns: path.map(|p| NetnsNote { inode: 5, mounts: 6, path: p.into() }),
        }
    }

    #[test]
    fn records_come_back_as_they_went() {
        let longest = format!("/{}", "x".repeat(NetnsNote::MAX_PATH - 1));
        for path in [None, Some("/run/netns/x"), Some(longest.as_str())] {
            for addr in ["10.1.2.3", "fd00::1"] {
                let record = record(addr, path);
                let bytes = record.encode();
                assert!(Slot(&bytes).is_used() && Slot(&bytes).record() == record);
            }
        }
    }

    #[test]
    fn headers_come_back_as_they_went() {
        let stamp = |sec| Stamp { sec, nsec: 5 };
        let header = Header {
            boot: BootId::from_bytes([3; 16]),
            dir: DirState { inode: 4, mtime: stamp(5), ctime: stamp(6) },
            count: 7,
            slot_pages: 8,
            chunks: 9,
        };
        assert_eq!(Header::decode(&header.encode()), Some(header));
        for bad in [
            Header { slot_pages: 3, ..header },
            Header { slot_pages: 0, ..header },
            Header { chunks: 99999, ..header },
        ] {
            assert_eq!(Header::decode(&bad.encode()), None);
        }
        assert_eq!(Header::decode(&[0; FIELDS]), None);
        assert_eq!(Header::decode(b"leaseix1"), None);
    }
}
