//! What the kernel tells, read attribute by attribute.
//!
//! The message types of netlink-packet-netfilter 0.4 read lists in quadratic time: for every entry they
//! prepare an error text with the whole list in it (0.7 s for 300 elements). So lists are walked here, and
//! its types read the single attributes.

use netlink_packet_core::{DecodeError, NetlinkDeserializable, NetlinkHeader, NlaBuffer, Parseable};

use super::userdata::c_string;

/// `NFNL_SUBSYS_NFTABLES`
const SUBSYSTEM: u8 = 10;
/// `struct nfgenmsg`
const HEADER: usize = 4;
/// `NLA_TYPE_MASK`
const KIND: u16 = 0x3fff;

/// A message of nf_tables.
#[derive(Debug)]
pub(super) struct Told {
    /// `NFT_MSG_...`; none when another subsystem speaks.
    pub kind: Option<u8>,
    attributes: Vec<u8>,
}

impl NetlinkDeserializable for Told {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        let [subsystem, kind] = header.message_type.to_be_bytes();
        let kind = (subsystem == SUBSYSTEM).then_some(kind);
        Ok(Told { kind, attributes: payload.get(HEADER..).unwrap_or_default().to_vec() })
    }
}

impl Told {
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'_>> {
        attributes(&self.attributes)
    }
}

/// One attribute: what it is, and its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute<'a> {
    pub kind: u16,
    pub value: &'a [u8],
    whole: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// The attributes that it is made of.
    pub fn parts(self) -> impl Iterator<Item = Attribute<'a>> {
        attributes(self.value)
    }

    /// The value of the part of this kind.
    pub fn part(self, kind: u16) -> Option<Attribute<'a>> {
        self.parts().find(|part| part.kind == kind)
    }

    /// Reads it by a type of netlink-packet-netfilter.
    pub fn parse<T: Parseable<NlaBuffer<&'a [u8]>>>(self) -> Option<T> {
        T::parse(&NlaBuffer::new(self.whole)).ok()
    }

    /// Reads its parts.
    pub fn parse_parts<T: Parseable<NlaBuffer<&'a [u8]>>>(self) -> Option<Vec<T>> {
        self.parts().map(Attribute::parse).collect()
    }

    /// Reads its parts, of which those of kind `data` hold one attribute: the library takes that for whole
    /// and would panic.
    pub fn parse_parts_with<T: Parseable<NlaBuffer<&'a [u8]>>>(self, data: &[u16]) -> Option<Vec<T>> {
        let is_torn = |part: Attribute<'_>| data.contains(&part.kind) && part.parts().next().is_none();
        if self.parts().any(is_torn) { None } else { self.parse_parts() }
    }

    /// Its value as text.
    pub fn text(self) -> Option<String> {
        c_string(self.value)
    }
}

/// The attributes in these bytes, up to the first that does not fit.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk()?;
        let (kind, _) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_ne_bytes(*length));
        let whole = bytes.get(..length)?;
        let value = whole.get(4..)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Attribute { kind: u16::from_ne_bytes(*kind) & KIND, value, whole })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by fuzzing: the library reads the attribute inside of NFTA_CMP_DATA past its end.
    #[test]
    fn torn_data_inside_a_part_is_no_panic() {
        use netlink_packet_netfilter::nftables::Cmp;
        let whole = [12, 0, 3, 0, 5, 0, 1, 0, 7, 0, 0, 0];
        let mut torn = whole;
        torn[4] = 0xff;
        for (data, is_read) in [(whole, true), (torn, false)] {
            let expr = Attribute { kind: 2, value: &data, whole: &data };
            assert_eq!(expr.parse_parts_with::<Cmp>(&[3]).is_some(), is_read);
        }
    }

    #[test]
    fn attributes_are_walked_and_what_does_not_fit_ends_them() {
        let bytes = [5, 0, 1, 0x80, 7, 0, 0, 0, 6, 0, 2, 0, b'a', 0];
        let read: Vec<_> = attributes(&bytes).map(|a| (a.kind, a.value)).collect();
        assert_eq!(read, [(1, &[7][..]), (2, b"a\0")]);
        for broken in [&[][..], &[4], &[3, 0, 1, 0], &[9, 0, 1, 0, 1], &[0; 8]] {
            assert_eq!(attributes(broken).count(), 0, "{broken:?}");
        }
    }
}
