//! Packets between namespaces: UDP through the stack, and raw frames. A socket belongs to the namespace in
//! which it was made, whoever uses it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use super::node::{Node, Pod};

/// Longest wait for a packet that must come.
pub const PATIENCE: Duration = Duration::from_secs(3);
/// How long the absence of a packet is watched.
pub const SILENCE: Duration = Duration::from_millis(250);

fn bind(address: IpAddr) -> UdpSocket {
    UdpSocket::bind(SocketAddr::new(address, 0)).unwrap_or_else(|e| panic!("bind {address}: {e}"))
}

fn any(v6: bool) -> IpAddr {
    if v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() }
}

impl Node {
    /// A UDP socket on the node, for the family of `peer`.
    pub fn udp(&self, peer: &str) -> UdpSocket {
        bind(any(peer.contains(':')))
    }

    /// The world outside: a namespace behind the link `up0`, which knows no route to any pod.
    pub fn outside(&self) -> Pod {
        let outside = self.pod("outside");
        self.sh("ip link add up0 type veth peer name up1
                 ip link set up1 netns /run/netns/outside
                 ip addr add 192.0.2.1/24 dev up0; ip addr add 2001:db8::1/64 dev up0 nodad; ip link set up0 up");
        outside.sh(
            "ip addr add 192.0.2.2/24 dev up1; ip addr add 2001:db8::2/64 dev up1 nodad; ip link set up1 up",
        );
        self.sh("ip route add default via 192.0.2.2; ip -6 route add default via 2001:db8::2 dev up0");
        outside
    }
}

impl Pod {
    /// A UDP socket in the pod, for the family of `peer`.
    pub fn udp(&self, peer: &str) -> UdpSocket {
        let v6 = peer.contains(':');
        self.enter(|| bind(any(v6)))
    }

    /// A socket for whole frames on a link of the pod.
    pub fn raw(&self, link: &str) -> Raw {
        let link = link.to_owned();
        self.enter(move || Raw::open(&link))
    }
}

/// Sends one packet and tells from where the receiver saw it come; none when it did not arrive in time.
pub fn delivered(from: &UdpSocket, to: &UdpSocket, address: &str, wait: Duration) -> Option<IpAddr> {
    let target = SocketAddr::new(address.parse().unwrap(), to.local_addr().unwrap().port());
    let token = format!("token {:?}", Instant::now());
    from.send_to(token.as_bytes(), target).unwrap_or_else(|e| panic!("send to {address}: {e}"));
    let (text, source) = receive(to, wait).ok()?;
    assert_eq!(text, token.as_bytes(), "another packet came first");
    Some(source.ip())
}

/// One packet there and one back, to whom the receiver saw. Gives the address that the receiver saw.
#[track_caller]
pub fn exchange(from: &UdpSocket, to: &UdpSocket, address: &str) -> IpAddr {
    let target = SocketAddr::new(address.parse().unwrap(), to.local_addr().unwrap().port());
    from.send_to(b"question", target).unwrap_or_else(|e| panic!("send to {address}: {e}"));
    let (_, source) = receive(to, PATIENCE).unwrap_or_else(|e| panic!("nothing arrived at {address}: {e}"));
    to.send_to(b"answer", source).unwrap();
    receive(from, PATIENCE).unwrap_or_else(|e| panic!("no answer from {address}: {e}"));
    source.ip()
}

/// Waits for one packet; a signal (the machine was stopped for a moment) does not end the wait.
pub fn receive(socket: &UdpSocket, wait: Duration) -> io::Result<(Vec<u8>, SocketAddr)> {
    socket.set_read_timeout(Some(wait)).unwrap();
    let mut buffer = vec![0; 10_000];
    loop {
        match socket.recv_from(&mut buffer) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => {
                return other.map(|(length, source)| {
                    buffer.truncate(length);
                    (buffer, source)
                });
            }
        }
    }
}

/// A socket for whole Ethernet frames on one link.
pub struct Raw {
    fd: OwnedFd,
}

impl Raw {
    /// Opens one on a link of the calling thread's namespace.
    pub fn open(link: &str) -> Raw {
        let protocol = u16::try_from(libc::ETH_P_ALL).unwrap().to_be();
        // SAFETY: socket(2) takes three integers.
        let fd = unsafe {
            libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, i32::from(protocol))
        };
        assert!(fd >= 0, "packet socket: {}", io::Error::last_os_error());
        // SAFETY: the kernel has just given us this descriptor.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let index = nix::net::if_::if_nametoindex(link).unwrap_or_else(|e| panic!("{link}: {e}"));
        // SAFETY: all-zero bytes are a valid sockaddr_ll.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = u16::try_from(libc::AF_PACKET).unwrap();
        address.sll_protocol = protocol;
        address.sll_ifindex = i32::try_from(index).unwrap();
        let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>()).unwrap();
        // SAFETY: the pointer is to a live sockaddr_ll of the given length.
        let bound = unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), length) };
        assert!(bound == 0, "bind {link}: {}", io::Error::last_os_error());
        Raw { fd }
    }

    /// Sends a frame.
    pub fn send(&self, frame: &[u8]) {
        nix::unistd::write(&self.fd, frame).expect("send a frame");
    }

    /// Waits for a frame that satisfies `wanted`.
    pub fn saw(&self, wanted: impl Fn(&[u8]) -> bool, wait: Duration) -> bool {
        let end = Instant::now() + wait;
        let mut buffer = [0; 4096];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let timeout = i32::try_from(left.as_millis()).unwrap();
            let mut poll = libc::pollfd { fd: self.fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one live pollfd.
            match unsafe { libc::poll(&raw mut poll, 1, timeout) } {
                1.. => {}
                // A signal does not end the wait.
                -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => continue,
                _ => return false,
            }
            let length = nix::unistd::read(&self.fd, &mut buffer).expect("read a frame");
            if wanted(&buffer[..length]) {
                return true;
            }
        }
    }
}

/// An Ethernet frame of a protocol number kept for experiments (IEEE 802, 0x88b5).
pub fn frame(destination: &str, source: &str, text: &str) -> Vec<u8> {
    let mac = |text: &str| text.split(':').map(|b| u8::from_str_radix(b, 16).unwrap()).collect::<Vec<_>>();
    let mut frame = [mac(destination), mac(source), vec![0x88, 0xb5], text.as_bytes().to_vec()].concat();
    frame.resize(frame.len().max(60), 0);
    frame
}

/// Whether a frame carries this text.
pub fn carries(text: &str) -> impl Fn(&[u8]) -> bool {
    let text = text.as_bytes().to_vec();
    move |frame| frame.windows(text.len()).any(|window| window == text)
}
