//! A filter on notifications: that one link is gone, and nothing else.
//!
//! A deletion is told of in half a dozen notifications. When twenty processes wait for twenty links, each would be
//! woken for all of them, and the time goes to that.

use std::os::fd::AsRawFd;

use netlink_sys::Socket;
use nix::libc::{self, sock_filter, sock_fprog};

use crate::spec::IfName;

/// linux/bpf_common.h: load a word, a half or a byte; jump; return.
const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

/// Offsets in a notification: linux/netlink.h `nlmsg_type`, linux/rtnetlink.h `ifi_family`, then the first
/// attribute, its type and its value.
const MESSAGE_TYPE: u32 = 4;
const FAMILY: u32 = 16;
const FIRST_TYPE: u32 = 34;
const FIRST_VALUE: u32 = 36;
/// linux/rtnetlink.h, linux/if_link.h
const RTM_DELLINK: u16 = 17;
const IFLA_IFNAME: u16 = 3;

/// Lets only those notifications through to the socket. Should the kernel refuse, more come through, which is
/// slower and no less right.
pub(super) fn of_link(socket: &Socket, name: &IfName) {
    let mut instructions = program(name);
    let Ok(len) = libc::c_ushort::try_from(instructions.len()) else { return };
    let filter = sock_fprog { len, filter: instructions.as_mut_ptr() };
    let Ok(size) = libc::socklen_t::try_from(size_of::<sock_fprog>()) else { return };
    // SAFETY: the option takes a sock_fprog of that size, which points to `len` instructions; both live until the
    // kernel has copied them.
    unsafe {
        let filter = (&raw const filter).cast();
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, filter, size);
    }
}

/// What a check leads to when it fails.
#[derive(Clone, Copy)]
enum Else {
    Pass,
    Drop,
}

/// The filter, in classic BPF. The reader looks at the name itself, so a notification whose first attribute is
/// not the name passes.
fn program(name: &IfName) -> Vec<sock_filter> {
    // The filter's loads are in network order, netlink's numbers in the machine's.
    let swapped = |number: u16| u32::from(number.to_be());
    let mut checks = vec![
        (LOAD_HALF, MESSAGE_TYPE, swapped(RTM_DELLINK), Else::Drop),
        (LOAD_BYTE, FAMILY, 0, Else::Drop),
        (LOAD_HALF, FIRST_TYPE, swapped(IFLA_IFNAME), Else::Pass),
    ];
    let bytes: Vec<u8> = name.as_str().bytes().chain([0]).collect();
    let words = bytes.as_chunks::<4>().0.iter().map(|word| u32::from_be_bytes(*word));
    checks.extend((FIRST_VALUE..).step_by(4).zip(words).map(|(at, word)| (LOAD_WORD, at, word, Else::Drop)));

    let instruction = |code, jf, k| sock_filter { code, jt: 0, jf, k };
    let mut program = Vec::new();
    for (after, (load, at, value, otherwise)) in (0..checks.len()).rev().zip(&checks) {
        // Two instructions for each check that comes after, then the one that passes, then the one that drops.
        let pass = u8::try_from(2 * after).unwrap_or(u8::MAX);
        let skipped = match otherwise {
            Else::Pass => pass,
            Else::Drop => pass.saturating_add(1),
        };
        program.push(instruction(*load, 0, *at));
        program.push(instruction(JUMP_IF_EQUAL, skipped, *value));
    }
    program.push(instruction(RETURN, 0, u32::MAX));
    program.push(instruction(RETURN, 0, 0));
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the filter makes of a packet.
    fn passes(name: &str, packet: &[u8]) -> bool {
        let program = program(&IfName::parse(name).unwrap());
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let instruction = program[at];
            let k = instruction.k as usize;
            at += 1;
            match instruction.code {
                LOAD_WORD => accumulator = u32::from_be_bytes(packet[k..k + 4].try_into().unwrap()),
                LOAD_HALF => accumulator = u16::from_be_bytes(packet[k..k + 2].try_into().unwrap()).into(),
                LOAD_BYTE => accumulator = packet[k].into(),
                JUMP_IF_EQUAL if accumulator == instruction.k => {}
                JUMP_IF_EQUAL => at += usize::from(instruction.jf),
                RETURN => return instruction.k != 0,
                other => panic!("instruction {other:#x}"),
            }
        }
    }

    fn packet(kind: u16, family: u8, attribute: u16, name: &str) -> Vec<u8> {
        let mut packet = vec![0; 64];
        packet[4..6].copy_from_slice(&kind.to_ne_bytes());
        packet[16] = family;
        packet[34..36].copy_from_slice(&attribute.to_ne_bytes());
        packet[36..36 + name.len()].copy_from_slice(name.as_bytes());
        packet
    }

    #[test]
    fn the_end_of_the_link_passes_and_nothing_else() {
        for name in ["veth0123456789a", "eth0", "x"] {
            assert!(passes(name, &packet(RTM_DELLINK, 0, IFLA_IFNAME, name)), "{name}");
            assert!(!passes(name, &packet(16, 0, IFLA_IFNAME, name)), "{name}: a change");
            assert!(!passes(name, &packet(RTM_DELLINK, 7, IFLA_IFNAME, name)), "{name}: of the bridge");
            assert!(passes(name, &packet(RTM_DELLINK, 0, 4, "other")), "{name}: the name is not first");
        }
        for other in ["veth0123456789b", "weth0123456789a", "veth0123"] {
            assert!(!passes("veth0123456789a", &packet(RTM_DELLINK, 0, IFLA_IFNAME, other)), "{other}");
        }
    }
}
