//! Waiting for a link or an address by notification, never by asking again and again.

use std::net::IpAddr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use ipnetwork::IpNetwork;
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{Link, RouteSocket};
use crate::kernel::{KernelError, Outcome};
use crate::spec::IfName;

/// linux/rtnetlink.h
const RTNLGRP_LINK: u32 = 1;
const RTNLGRP_IPV6_IFADDR: u32 = 9;

impl RouteSocket {
    /// The link once it passes packets and, where it is a bridge's port, forwards them. For the namespace
    /// of the calling thread only.
    ///
    /// # Errors
    /// ETIMEDOUT after `limit`, ENODEV when it is not there.
    pub fn wait_operational(&mut self, name: &IfName, limit: Duration) -> Outcome<Link> {
        let ready = |link: &Link| link.operational && link.port.is_none_or(|p| p.forwarding);
        let gone = || KernelError::new(format!("wait for link {name}"), Errno::ENODEV);
        // From kernel 6.8 on the first look brings the state up to date, so this is all there is to do.
        let link = self.link(name)?.ok_or_else(gone)?;
        if ready(&link) {
            return Ok(link);
        }
        let deadline = Instant::now() + limit;
        let mut events = Self::link_events()?;
        loop {
            // Look after listening has begun, so that no change falls between the two.
            let link = self.link(name)?.ok_or_else(gone)?;
            if ready(&link) {
                return Ok(link);
            }
            if !events.next_about(link.index, deadline)? {
                return Err(KernelError::new(format!("wait for link {name} to forward"), Errno::ETIMEDOUT));
            }
        }
    }

    /// A socket that hears of changes of IPv6 addresses in the calling thread's namespace.
    ///
    /// # Errors
    /// Those of socket(2).
    pub fn address_events() -> Outcome<Self> {
        Self::listening(RTNLGRP_IPV6_IFADDR)
    }

    /// Waits until duplicate address detection is through with an address; `events` is a socket of
    /// [`RouteSocket::address_events`] in the same namespace.
    ///
    /// # Errors
    /// EADDRINUSE when another has the address, ETIMEDOUT after `limit`, EADDRNOTAVAIL when it is not there.
    pub fn wait_address(
        &mut self,
        events: &mut RouteSocket,
        index: u32,
        address: IpNetwork,
        limit: Duration,
    ) -> Outcome<()> {
        let failed = |errno| Err(KernelError::new(format!("wait for address {address}"), errno));
        let deadline = Instant::now() + limit;
        loop {
            match self.addresses(index)?.into_iter().find(|a| a.address == address) {
                None => return failed(Errno::EADDRNOTAVAIL),
                Some(found) if found.duplicate => return failed(Errno::EADDRINUSE),
                Some(found) if !found.tentative => return Ok(()),
                Some(_) => {}
            }
            if !events.next_about(index, deadline)? {
                return failed(Errno::ETIMEDOUT);
            }
        }
    }

    /// A socket that hears of changes of links in the calling thread's namespace.
    pub(super) fn link_events() -> Outcome<Self> {
        Self::listening(RTNLGRP_LINK)
    }

    fn listening(group: u32) -> Outcome<Self> {
        let mut events = RouteSocket::open()?;
        let socket = events.connection.socket();
        // Without an address of its own the socket counts as the kernel, which does not notify itself.
        socket
            .bind_auto()
            .and_then(|_| socket.add_membership(group))
            .map_err(|e| KernelError::from_io("listen for notifications", &e))?;
        Ok(events)
    }

    /// Waits for a notification about a link or its addresses; false when the deadline came first.
    fn next_about(&mut self, index: u32, deadline: Instant) -> Outcome<bool> {
        while self.heard_before(deadline)? {
            match self.next_event()? {
                Event::Lost => return Ok(true),
                Event::Changed(about) | Event::Address(about, _) if about == index => return Ok(true),
                _ => {}
            }
        }
        Ok(false)
    }

    /// The next address that was finished; none when the deadline came first, or notifications were lost.
    pub fn next_address(&mut self, deadline: Instant) -> Outcome<Option<(u32, IpAddr)>> {
        while self.heard_before(deadline)? {
            match self.next_event()? {
                Event::Lost => return Ok(None),
                Event::Address(index, address) => return Ok(Some((index, address))),
                _ => {}
            }
        }
        Ok(None)
    }

    fn heard_before(&mut self, deadline: Instant) -> Outcome<bool> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let socket = &*self.connection.socket();
            match poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLIN)], timeout) {
                Ok(ready) => return Ok(ready > 0),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(KernelError::new("wait for notifications", errno)),
            }
        }
    }

    /// The next notification, which must be there or come.
    pub(super) fn next_event(&mut self) -> Outcome<Event> {
        let bytes = match self.connection.socket().recv_from_full() {
            Ok((bytes, _)) => bytes,
            Err(e) if e.raw_os_error() == Some(Errno::ENOBUFS as i32) => return Ok(Event::Lost),
            Err(e) if e.raw_os_error() == Some(Errno::EINTR as i32) => return Ok(Event::Other),
            Err(e) => return Err(KernelError::from_io("wait for notifications", &e)),
        };
        let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&bytes) else {
            return Ok(Event::Other);
        };
        let NetlinkPayload::InnerMessage(inner) = message.payload else { return Ok(Event::Other) };
        Ok(match inner {
            RouteNetlinkMessage::NewLink(link) => Event::Changed(link.header.index),
            // A port that leaves its bridge is told of in the family of bridges.
            RouteNetlinkMessage::DelLink(link) if link.header.interface_family == AddressFamily::Unspec => {
                Event::LinkGone(name_of(link))
            }
            RouteNetlinkMessage::NewAddress(message) => match super::address::read(&message) {
                Some(found) => Event::Address(message.header.index, found.address.ip()),
                None => Event::Changed(message.header.index),
            },
            RouteNetlinkMessage::DelAddress(address) => Event::Changed(address.header.index),
            _ => Event::Other,
        })
    }
}

fn name_of(link: LinkMessage) -> String {
    let mut names = link.attributes.into_iter().filter_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name),
        _ => None,
    });
    names.next().unwrap_or_default()
}

/// A notification.
pub(super) enum Event {
    /// The link of this index, or one of its addresses, changed.
    Changed(u32),
    /// The link of this index has this address.
    Address(u32, IpAddr),
    /// The link of this name is gone.
    LinkGone(String),
    /// Some were lost, for there were too many.
    Lost,
    /// Anything else.
    Other,
}
