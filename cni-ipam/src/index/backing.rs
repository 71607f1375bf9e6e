//! Where the bytes of an index are: in its file, or in memory where the file cannot be had.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::format::{PAGE, Page};

/// The bytes.
#[derive(Debug)]
pub enum Backing {
    /// A file that lasts.
    File(File),
    /// For this run only.
    Memory(Vec<u8>),
}

fn offset(at: u64) -> io::Result<usize> {
    usize::try_from(at).map_err(|_| io::ErrorKind::InvalidInput.into())
}

impl Backing {
    /// Reads into all of `buffer`.
    pub fn read(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        match self {
            Backing::File(file) => file.read_exact_at(buffer, at),
            Backing::Memory(bytes) => {
                let from = offset(at)?;
                let found = bytes.get(from..from.saturating_add(buffer.len()));
                buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
        }
    }

    /// Reads the page with this number.
    pub fn page(&self, number: u64) -> io::Result<Page> {
        let mut page = [0; PAGE];
        self.read(&mut page, number * PAGE as u64)?;
        Ok(page)
    }

    /// Writes all of `bytes`, beyond the end if need be.
    pub fn write(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        match self {
            Backing::File(file) => file.write_all_at(bytes, at),
            Backing::Memory(memory) => {
                let from = offset(at)?;
                let to = from.saturating_add(bytes.len());
                if memory.len() < to {
                    memory.resize(to, 0);
                }
                if let Some(place) = memory.get_mut(from..to) {
                    place.copy_from_slice(bytes);
                }
                Ok(())
            }
        }
    }
}
