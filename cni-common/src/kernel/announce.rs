//! Telling the neighbours where an address lives now.
//!
//! The kernel's own `arp_notify` sends before the bridge's port forwards, so nobody hears it, and a pod
//! that reuses an address stays unreachable until the neighbours' entries expire (plugins#858).

use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::libc;
use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, SockaddrLike, sendto, socket};

use super::{KernelError, Outcome};
use crate::spec::MacAddr;

const ETH_P_ARP: u16 = 0x0806;
const ETH_P_IPV6: u16 = 0x86dd;
const BROADCAST: [u8; 6] = [0xff; 6];
/// 33:33 and the last four bytes of ff02::1 (RFC 2464, section 7).
const ALL_NODES: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];

/// Sends one gratuitous ARP request for each IPv4 address, one unsolicited neighbour advertisement for
/// each IPv6 address, out of the link `index` of the calling thread's namespace.
///
/// # Errors
/// EPERM without CAP_NET_RAW.
pub fn announce(index: u32, mac: MacAddr, addresses: &[IpAddr]) -> Outcome<()> {
    let failed = |errno| KernelError::new("announce address", errno);
    // Protocol 0: this socket receives nothing.
    let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None).map_err(failed)?;
    for address in addresses {
        match address {
            IpAddr::V4(ip) => send(&socket, index, ETH_P_ARP, &arp(mac, *ip))?,
            IpAddr::V6(ip) => send(&socket, index, ETH_P_IPV6, &advertisement(mac, *ip))?,
        }
    }
    Ok(())
}

fn send(socket: &OwnedFd, index: u32, protocol: u16, frame: &[u8]) -> Outcome<()> {
    let failed = |errno| KernelError::new("announce address", errno);
    // SAFETY: all-zero bytes are a valid sockaddr_ll, which holds only integers.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    address.sll_family = libc::AF_PACKET.unsigned_abs().try_into().unwrap_or_default();
    address.sll_protocol = protocol.to_be();
    address.sll_ifindex = index.cast_signed();
    let length = mem::size_of::<libc::sockaddr_ll>().try_into().ok();
    // SAFETY: the pointer is to a whole sockaddr_ll of the family AF_PACKET that outlives the call.
    let address = unsafe { LinkAddr::from_raw((&raw const address).cast(), length) };
    let address = address.ok_or_else(|| failed(nix::errno::Errno::EINVAL))?;
    sendto(socket.as_raw_fd(), frame, &address, MsgFlags::empty()).map(|_| ()).map_err(failed)
}

/// An ARP announcement: a request by the address for itself (RFC 5227, section 2.3).
fn arp(mac: MacAddr, ip: Ipv4Addr) -> Vec<u8> {
    let mut frame = Vec::with_capacity(42);
    frame.extend(BROADCAST);
    frame.extend(mac.0);
    frame.extend(ETH_P_ARP.to_be_bytes());
    // Ethernet, IPv4, address lengths 6 and 4, request.
    frame.extend([0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend(mac.0);
    frame.extend(ip.octets());
    frame.extend([0; 6]);
    frame.extend(ip.octets());
    frame
}

/// An unsolicited neighbour advertisement with the override flag (RFC 4861, sections 4.4 and 7.2.6).
fn advertisement(mac: MacAddr, ip: Ipv6Addr) -> Vec<u8> {
    let all_nodes = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    let mut message = vec![136, 0, 0, 0, 0x20, 0, 0, 0];
    message.extend(ip.octets());
    message.extend([2, 1]); // target link-layer address, one unit of 8 bytes
    message.extend(mac.0);
    let length = u16::try_from(message.len()).unwrap_or_default();

    // Checksum over the pseudo-header (RFC 8200, section 8.1): 58 is ICMPv6.
    let mut sum = u32::from(length) + 58;
    for bytes in [&ip.octets()[..], &all_nodes.octets(), &message] {
        sum += bytes.chunks(2).map(|pair| pair.iter().fold(0, |word, b| word << 8 | u32::from(*b))).sum::<u32>();
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let checksum = !u16::try_from(sum).unwrap_or_default();
    message.splice(2..4, checksum.to_be_bytes());

    let mut frame = Vec::with_capacity(86);
    frame.extend(ALL_NODES);
    frame.extend(mac.0);
    frame.extend(ETH_P_IPV6.to_be_bytes());
    frame.extend([0x60, 0, 0, 0]);
    frame.extend(length.to_be_bytes());
    frame.extend([58, 255]); // ICMPv6, hop limit 255
    frame.extend(ip.octets());
    frame.extend(all_nodes.octets());
    frame.extend(message);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_the_sizes_and_addresses_of_the_rfcs() {
        let mac = MacAddr([2, 0, 0, 0, 0, 5]);
        let frame = arp(mac, Ipv4Addr::new(10, 1, 2, 3));
        assert_eq!(frame.len(), 42);
        assert_eq!(frame[28..32], frame[38..42]);

        let frame = advertisement(mac, "fd00::5".parse().unwrap());
        assert_eq!(frame.len(), 14 + 40 + 32);
        // A receiver's sum over header and message, checksum included, is all ones.
        let mut sum: u32 = 32 + 58;
        sum += frame[22..].chunks(2).map(|p| u32::from(p[0]) << 8 | u32::from(p[1])).sum::<u32>();
        assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff);
    }
}
