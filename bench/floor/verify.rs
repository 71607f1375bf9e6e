//! CHECK and STATUS: a few questions.

use crate::message::Batch;
use crate::socket::{Netns, Socket};
use crate::{Args, Fail, add, file};
use nix::libc;
use std::net::Ipv4Addr;

/// Both ends, the default route with its source address, the set's element, the lease: one question each.
pub fn check(args: Args) -> Result<(), Fail> {
    let netns = Netns::open(args.c_str("netns")?)?;
    let node = Socket::open(libc::NETLINK_ROUTE, 0)?;
    node.get(&link(args.text("host")?)?, libc::RTM_NEWLINK, "the host's end")?;
    let nft = Socket::open(libc::NETLINK_NETFILTER, 0)?;
    let mut batch = Batch::new();
    let address: Ipv4Addr = args.parsed("address")?;
    add::element_message(&mut batch, libc::NFT_MSG_GETSETELEM, 0, args.text("set")?, address)?;
    let newsetelem = (libc::NFNL_SUBSYS_NFTABLES << 8) | libc::NFT_MSG_NEWSETELEM;
    nft.get(&batch, u16::try_from(newsetelem).unwrap_or_default(), "set element")?;
    netns.enter()?;
    let pod = Socket::open(libc::NETLINK_ROUTE, 0)?;
    pod.get(&link(add::INSIDE)?, libc::RTM_NEWLINK, "the pod's end")?;
    pod.get(&route()?, libc::RTM_NEWROUTE, "default route")?;
    file::look(args)
}

/// Whether an ADD would find its bridge and its leases.
pub fn status(args: Args) -> Result<(), Fail> {
    let node = Socket::open(libc::NETLINK_ROUTE, 0)?;
    node.index_of(args.text("bridge")?)?;
    file::look(args)
}

fn link(name: &str) -> Result<Batch, Fail> {
    let mut batch = Batch::new();
    let message = batch.begin(libc::RTM_GETLINK, 0)?;
    batch.ifinfo(false)?;
    batch.text(libc::IFLA_IFNAME, name)?;
    batch.end(message)?;
    Ok(batch)
}

/// The way to 192.0.2.1 (RFC 5737: nobody's), which only a default route knows.
fn route() -> Result<Batch, Fail> {
    let mut batch = Batch::new();
    let message = batch.begin(libc::RTM_GETROUTE, 0)?;
    let family = u8::try_from(libc::AF_INET).unwrap_or_default();
    batch.put(&[family, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
    batch.attribute(libc::RTA_DST, &[192, 0, 2, 1])?;
    batch.end(message)?;
    Ok(batch)
}
