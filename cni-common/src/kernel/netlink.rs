//! One netlink socket: send, and wait for every answer. For rtnetlink and nf_tables alike.

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage, NetlinkPayload,
    NetlinkSerializable,
};
use netlink_sys::Socket;
use nix::errno::Errno;

use super::{KernelError, Outcome};

/// Larger than any answer the kernel sends at once (it caps a dump's chunk at 32 KiB).
const BUFFER: usize = 64 * 1024;
/// A dump that changed while it was read is asked again, this often (`NLM_F_DUMP_INTR`).
const DUMP_TRIES: usize = 20;
/// linux/netlink.h
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLM_F_CAPPED: u16 = 0x100;
const NLM_F_ACK_TLVS: u16 = 0x200;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const HEADER: usize = 16;

/// A connection to the kernel, bound to the network namespace it was opened in.
pub(crate) struct Connection {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

/// The kernel's answer to one message.
struct Ack {
    sequence: u32,
    errno: i32,
    hint: Option<String>,
}

impl Connection {
    /// Opens a socket for a protocol of linux/netlink.h in the namespace of the calling thread.
    pub fn open(protocol: isize) -> Outcome<Self> {
        let open = || {
            let socket = Socket::new(protocol)?;
            // Explanations of errors, without the request sent back in them.
            socket.set_ext_ack(true)?;
            socket.set_cap_ack(true)?;
            Ok(socket)
        };
        let socket = open().map_err(|e| KernelError::from_io("open netlink socket", &e))?;
        Ok(Connection { socket, sequence: 0, buffer: Vec::with_capacity(BUFFER) })
    }

    /// The socket itself, for memberships and options.
    pub fn socket(&mut self) -> &mut Socket {
        &mut self.socket
    }

    /// Gives a message its header and bytes, and takes the next sequence number.
    pub fn encode<T: NetlinkSerializable>(&mut self, message: T, flags: u16) -> (u32, Vec<u8>) {
        self.sequence += 1;
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        (self.sequence, bytes)
    }

    /// Sends one message and waits for its acknowledgement; returns what came before it.
    pub fn request<T>(&mut self, message: T, flags: u16) -> Outcome<Vec<T>>
    where
        T: NetlinkSerializable + NetlinkDeserializable,
    {
        let (sequence, bytes) = self.encode(message, flags | NLM_F_ACK);
        self.send(&bytes)?;
        let mut replies = Vec::new();
        loop {
            let (acks, _) = self.receive(sequence..=sequence, &mut replies)?;
            if let Some(ack) = acks.into_iter().next() {
                return ack.outcome().map(|()| replies);
            }
        }
    }

    /// Asks for a list. One that changed while it was read is asked again.
    pub fn dump<T>(&mut self, message: &T) -> Outcome<Vec<T>>
    where
        T: NetlinkSerializable + NetlinkDeserializable + Clone,
    {
        for _ in 0..DUMP_TRIES {
            let (sequence, bytes) = self.encode(message.clone(), NLM_F_DUMP);
            self.send(&bytes)?;
            let mut replies = Vec::new();
            let mut torn = false;
            loop {
                let (acks, interrupted) = self.receive(sequence..=sequence, &mut replies)?;
                torn |= interrupted;
                let Some(ack) = acks.into_iter().next() else { continue };
                ack.outcome()?;
                break;
            }
            if !torn {
                return Ok(replies);
            }
        }
        Err(KernelError::new("list that changed while it was read", Errno::EINTR))
    }

    /// Sends messages that were [encoded](Self::encode) with `NLM_F_ACK`, in one go, and waits for the
    /// answer to each. The first refusal is returned with the sequence number of its message.
    pub fn transact(&mut self, bytes: &[u8], expected: &[u32]) -> Result<(), (u32, KernelError)> {
        let first = expected.first().copied().unwrap_or(0);
        let last = expected.last().copied().unwrap_or(0);
        self.send(bytes).map_err(|e| (first, e))?;
        let mut open: Vec<u32> = expected.to_vec();
        let mut nothing: Vec<Ignored> = Vec::new();
        while !open.is_empty() {
            // The frame of a batch comes before and after its messages; an error there ends it all.
            let (acks, _) =
                self.receive(first.saturating_sub(1)..=last + 1, &mut nothing).map_err(|e| (first, e))?;
            for ack in acks {
                let sequence = ack.sequence;
                open.retain(|s| *s != sequence);
                ack.outcome().map_err(|e| (sequence, e))?;
            }
        }
        Ok(())
    }

    /// Sends bytes as they are.
    pub fn send(&self, bytes: &[u8]) -> Outcome<()> {
        loop {
            match self.socket.send(bytes, 0) {
                Ok(_) => return Ok(()),
                Err(e) if e.raw_os_error() == Some(Errno::EINTR as i32) => {}
                Err(e) => return Err(KernelError::from_io("send to kernel", &e)),
            }
        }
    }

    /// One read: the acknowledgements (or end of dump) with a number in `wanted`, and whether a list was
    /// torn. Messages with those numbers go to `replies`; anything else was for an earlier request.
    fn receive<T: NetlinkDeserializable>(
        &mut self,
        wanted: std::ops::RangeInclusive<u32>,
        replies: &mut Vec<T>,
    ) -> Outcome<(Vec<Ack>, bool)> {
        self.buffer.clear();
        loop {
            match self.socket.recv(&mut self.buffer, 0) {
                Ok(_) => break,
                Err(e) if e.raw_os_error() == Some(Errno::EINTR as i32) => {}
                Err(e) => return Err(KernelError::from_io("receive from kernel", &e)),
            }
        }
        let mut acks = Vec::new();
        let mut torn = false;
        for (header, message) in messages(&self.buffer) {
            if !wanted.contains(&header.sequence) {
                continue;
            }
            torn |= header.flags & NLM_F_DUMP_INTR != 0;
            if matches!(header.kind, NLMSG_ERROR | NLMSG_DONE) {
                acks.push(Ack::parse(&header, message));
                continue;
            }
            let parsed = NetlinkMessage::<T>::deserialize(message)
                .map_err(|e| KernelError { hint: Some(e.to_string()), ..undecodable() })?;
            if let NetlinkPayload::InnerMessage(inner) = parsed.payload {
                replies.push(inner);
            }
        }
        Ok((acks, torn))
    }
}

fn undecodable() -> KernelError {
    KernelError::new("decode the kernel's answer", Errno::EBADMSG)
}

/// Stands for messages that nobody asked to see.
#[derive(Clone, Debug)]
struct Ignored;

impl NetlinkDeserializable for Ignored {
    type Error = std::convert::Infallible;
    fn deserialize(_: &NetlinkHeader, _: &[u8]) -> Result<Self, Self::Error> {
        Ok(Ignored)
    }
}

struct RawHeader {
    kind: u16,
    flags: u16,
    sequence: u32,
}

/// Splits what one read returned into messages, each with its header; stops at the first that does not fit.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (RawHeader, &[u8])> {
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
    fn parse(header: &RawHeader, message: &[u8]) -> Self {
        // A dump without an error code ended well.
        let errno = word(message, HEADER).map_or(0, |code| -code.cast_signed());
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

    fn outcome(self) -> Outcome<()> {
        match self.errno {
            0 => Ok(()),
            errno => {
                Err(KernelError { hint: self.hint, ..KernelError::new("netlink", Errno::from_raw(errno)) })
            }
        }
    }
}

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
