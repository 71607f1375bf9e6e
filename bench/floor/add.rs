//! ADD: the pair, its port, its address and route, its masquerade and its lease, in two or three sends.

use crate::message::{Batch, VETH_INFO_PEER};
use crate::socket::{Netns, Socket};
use crate::{Args, Fail, file};
use nix::libc;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What ADD makes beside the veth pair and its IPv4 address.
#[derive(PartialEq, Eq, Clone, Copy)]
pub enum Extra {
    Nothing,
    Masquerade,
    Ipv6,
}

/// The name inside the pod.
pub const INSIDE: &str = "eth0";

pub fn add(args: Args, extra: Extra) -> Result<(), Fail> {
    file::lease(args)?;
    let netns = Netns::open(args.c_str("netns")?)?;
    let node = Socket::open(libc::NETLINK_ROUTE, 0)?;
    if extra == Extra::Masquerade {
        let nft = Socket::open(libc::NETLINK_NETFILTER, 0)?;
        nft.ask(&element(args, libc::NFT_MSG_NEWSETELEM)?, "set element")?;
    }
    node.ask(&pair(args, &netns, node.index_of(args.text("bridge")?)?)?, "veth pair")?;
    netns.enter()?;
    let pod = Socket::open(libc::NETLINK_ROUTE, 0)?;
    pod.ask(&inside(args, pod.index_of(INSIDE)?, extra)?, "address and route")?;
    file::answer(args)
}

/// Both ends in place by one message. The host's end can be up and a port at once; the peer cannot be up yet.
fn pair(args: Args, netns: &Netns, bridge: u32) -> Result<Batch, Fail> {
    let mut batch = Batch::new();
    let message = batch.begin(libc::RTM_NEWLINK, libc::NLM_F_CREATE | libc::NLM_F_EXCL | libc::NLM_F_ACK)?;
    batch.ifinfo(true)?;
    batch.text(libc::IFLA_IFNAME, args.text("host")?)?;
    batch.attribute(libc::IFLA_MASTER, &bridge.to_ne_bytes())?;
    let info = batch.nest(libc::IFLA_LINKINFO)?;
    batch.text(libc::IFLA_INFO_KIND, "veth")?;
    let data = batch.nest(libc::IFLA_INFO_DATA)?;
    let peer = batch.nest(VETH_INFO_PEER)?;
    batch.ifinfo(false)?;
    batch.text(libc::IFLA_IFNAME, INSIDE)?;
    batch.attribute(libc::IFLA_NET_NS_FD, &netns.descriptor())?;
    batch.close(peer)?;
    batch.close(data)?;
    batch.close(info)?;
    batch.end(message)?;
    Ok(batch)
}

/// Up, address, default route: one send. Only the last message asks for an ACK.
fn inside(args: Args, index: u32, extra: Extra) -> Result<Batch, Fail> {
    let mut batch = Batch::new();
    let message = batch.begin(libc::RTM_NEWLINK, 0)?;
    batch.put(&[0; 4])?;
    batch.put(&index.to_ne_bytes())?;
    batch.put(&1_u32.to_ne_bytes())?;
    batch.put(&1_u32.to_ne_bytes())?;
    batch.end(message)?;
    let address: Ipv4Addr = args.parsed("address")?;
    let gateway: Ipv4Addr = args.parsed("gateway")?;
    address_and_route(&mut batch, index, &address.octets(), &gateway.octets(), 16, extra != Extra::Ipv6)?;
    if extra == Extra::Ipv6 {
        let address: Ipv6Addr = args.parsed("address6")?;
        let gateway: Ipv6Addr = args.parsed("gateway6")?;
        address_and_route(&mut batch, index, &address.octets(), &gateway.octets(), 64, true)?;
    }
    Ok(batch)
}

fn address_and_route(
    batch: &mut Batch,
    index: u32,
    address: &[u8],
    gateway: &[u8],
    prefix: u8,
    last: bool,
) -> Result<(), Fail> {
    let family = if address.len() == 4 { libc::AF_INET } else { libc::AF_INET6 };
    let family = u8::try_from(family).unwrap_or_default();
    let create = libc::NLM_F_CREATE | libc::NLM_F_EXCL;
    let message = batch.begin(libc::RTM_NEWADDR, create)?;
    // struct ifaddrmsg; IFA_F_NODAD, which IPv4 ignores, spares IPv6 the wait for duplicate address detection.
    batch.put(&[family, prefix, 0x02, 0])?;
    batch.put(&index.to_ne_bytes())?;
    batch.attribute(libc::IFA_LOCAL, address)?;
    batch.attribute(libc::IFA_ADDRESS, address)?;
    batch.end(message)?;
    let message = batch.begin(libc::RTM_NEWROUTE, create | if last { libc::NLM_F_ACK } else { 0 })?;
    // struct rtmsg: to everything, table main, protocol boot, scope universe, unicast.
    batch.put(&[
        family,
        0,
        0,
        0,
        libc::RT_TABLE_MAIN,
        libc::RTPROT_BOOT,
        0,
        libc::RTN_UNICAST,
        0,
        0,
        0,
        0,
    ])?;
    batch.attribute(libc::RTA_GATEWAY, gateway)?;
    batch.attribute(libc::RTA_OIF, &index.to_ne_bytes())?;
    batch.end(message)
}

/// One element put in or taken out of the network's set: begin, element, commit, in one send.
pub fn element(args: Args, verb: libc::c_int) -> Result<Batch, Fail> {
    let address: Ipv4Addr = args.parsed("address")?;
    let mut batch = Batch::new();
    let begin = batch.begin(16, 0)?;
    batch.nfgen(0, 10)?;
    batch.end(begin)?;
    let flags = libc::NLM_F_ACK | if verb == libc::NFT_MSG_NEWSETELEM { libc::NLM_F_CREATE } else { 0 };
    element_message(&mut batch, verb, flags, args.text("set")?, address)?;
    let commit = batch.begin(17, 0)?;
    batch.nfgen(0, 10)?;
    batch.end(commit)?;
    Ok(batch)
}

/// The message itself: `nft_set_elem_list_attributes` of linux/netfilter/nf_tables.h, family inet.
pub fn element_message(
    batch: &mut Batch,
    verb: libc::c_int,
    flags: i32,
    set: &str,
    address: Ipv4Addr,
) -> Result<(), Fail> {
    let kind = u16::try_from((libc::NFNL_SUBSYS_NFTABLES << 8) | verb).map_err(|_| Fail("message type"))?;
    let message = batch.begin(kind, flags)?;
    batch.nfgen(1, 0)?;
    batch.text(1, "floor")?;
    batch.text(2, set)?;
    let elements = batch.nest(3)?;
    let one = batch.nest(1)?;
    let key = batch.nest(1)?;
    batch.attribute(1, &address.octets())?;
    batch.close(key)?;
    batch.close(one)?;
    batch.close(elements)?;
    batch.end(message)
}
