//! A way in for the fuzz targets: bytes as the kernel could send them.

use netlink_packet_core::{NetlinkDeserializable, NetlinkMessage, NetlinkPayload};

use super::wire::{Ack, NLMSG_DONE, NLMSG_ERROR, messages};

/// Reads one datagram as [`Connection`](super::Connection) does.
pub(crate) fn replies<T: NetlinkDeserializable>(bytes: &[u8]) -> Vec<T> {
    let mut replies = Vec::new();
    for (header, message) in messages(bytes) {
        if matches!(header.kind, NLMSG_ERROR | NLMSG_DONE) {
            let _ = Ack::parse(&header, message).outcome().map_err(|error| error.to_string());
        } else if let Ok(parsed) = NetlinkMessage::<T>::deserialize(message)
            && let NetlinkPayload::InnerMessage(inner) = parsed.payload
        {
            replies.push(inner);
        }
    }
    replies
}
