//! Which addresses are taken: a bit for each, so that the round robin passes over thousands of taken ones
//! by one read. A wrong bit does no harm: link(2) tells the truth about a taken address that counts as free,
//! and a full range is scanned before it is called full.

use std::io;

use super::Index;
use super::format::{CHUNK_ID, FIELDS, HEADER_PAGES, MAX_CHUNKS, PAGE, Page};
use crate::address::Addr;

/// Addresses of one chunk, as a power of two.
const CHUNK_BITS: u32 = 15;

impl Index {
    /// The page of the chunk that an address is in.
    fn chunk(&self, addr: Addr) -> Option<u64> {
        let id = addr.bits() >> CHUNK_BITS;
        let index = self.chunks.iter().position(|c| *c == id)? as u64;
        Some(HEADER_PAGES + u64::from(self.header.slot_pages) + index)
    }

    /// Notes whether an address is taken.
    pub fn set_taken(&mut self, addr: Addr, taken: bool) -> io::Result<()> {
        let page = match (self.chunk(addr), taken) {
            (Some(page), _) => page,
            (None, false) => return Ok(()),
            // Without a bit the address counts as free, and link(2) says otherwise.
            (None, true) if self.chunks.len() >= MAX_CHUNKS => return Ok(()),
            (None, true) => self.add_chunk(addr.bits() >> CHUNK_BITS)?,
        };
        let (byte, bit) = bit_of(addr);
        let at = page * PAGE as u64 + byte as u64;
        let mut bits = [0];
        self.backing.read(&mut bits, at)?;
        let [old] = bits;
        let new = if taken { old | bit } else { old & !bit };
        if new == old { Ok(()) } else { self.backing.write(&[new], at) }
    }

    fn add_chunk(&mut self, id: u128) -> io::Result<u64> {
        let index = self.chunks.len();
        let page = HEADER_PAGES + u64::from(self.header.slot_pages) + index as u64;
        self.backing.write(&[0; PAGE], page * PAGE as u64)?;
        self.backing.write(&id.to_le_bytes(), (FIELDS + index * CHUNK_ID) as u64)?;
        self.chunks.push(id);
        self.header.chunks += 1;
        Ok(page)
    }

    /// The first address from `from` to `to` that is not noted as taken.
    pub fn next_free(&self, from: Addr, to: Addr) -> io::Result<Option<Addr>> {
        let mut at = from;
        while at <= to {
            let Some(page) = self.chunk(at) else { return Ok(Some(at)) };
            let end = Addr::from_bits(at.bits() | ((1 << CHUNK_BITS) - 1));
            if let Some(free) = first_free(&self.backing.page(page)?, at) {
                return Ok((free <= to).then_some(free));
            }
            match end.plus(1) {
                Some(next) => at = next,
                None => break,
            }
        }
        Ok(None)
    }

    /// How many addresses from `from` to `to` are noted as taken.
    pub fn count_taken(&self, from: Addr, to: Addr) -> io::Result<u64> {
        let mut count = 0;
        for id in &self.chunks {
            let first = id << CHUNK_BITS;
            let last = first | ((1 << CHUNK_BITS) - 1);
            let (first, last) = (first.max(from.bits()), last.min(to.bits()));
            if first > last {
                continue;
            }
            let Some(page) = self.chunk(Addr::from_bits(first)) else { continue };
            let page = self.backing.page(page)?;
            count += (first..=last).filter(|bits| is_taken(&page, Addr::from_bits(*bits))).count() as u64;
        }
        Ok(count)
    }

    /// All addresses noted as taken.
    pub(super) fn all_taken(&self) -> io::Result<Vec<Addr>> {
        let mut all = Vec::new();
        for id in &self.chunks {
            let first = Addr::from_bits(id << CHUNK_BITS);
            let Some(page) = self.chunk(first) else { continue };
            let page = self.backing.page(page)?;
            let addrs = (0..1 << CHUNK_BITS).filter_map(|offset| first.plus(offset));
            all.extend(addrs.filter(|addr| is_taken(&page, *addr)));
        }
        Ok(all)
    }
}

/// The byte of a chunk's page, and the bit in it, that stand for an address.
fn bit_of(addr: Addr) -> (usize, u8) {
    let bit = (addr.bits() & ((1 << CHUNK_BITS) - 1)) as usize;
    (bit / 8, 1 << (bit % 8))
}

fn is_taken(page: &Page, addr: Addr) -> bool {
    let (byte, bit) = bit_of(addr);
    page.get(byte).is_some_and(|b| b & bit != 0)
}

/// The first address of a chunk, from `at` on, whose bit is not set.
fn first_free(page: &Page, at: Addr) -> Option<Addr> {
    let (byte, bit) = bit_of(at);
    let first = page.get(byte)? | (bit - 1);
    let rest = page.get(byte + 1..)?;
    let (byte, value) = match first {
        0xff => rest.iter().enumerate().find(|(_, b)| **b != 0xff).map(|(i, b)| (byte + 1 + i, *b))?,
        value => (byte, value),
    };
    let offset = byte as u128 * 8 + u128::from(value.trailing_ones());
    Some(Addr::from_bits((at.bits() >> CHUNK_BITS << CHUNK_BITS) | offset))
}
