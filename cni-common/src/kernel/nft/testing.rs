//! For tests: a network namespace of their own, and the `nft` program to look at it from outside.

use std::io::Write;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};

use crate::kernel::{NetNs, Node};

/// Moves the calling thread into a new network namespace, which ends with the thread.
pub fn isolated() -> Node {
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    Node::new(None).unwrap()
}

/// Addresses of links made from now on can be used at once, those of IPv6 too.
fn without_duplicate_detection() {
    run("sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.dad_transmits=0");
}

/// Runs a program in the thread's namespace; returns what it printed.
pub fn run(command: &str) -> String {
    let output = Command::new("sh").arg("-c").arg(command).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// `nft -f`
pub fn load(ruleset: &str) {
    let mut child = Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(ruleset.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{ruleset:.200}");
}

/// What is listed can be read back, and is listed the same then.
pub fn round_trip() {
    let before = run("nft list ruleset");
    run("nft flush ruleset");
    load(&before);
    assert_eq!(run("nft list ruleset"), before);
}

/// Another namespace, at the other end of a veth pair.
pub struct Guest {
    home: NetNs,
    netns: NetNs,
}

impl Guest {
    /// A new namespace with `eth0`, whose peer in the caller's has this name.
    pub fn new(peer: &str) -> Self {
        let home = NetNs::own().unwrap();
        without_duplicate_detection();
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        without_duplicate_detection();
        let netns = NetNs::own().unwrap();
        nix::sched::setns(home.fd(), CloneFlags::CLONE_NEWNET).unwrap();
        let path = format!("/proc/{}/fd/{}", std::process::id(), netns.fd().as_raw_fd());
        run(&format!("ip link add {peer} up type veth peer name eth0 netns {path}"));
        let guest = Guest { home, netns };
        guest.run("ip link set lo up; ip link set eth0 up");
        guest
    }

    /// Runs a program in it.
    pub fn run(&self, command: &str) {
        self.within(|| drop(run(command)));
    }

    fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        self.netns.enter(&self.home, || Ok(work())).unwrap()
    }

    /// Sends one datagram to `to` in another one; returns where it seemed to come from.
    pub fn send(&self, from: &str, other: &Guest, to: &str) -> IpAddr {
        self.send_and_wait(from, other, to, Duration::from_secs(10)).unwrap()
    }

    /// Whether a datagram that may not come does come.
    pub fn reaches(&self, from: &str, other: &Guest, to: &str) -> bool {
        self.send_and_wait(from, other, to, Duration::from_millis(300)).is_some()
    }

    fn send_and_wait(&self, from: &str, other: &Guest, to: &str, wait: Duration) -> Option<IpAddr> {
        let bind = |address: &str| UdpSocket::bind(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
        let receiver = other.within(|| bind(to));
        receiver.set_read_timeout(Some(wait)).unwrap();
        self.within(|| bind(from)).send_to(b"hello", receiver.local_addr().unwrap()).unwrap();
        receiver.recv_from(&mut [0; 16]).ok().map(|(_, from)| from.ip())
    }
}
