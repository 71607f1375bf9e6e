//! What a netlink datagram is made of: headers and acknowledgements.

use nix::errno::Errno;

use super::super::{KernelError, Outcome};

/// linux/netlink.h
const NLM_F_CAPPED: u16 = 0x100;
const NLM_F_ACK_TLVS: u16 = 0x200;
pub(super) const NLMSG_ERROR: u16 = 2;
pub(super) const NLMSG_DONE: u16 = 3;
const HEADER: usize = 16;

/// The kernel's answer to one message.
pub(super) struct Ack {
    pub(super) sequence: u32,
    errno: i32,
    hint: Option<String>,
}

/// `struct nlmsghdr`
pub(super) struct RawHeader {
    pub(super) kind: u16,
    pub(super) flags: u16,
    pub(super) sequence: u32,
}

/// Splits what one read returned into messages, each with its header; stops at the first that does not fit.
pub(super) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (RawHeader, &[u8])> {
    std::iter::from_fn(move || {
        let (length, kind, flags, sequence) =
            (word(bytes, 0)?, half(bytes, 4)?, half(bytes, 6)?, word(bytes, 8)?);
        let length = usize::try_from(length).ok().filter(|l| *l >= HEADER)?;
        let message = bytes.get(..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((RawHeader { kind, flags, sequence }, message))
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

impl Ack {
    /// Reads `struct nlmsgerr` or the end of a dump: a negative errno, the request's header (unless a
    /// dump ends), then attributes.
    pub(super) fn parse(header: &RawHeader, message: &[u8]) -> Self {
        // A dump without an error code ended well.
        let errno = word(message, HEADER).map_or(0, |code| code.cast_signed().wrapping_neg());
        let mut hint = None;
        if header.flags & NLM_F_ACK_TLVS != 0 {
            let capped = header.flags & NLM_F_CAPPED != 0;
            let request = match header.kind {
                NLMSG_DONE => 0,
                _ if capped => HEADER,
                _ => word(message, HEADER + 4).and_then(|l| usize::try_from(l).ok()).unwrap_or(HEADER),
            };
            let attributes = message.get(HEADER + 4 + request.next_multiple_of(4)..).unwrap_or_default();
            hint = explanation(attributes);
        }
        Ack { sequence: header.sequence, errno, hint }
    }

    pub(super) fn outcome(self) -> Outcome<()> {
        match self.errno {
            0 => Ok(()),
            errno => {
                let errno = Errno::from_raw(errno);
                let right = (errno == Errno::EPERM).then(|| RIGHT.to_owned());
                Err(KernelError { hint: self.hint.or(right), ..KernelError::new("netlink", errno) })
            }
        }
    }
}

/// What netlink wants for every change (netlink(7)).
const RIGHT: &str = "needs CAP_NET_ADMIN in the user namespace of this network namespace";

/// `NLMSGERR_ATTR_MSG` (1): a C string.
fn explanation(mut bytes: &[u8]) -> Option<String> {
    loop {
        let (length, kind) = (usize::from(half(bytes, 0)?), half(bytes, 2)?);
        let value = bytes.get(4..length)?;
        if kind == 1 {
            return Some(String::from_utf8_lossy(value).trim_end_matches('\0').to_owned());
        }
        bytes = bytes.get(length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_message(code: i32, flags: u16, tlvs: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let length = u32::try_from(HEADER + 4 + HEADER + tlvs.len()).unwrap();
        bytes.extend(length.to_ne_bytes());
        bytes.extend(NLMSG_ERROR.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(7u32.to_ne_bytes());
        bytes.extend(0u32.to_ne_bytes());
        bytes.extend(code.to_ne_bytes());
        bytes.extend([0; HEADER]);
        bytes.extend(tlvs);
        bytes
    }

    #[test]
    fn errors_keep_errno_and_the_kernels_explanation() {
        let mut tlvs = vec![9, 0, 1, 0];
        tlvs.extend(b"nope\0\0\0\0");
        let bytes = error_message(-(Errno::ENODEV as i32), NLM_F_ACK_TLVS | NLM_F_CAPPED, &tlvs);
        let (header, message) = messages(&bytes).next().unwrap();
        let error = Ack::parse(&header, message).outcome().unwrap_err();
        assert_eq!((error.errno, error.hint.as_deref()), (Errno::ENODEV, Some("nope")));
    }

    #[test]
    fn garbage_is_not_read_past_its_end() {
        for bytes in [&[][..], &[1, 2, 3], &[0xff; 16], &[16, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
            for (header, message) in messages(bytes) {
                let _ = Ack::parse(&header, message).outcome();
            }
        }
    }
}
