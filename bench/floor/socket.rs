//! One netlink socket, by bare system calls.

use crate::Fail;
use crate::message::Batch;
use nix::libc;
use std::ffi::CStr;

pub struct Socket {
    fd: i32,
}

/// One received datagram: its first message's type, and everything after that header.
pub struct Answer<'a> {
    pub kind: u16,
    pub body: &'a [u8],
}

impl Socket {
    /// Opens a socket in the network namespace that the thread is in now. `groups` as in `sockaddr_nl`; zero
    /// leaves the binding to the kernel, which does it at the first send.
    pub fn open(protocol: i32, groups: u32) -> Result<Self, Fail> {
        // SAFETY: no memory is handed over.
        let fd = unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, protocol) };
        if fd < 0 {
            return Err(Fail("socket"));
        }
        if groups != 0 {
            // SAFETY: sockaddr_nl is plain old data, for which zeroes are valid.
            let mut address: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
            address.nl_family = u16::try_from(libc::AF_NETLINK).unwrap_or_default();
            address.nl_groups = groups;
            let size = u32::try_from(size_of_val(&address)).unwrap_or_default();
            // SAFETY: the address lives through the call and `size` is its size.
            if unsafe { libc::bind(fd, (&raw const address).cast(), size) } != 0 {
                return Err(Fail("bind"));
            }
        }
        Ok(Self { fd })
    }

    /// Index of an interface in the socket's namespace: one ioctl, less than a message.
    pub fn index_of(&self, name: &str) -> Result<u32, Fail> {
        // SAFETY: ifreq is plain old data, for which zeroes are valid.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        if name.len() >= request.ifr_name.len() {
            return Err(Fail("interface name"));
        }
        for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
            *to = from.cast_signed();
        }
        // SAFETY: SIOCGIFINDEX reads and writes one ifreq.
        if unsafe { libc::ioctl(self.fd, libc::SIOCGIFINDEX as _, &raw mut request) } != 0 {
            return Err(Fail("SIOCGIFINDEX"));
        }
        // SAFETY: SIOCGIFINDEX filled this member of the union.
        let index = unsafe { request.ifr_ifru.ifru_ifindex };
        u32::try_from(index).map_err(|_| Fail("interface index"))
    }

    pub fn send(&self, batch: &Batch) -> Result<(), Fail> {
        let bytes = batch.as_bytes();
        // SAFETY: the slice lives through the call.
        let sent = unsafe { libc::send(self.fd, bytes.as_ptr().cast(), bytes.len(), 0) };
        if usize::try_from(sent) == Ok(bytes.len()) { Ok(()) } else { Err(Fail("send")) }
    }

    pub fn receive<'a>(&self, buffer: &'a mut [u8]) -> Result<Answer<'a>, Fail> {
        // SAFETY: the kernel writes at most the slice's length.
        let got = unsafe { libc::recv(self.fd, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
        let got = usize::try_from(got).map_err(|_| Fail("recv"))?;
        let bytes = buffer.get(..got).ok_or(Fail("recv"))?;
        let (head, body) = bytes.split_at_checked(16).ok_or(Fail("short message"))?;
        let kind = head.get(4..6).and_then(|b| b.try_into().ok()).map(u16::from_ne_bytes);
        Ok(Answer { kind: kind.ok_or(Fail("short message"))?, body })
    }

    /// Sends a batch whose last message alone asks for an ACK. Errors are told for every message, and the kernel
    /// works within the send, so the first answer is either the first error or the only ACK.
    pub fn ask(&self, batch: &Batch, what: &'static str) -> Result<(), Fail> {
        self.send(batch)?;
        let mut buffer = [0; 4096];
        let answer = self.receive(&mut buffer)?;
        let errno = answer.body.get(..4).and_then(|b| b.try_into().ok()).map(i32::from_ne_bytes);
        if i32::from(answer.kind) == libc::NLMSG_ERROR && errno == Some(0) { Ok(()) } else { Err(Fail(what)) }
    }

    /// Sends one GET and wants an answer of the given type.
    pub fn get(&self, batch: &Batch, kind: u16, what: &'static str) -> Result<(), Fail> {
        self.send(batch)?;
        let mut buffer = [0; 8192];
        if self.receive(&mut buffer)?.kind == kind { Ok(()) } else { Err(Fail(what)) }
    }
}

/// A network namespace by its path, kept open while it is named in a message.
pub struct Netns(i32);

impl Netns {
    pub fn open(path: &CStr) -> Result<Self, Fail> {
        // SAFETY: the path ends with a zero byte.
        let fd = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
        if fd < 0 { Err(Fail("network namespace")) } else { Ok(Self(fd)) }
    }

    pub fn descriptor(&self) -> [u8; 4] {
        self.0.to_ne_bytes()
    }

    /// Enters it for good: sockets opened before stay where they are.
    pub fn enter(&self) -> Result<(), Fail> {
        // SAFETY: no memory is handed over.
        if unsafe { libc::setns(self.0, libc::CLONE_NEWNET) } == 0 { Ok(()) } else { Err(Fail("setns")) }
    }
}
