//! Netlink messages written straight into one buffer, several to a send.

use crate::Fail;
use nix::libc;

/// `IFLA_INFO_DATA` of a veth: `VETH_INFO_PEER` (linux/veth.h).
pub const VETH_INFO_PEER: u16 = 1;
/// Attribute flag for nested attributes (linux/netlink.h); `nf_tables` insists on it less than its tools do.
const NLA_F_NESTED: u16 = 1 << 15;

/// A batch of messages. 2 KiB hold everything the floor ever sends.
pub struct Batch {
    bytes: [u8; 2048],
    len: usize,
    sequence: u32,
}

/// Where a message or a nested attribute began: its length field is written when it ends.
#[derive(Clone, Copy)]
pub struct Open(usize);

impl Batch {
    pub const fn new() -> Self {
        Self { bytes: [0; 2048], len: 0, sequence: 0 }
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Starts a message; `flags` besides `NLM_F_REQUEST`.
    pub fn begin(&mut self, kind: u16, flags: i32) -> Result<Open, Fail> {
        let at = Open(self.len);
        self.sequence += 1;
        let flags = u16::try_from(flags | libc::NLM_F_REQUEST).map_err(|_| Fail("flags"))?;
        self.put(&0_u32.to_ne_bytes())?;
        self.put(&kind.to_ne_bytes())?;
        self.put(&flags.to_ne_bytes())?;
        self.put(&self.sequence.to_ne_bytes())?;
        self.put(&0_u32.to_ne_bytes())?;
        Ok(at)
    }

    /// Ends a message: its header has a length of 32 bits.
    pub fn end(&mut self, at: Open) -> Result<(), Fail> {
        let len = u32::try_from(self.len - at.0).map_err(|_| Fail("message too long"))?;
        self.patch(at.0, &len.to_ne_bytes())?;
        self.align()
    }

    /// Starts a nested attribute.
    pub fn nest(&mut self, kind: u16) -> Result<Open, Fail> {
        let at = Open(self.len);
        self.put(&0_u16.to_ne_bytes())?;
        self.put(&(kind | NLA_F_NESTED).to_ne_bytes())?;
        Ok(at)
    }

    /// Ends a nested attribute: 16 bits of length.
    pub fn close(&mut self, at: Open) -> Result<(), Fail> {
        let len = u16::try_from(self.len - at.0).map_err(|_| Fail("attribute too long"))?;
        self.patch(at.0, &len.to_ne_bytes())?;
        self.align()
    }

    pub fn attribute(&mut self, kind: u16, value: &[u8]) -> Result<(), Fail> {
        let len = u16::try_from(value.len() + 4).map_err(|_| Fail("attribute too long"))?;
        self.put(&len.to_ne_bytes())?;
        self.put(&kind.to_ne_bytes())?;
        self.put(value)?;
        self.align()
    }

    /// A string with its final zero byte.
    pub fn text(&mut self, kind: u16, value: &str) -> Result<(), Fail> {
        let at = Open(self.len);
        self.put(&0_u16.to_ne_bytes())?;
        self.put(&kind.to_ne_bytes())?;
        self.put(value.as_bytes())?;
        self.put(&[0])?;
        self.close(at)
    }

    pub fn put(&mut self, value: &[u8]) -> Result<(), Fail> {
        self.patch(self.len, value)?;
        self.len += value.len();
        Ok(())
    }

    /// `struct ifinfomsg`: `up` sets `IFF_UP` and nothing else.
    pub fn ifinfo(&mut self, up: bool) -> Result<(), Fail> {
        let flag = u32::from(up);
        self.put(&[0; 8])?;
        self.put(&flag.to_ne_bytes())?;
        self.put(&flag.to_ne_bytes())
    }

    /// `struct nfgenmsg`: `resource` in network byte order, as the kernel wants it.
    pub fn nfgen(&mut self, family: u8, resource: u16) -> Result<(), Fail> {
        self.put(&[family, 0])?;
        self.put(&resource.to_be_bytes())
    }

    fn align(&mut self) -> Result<(), Fail> {
        while !self.len.is_multiple_of(4) {
            self.put(&[0])?;
        }
        Ok(())
    }

    fn patch(&mut self, at: usize, value: &[u8]) -> Result<(), Fail> {
        let room = self.bytes.get_mut(at..at + value.len()).ok_or(Fail("buffer full"))?;
        room.copy_from_slice(value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_the_parts_and_all_is_aligned() {
        let mut batch = Batch::new();
        let message = batch.begin(libc::RTM_NEWLINK, libc::NLM_F_ACK).ok().unwrap();
        batch.ifinfo(true).ok().unwrap();
        let info = batch.nest(libc::IFLA_LINKINFO).ok().unwrap();
        batch.text(libc::IFLA_INFO_KIND, "veth").ok().unwrap();
        batch.close(info).ok().unwrap();
        batch.end(message).ok().unwrap();
        let bytes = batch.as_bytes();
        // Header 16, ifinfomsg 16, and an attribute that holds another: 4 + (4 + 5, and 3 of padding).
        assert_eq!(bytes.len(), 16 + 16 + 4 + 12);
        assert_eq!(bytes[..4], 48_u32.to_ne_bytes());
        assert_eq!(bytes[4..6], libc::RTM_NEWLINK.to_ne_bytes());
        assert_eq!(bytes[32..34], 16_u16.to_ne_bytes());
        assert_eq!(bytes[36..38], 9_u16.to_ne_bytes());
        assert_eq!(&bytes[40..], b"veth\0\0\0\0");
    }

    #[test]
    fn a_full_buffer_is_an_error() {
        let mut batch = Batch::new();
        assert!(batch.put(&[0; 2048]).is_ok());
        assert!(batch.put(&[0]).is_err());
    }
}
