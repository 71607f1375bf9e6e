//! What /sys/class/net tells about a link and rtnetlink does not.

use std::path::Path;

use super::rtnl::Link;

/// `NET_ADDR_SET` of `linux/netdevice.h`: somebody set the hardware address.
const SET: &str = "3";

/// Somebody set the link's hardware address, so that it does not follow that of another link. `false` when this is
/// not known: /sys may be missing, or show the namespace in which it was mounted, with other links.
pub fn address_was_set(link: &Link) -> bool {
    let folder = Path::new("/sys/class/net").join(&link.name);
    let is = |attribute: &str, value: &str| {
        std::fs::read_to_string(folder.join(attribute)).is_ok_and(|text| text.trim_end() == value)
    };
    let Some(mac) = link.mac else { return false };
    is("addr_assign_type", SET) && is("address", &mac.to_string()) && is("ifindex", &link.index.to_string())
}
