//! Addresses of links.

use std::net::IpAddr;

use ipnetwork::IpNetwork;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, AddressScope};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;

use super::RouteSocket;
use crate::kernel::Outcome;

/// An address of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address and the length of its subnet's prefix.
    pub address: IpNetwork,
    /// Duplicate address detection is not through.
    pub tentative: bool,
    /// Duplicate address detection found another that has it.
    pub duplicate: bool,
}

impl RouteSocket {
    /// Adds an address; tells whether it was added (or already there). With `dad` off an IPv6 address is
    /// usable at once (`IFA_F_NODAD`).
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn add_address(&mut self, index: u32, address: IpNetwork, dad: bool) -> Outcome<bool> {
        let mut message = message(index, address);
        if let (IpAddr::V4(_), IpAddr::V4(broadcast)) = (address.ip(), address.broadcast())
            && address.prefix() < 31
        {
            message.attributes.push(AddressAttribute::Broadcast(broadcast));
        }
        if address.is_ipv6() && !dad {
            message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        }
        match self.connection.request(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL) {
            Ok(_) => Ok(true),
            Err(error) if error.errno == Errno::EEXIST => Ok(false),
            Err(error) => Err(error.asked(format!("addr add {address}"))),
        }
    }

    /// Removes an address; succeeds when it is not there.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn delete_address(&mut self, index: u32, address: IpNetwork) -> Outcome<()> {
        let message = message(index, address);
        match self.connection.request(RouteNetlinkMessage::DelAddress(message), 0) {
            Ok(_) => Ok(()),
            Err(error) if error.is_gone() => Ok(()),
            Err(error) => Err(error.asked(format!("addr del {address}"))),
        }
    }

    /// The addresses of one link.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn addresses(&mut self, index: u32) -> Outcome<Vec<Address>> {
        let mut query = AddressMessage::default();
        query.header.index = index;
        let replies = match self.connection.dump(&RouteNetlinkMessage::GetAddress(query)) {
            Ok(replies) => replies,
            Err(error) if error.is_gone() => return Ok(Vec::new()),
            Err(error) => return Err(error.asked("list addresses")),
        };
        let addresses = replies.into_iter().filter_map(|reply| match reply {
            // Kernels before 4.20 do not filter.
            RouteNetlinkMessage::NewAddress(message) if message.header.index == index => read(&message),
            _ => None,
        });
        Ok(addresses.collect())
    }
}

fn message(index: u32, address: IpNetwork) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.prefix_len = address.prefix();
    message.header.scope = AddressScope::Universe;
    message.header.index = index;
    message.attributes = vec![AddressAttribute::Local(address.ip()), AddressAttribute::Address(address.ip())];
    message
}

pub(super) fn read(message: &AddressMessage) -> Option<Address> {
    let mut ip = None;
    let mut flags = AddressFlags::empty();
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(local) => ip = Some(*local),
            AddressAttribute::Address(peer) if ip.is_none() => ip = Some(*peer),
            AddressAttribute::Flags(all) => flags = *all,
            _ => {}
        }
    }
    Some(Address {
        address: IpNetwork::new(ip?, message.header.prefix_len).ok()?,
        tentative: flags.contains(AddressFlags::Tentative) && !flags.contains(AddressFlags::Optimistic),
        duplicate: flags.contains(AddressFlags::Dadfailed),
    })
}
