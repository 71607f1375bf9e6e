//! One netlink socket: send, and wait for every answer. For rtnetlink and nf_tables alike.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod wire;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage, NetlinkPayload,
    NetlinkSerializable,
};
use netlink_sys::Socket;
use nix::errno::Errno;

use super::{KernelError, Outcome};
use wire::{Ack, NLMSG_DONE, NLMSG_ERROR, messages};

/// Larger than any answer the kernel sends at once (it caps a dump's chunk at 32 KiB).
const BUFFER: usize = 64 * 1024;
/// A dump that changed while it was read is asked again, this often (`NLM_F_DUMP_INTR`).
const DUMP_TRIES: usize = 20;
/// linux/netlink.h
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_DUMP_INTR: u16 = 0x10;

/// A connection to the kernel, bound to the network namespace it was opened in.
pub(crate) struct Connection {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
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
            let (acks, _) = self.receive(|s| s == sequence, &mut replies)?;
            if let Some(ack) = acks.into_iter().next() {
                return ack.outcome().map(|()| inner(replies));
            }
        }
    }

    /// Asks several things in one go, each for one object, not a list; the answers are in the order of
    /// the questions. `None` when the kernel answered without an object.
    pub fn ask<T, const N: usize>(&mut self, questions: [T; N]) -> Outcome<[Outcome<Option<T>>; N]>
    where
        T: NetlinkSerializable + NetlinkDeserializable,
    {
        let answers = self.ask_all(questions.into())?;
        answers.try_into().map_err(|_| undecodable())
    }

    /// Like [`ask`](Self::ask), for any number of questions.
    pub fn ask_all<Q, A>(&mut self, questions: Vec<Q>) -> Outcome<Vec<Outcome<Option<A>>>>
    where
        Q: NetlinkSerializable,
        A: NetlinkDeserializable,
    {
        let first = self.sequence + 1;
        let mut answers: Vec<_> = questions.iter().map(|_| Ok(None)).collect();
        let mut bytes = Vec::new();
        for (index, question) in questions.into_iter().enumerate() {
            // Answers come in order, so the last one's acknowledgement ends them all.
            let flags = if index + 1 == answers.len() { NLM_F_ACK } else { 0 };
            bytes.extend(self.encode(question, flags).1);
        }
        let last = self.sequence;
        let mut ended = answers.is_empty();
        if !ended {
            self.send(&bytes)?;
        }
        let mut replies = Vec::new();
        while !ended {
            let (acks, _) = self.receive(|s| (first..=last).contains(&s), &mut replies)?;
            for (sequence, reply) in replies.drain(..) {
                if let Some(slot) = slot(&mut answers, first, sequence) {
                    *slot = Ok(Some(reply));
                }
            }
            for ack in acks {
                ended |= ack.sequence == last;
                let Some(slot) = slot(&mut answers, first, ack.sequence) else { continue };
                if let Err(error) = ack.outcome() {
                    *slot = Err(error);
                }
            }
        }
        Ok(answers)
    }

    /// Asks for a list. One that changed while it was read is asked again.
    pub fn dump<T>(&mut self, message: &T) -> Outcome<Vec<T>>
    where
        T: NetlinkSerializable + NetlinkDeserializable + Clone,
    {
        self.dump_until(message, |_: &[T]| false)
    }

    /// Like [`dump`](Self::dump), but a torn list is good enough when `enough` says so: to find out that
    /// something exists.
    pub fn dump_until<Q, A>(&mut self, question: &Q, enough: impl Fn(&[A]) -> bool) -> Outcome<Vec<A>>
    where
        Q: NetlinkSerializable + Clone,
        A: NetlinkDeserializable,
    {
        for _ in 0..DUMP_TRIES {
            let (sequence, bytes) = self.encode(question.clone(), NLM_F_DUMP);
            self.send(&bytes)?;
            let mut replies = Vec::new();
            let mut torn = false;
            loop {
                let (acks, interrupted) = self.receive(|s| s == sequence, &mut replies)?;
                torn |= interrupted;
                let Some(ack) = acks.into_iter().next() else { continue };
                ack.outcome()?;
                break;
            }
            let replies = inner(replies);
            if !torn || enough(&replies) {
                return Ok(replies);
            }
        }
        Err(KernelError::new("list that changed while it was read", Errno::EINTR))
    }

    /// Sends a transaction of nfnetlink: messages that were [encoded](Self::encode) in a row, with a frame
    /// (`NFNL_MSG_BATCH_BEGIN`, `NFNL_MSG_BATCH_END`) around them, of which only the last before the end
    /// asks for an acknowledgement. The kernel answers in the order of the messages and is silent about
    /// what it accepts, so that one acknowledgement says that all went well. Returns what it told on the
    /// way (`NLM_F_ECHO`).
    ///
    /// # Errors
    /// The first refusal, with the sequence number of its message; that of the frame stands for all.
    pub fn transact<T>(
        &mut self,
        bytes: &[u8],
        frame: std::ops::RangeInclusive<u32>,
    ) -> Result<Vec<T>, (u32, KernelError)>
    where
        T: NetlinkDeserializable,
    {
        let (begin, last) = (*frame.start(), frame.end().saturating_sub(1));
        self.send(bytes).map_err(|e| (begin, e))?;
        let mut replies = Vec::new();
        loop {
            // The kernel gives no number to what it tells of set elements (`nf_tables_setelem_notify`).
            let wanted = |sequence| sequence == 0 || frame.contains(&sequence);
            let (acks, _) = self.receive(wanted, &mut replies).map_err(|e| (begin, e))?;
            for ack in acks {
                let sequence = ack.sequence;
                ack.outcome().map_err(|e| (sequence, e))?;
                if sequence == last {
                    return Ok(inner(replies));
                }
            }
        }
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

    /// One read: the acknowledgements (or end of dump) with a number that is `wanted`, and whether a list was
    /// torn. Messages with those numbers go to `replies`; anything else was for an earlier request.
    fn receive<T: NetlinkDeserializable>(
        &mut self,
        wanted: impl Fn(u32) -> bool,
        replies: &mut Vec<(u32, T)>,
    ) -> Outcome<(Vec<Ack>, bool)> {
        self.buffer.clear();
        loop {
            match self.socket.recv(&mut self.buffer, 0) {
                Ok(_) => break,
                Err(e) if e.raw_os_error() == Some(Errno::EINTR as i32) => {}
                Err(e) => return Err(unread(KernelError::from_io("receive from kernel", &e))),
            }
        }
        let mut acks = Vec::new();
        let mut torn = false;
        for (header, message) in messages(&self.buffer) {
            if !wanted(header.sequence) {
                continue;
            }
            torn |= header.flags & NLM_F_DUMP_INTR != 0;
            if matches!(header.kind, NLMSG_ERROR | NLMSG_DONE) {
                acks.push(Ack::parse(&header, message));
                continue;
            }
            let parsed = NetlinkMessage::<T>::deserialize(message)
                .map_err(|e| unread(KernelError { hint: Some(e.to_string()), ..undecodable() }))?;
            if let NetlinkPayload::InnerMessage(inner) = parsed.payload {
                replies.push((header.sequence, inner));
            }
        }
        Ok((acks, torn))
    }
}

/// What was asked before may have been done.
fn unread(error: KernelError) -> KernelError {
    KernelError { unclear: true, ..error }
}

fn undecodable() -> KernelError {
    KernelError::new("decode the kernel's answer", Errno::EBADMSG)
}

/// Drops the sequence numbers.
fn inner<T>(replies: Vec<(u32, T)>) -> Vec<T> {
    replies.into_iter().map(|(_, reply)| reply).collect()
}

/// The place of an answer, by the number of its question.
fn slot<T>(answers: &mut [T], first: u32, sequence: u32) -> Option<&mut T> {
    answers.get_mut(usize::try_from(sequence.checked_sub(first)?).ok()?)
}
