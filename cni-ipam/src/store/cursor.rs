//! The round robin's cursor: `last_reserved_ip.<range set>` holds an address, as in the reference.

use std::fs::File;
use std::os::unix::fs::FileExt;

use cni_common::spec::CniError;
use nix::fcntl::OFlag;

use super::files::{LeaseDir, Trouble};
use crate::address::Addr;

/// Longest text of an address, and one byte more to see that a file is longer.
const MAX_CURSOR: usize = 46;

/// The cursor of one range set.
#[derive(Debug)]
pub struct Cursor {
    name: String,
    file: Option<File>,
    len: u64,
    /// The address that was leased last; `None` when there is none, or something else in the file: then the
    /// round robin begins anew, which harms nobody.
    pub last: Option<Addr>,
}

impl Cursor {
    /// Reads the cursor of the range set with this index.
    ///
    /// # Errors
    /// Code 5.
    pub fn open(dir: &LeaseDir, set: usize) -> Result<Self, CniError> {
        let name = format!("last_reserved_ip.{set}");
        let fail = |trouble: Trouble| trouble.error("read", &dir.file(&name));
        let (file, stat) = match dir.open_file(&name, OFlag::O_RDWR) {
            Ok(opened) => opened,
            Err(trouble) if trouble.is_missing() => {
                return Ok(Cursor { name, file: None, len: 0, last: None });
            }
            Err(trouble) => return Err(fail(trouble)),
        };
        let mut bytes = [0; MAX_CURSOR];
        let read = file.read_at(&mut bytes, 0).map_err(|e| fail(e.into()))?;
        let text = bytes.get(..read).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let last = text.and_then(Addr::parse);
        if last.is_none() && read > 0 {
            tracing::warn!(file = %dir.file(&name).display(), "the cursor holds no address; starting anew");
        }
        let len = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
        Ok(Cursor { name, file: Some(file), len, last })
    }

    /// Notes the address leased last.
    ///
    /// # Errors
    /// Code 5.
    pub fn write(self, dir: &LeaseDir, addr: Addr) -> Result<(), CniError> {
        let fail = |trouble: Trouble| trouble.error("write", &dir.file(&self.name));
        let file = match self.file {
            Some(file) => file,
            None => dir.open_file(&self.name, OFlag::O_RDWR | OFlag::O_CREAT).map_err(fail)?.0,
        };
        let text = addr.to_string();
        file.write_all_at(text.as_bytes(), 0).map_err(|e| fail(e.into()))?;
        if self.len > text.len() as u64 {
            file.set_len(text.len() as u64).map_err(|e| fail(e.into()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    #[test]
    fn only_an_address_counts() {
        let scratch = Scratch::new();
        let dir = LeaseDir::create(&scratch.place()).unwrap();
        let path = scratch.dir().join("last_reserved_ip.0");
        for (text, expected) in [
            (&b"10.1.0.200"[..], Some("10.1.0.200")),
            (b"fd00::1", Some("fd00::1")),
            (b"", None),
            (b"10.1.0.200\n", None),
            (b"\xff\xfe", None),
            (&[b'x'; 5000], None),
        ] {
            std::fs::write(&path, text).unwrap();
            let cursor = Cursor::open(&dir, 0).unwrap();
            assert_eq!(cursor.last.map(|a| a.to_string()).as_deref(), expected);
            cursor.write(&dir, Addr::parse("10.1.0.3").unwrap()).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"10.1.0.3");
        }
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        assert_eq!(Cursor::open(&dir, 0).unwrap_err().code.0, 5);
    }
}
