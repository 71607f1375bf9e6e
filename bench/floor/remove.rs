//! DEL: one `RTM_DELLINK`, waited for in either of two ways.

use crate::message::Batch;
use crate::socket::Socket;
use crate::{Args, Fail, add, file};
use nix::libc;

/// `RTMGRP_LINK`: told of links that come and go.
const LINKS: u32 = 1;

/// Until the kernel's ACK, which comes after the last reference to the link is gone.
pub fn until_acknowledged(args: Args) -> Result<(), Fail> {
    remove(args, &Socket::open(libc::NETLINK_ROUTE, 0)?)?;
    file::release(args)
}

/// Until the kernel says that the link is out of the namespace. A child stays behind in the kernel's wait.
pub fn until_gone(args: Args) -> Result<(), Fail> {
    let listener = Socket::open(libc::NETLINK_ROUTE, LINKS)?;
    // SAFETY: there is one thread; the child only makes system calls and leaves by _exit.
    if unsafe { libc::fork() } == 0 {
        for descriptor in 0..3 {
            // SAFETY: the child's standard descriptors belong to nobody else, and the reader must see their end.
            unsafe { libc::close(descriptor) };
        }
        let done = Socket::open(libc::NETLINK_ROUTE, 0).and_then(|node| remove(args, &node));
        // SAFETY: leaves without running the parent's exit handlers.
        unsafe { libc::_exit(i32::from(done.is_err())) };
    }
    // If the child fails nothing is ever told: then end by a signal, which the harness sees.
    // SAFETY: no memory is handed over.
    unsafe { libc::alarm(5) };
    let name = args.text("host")?;
    let mut buffer = [0; 8192];
    loop {
        let answer = listener.receive(&mut buffer)?;
        // The bridge tells of its port first, with a family of its own.
        let of_a_link = answer.kind == libc::RTM_DELLINK && answer.body.first() == Some(&0);
        if of_a_link && answer.body.windows(name.len() + 1).any(|part| is_name(part, name)) {
            break;
        }
    }
    file::release(args)
}

/// When all is gone already: see that it is.
pub fn again(args: Args) -> Result<(), Fail> {
    let node = Socket::open(libc::NETLINK_ROUTE, 0)?;
    match (node.index_of(args.text("host")?), file::look(args)) {
        (Err(_), Err(_)) => Ok(()),
        _ => Err(Fail("something is left")),
    }
}

fn is_name(part: &[u8], name: &str) -> bool {
    part.strip_suffix(&[0]) == Some(name.as_bytes())
}

/// The element first, if there is one: afterwards the address may belong to the next pod.
fn remove(args: Args, node: &Socket) -> Result<(), Fail> {
    if args.text("set").is_ok() {
        let socket = Socket::open(libc::NETLINK_NETFILTER, 0)?;
        socket.ask(&add::element(args, libc::NFT_MSG_DELSETELEM)?, "set element")?;
    }
    let mut batch = Batch::new();
    let message = batch.begin(libc::RTM_DELLINK, libc::NLM_F_ACK)?;
    batch.ifinfo(false)?;
    batch.text(libc::IFLA_IFNAME, args.text("host")?)?;
    batch.end(message)?;
    node.ask(&batch, "link deletion")?;
    Ok(())
}
