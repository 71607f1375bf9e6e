//! Datagrams that are never one flow: each has a socket, and so a port, of its own. A ping that goes on keeps
//! its entry in the kernel's table of connections, and with it an address translation whose rule is gone.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Time between two datagrams.
const EVERY: Duration = Duration::from_millis(50);
/// An answer that comes later counts as lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// Sends back whatever comes to `address`, with the sender's address before it.
pub fn answer(address: &str) -> io::Result<()> {
    let socket = UdpSocket::bind(address)?;
    let mut bytes = [0; 64];
    let mut senders = BTreeSet::new();
    loop {
        let (_, sender) = socket.recv_from(&mut bytes)?;
        // A pod's own address, not masqueraded, could not be answered.
        if senders.insert(sender.ip()) {
            println!("{}", sender.ip());
        }
        // A sender that cannot be reached is its own matter.
        let _ = socket.send_to(sender.ip().to_string().as_bytes(), sender);
    }
}

/// Asks `address` until standard input ends; prints how many were sent and lost, and as whom we were seen.
pub fn probe(address: &str) {
    static ENDED: AtomicBool = AtomicBool::new(false);
    std::thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        ENDED.store(true, Ordering::Relaxed);
    });
    let (mut sent, mut lost, mut seen) = (0_u32, 0_u32, String::new());
    while !ENDED.load(Ordering::Relaxed) {
        let started = Instant::now();
        sent += 1;
        match ask(address) {
            Ok(name) if seen.is_empty() => seen = name,
            Ok(name) if name == seen => {}
            Ok(name) => {
                println!("seen as {name}, before as {seen}");
                lost += 1;
            }
            Err(error) => {
                println!("datagram {sent}: {error}");
                lost += 1;
            }
        }
        std::thread::sleep(EVERY.saturating_sub(started.elapsed()));
    }
    println!("{sent} sent, {lost} lost, seen as {seen}");
}

fn ask(address: &str) -> io::Result<String> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.send_to(b"who am I", address)?;
    let mut bytes = [0; 64];
    let length = socket.recv(&mut bytes)?;
    Ok(String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned())
}
