//! A way in for the fuzz targets.

use netlink_packet_route::RouteNetlinkMessage;

use super::link::Link;
use super::{address, route};
use crate::kernel::netlink::fuzzing::replies;

/// Reads one datagram as the answer to every question.
pub fn answer(bytes: &[u8]) {
    for reply in replies::<RouteNetlinkMessage>(bytes) {
        match reply {
            RouteNetlinkMessage::NewLink(link) => drop(Link::from_message(link)),
            RouteNetlinkMessage::NewAddress(message) => drop(address::read(&message)),
            RouteNetlinkMessage::NewRoute(message) => drop(route::read(&message)),
            _ => {}
        }
    }
}
