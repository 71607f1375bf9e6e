//! One call's view of the kernel: a socket to each namespace, opened when first used.

mod seen;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ipnetwork::IpNetwork;

use crate::kernel::nft::NftSocket;
use crate::kernel::pending::PendingAddresses;
use crate::kernel::rtnl::{Link, RouteSocket};
use crate::kernel::{Errno, KernelError, NetNs, Outcome, process};
use crate::spec::{IfName, MacAddr};
use seen::Seen;

/// Which namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The node's own: where the plugin runs.
    Host,
    /// The container's.
    Container,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Side::Host => "host",
            Side::Container => "container",
        })
    }
}

/// The two namespaces of an attachment, and what was learnt of them in this call.
#[derive(Debug)]
pub struct Node {
    home: NetNs,
    container: Option<NetNs>,
    host_route: Option<RouteSocket>,
    container_route: Option<RouteSocket>,
    nft: Option<NftSocket>,
    host_links: HashMap<IfName, Link>,
    container_indexes: HashMap<IfName, u32>,
    pending: HashMap<Side, PendingAddresses>,
    seen: Seen,
}

impl Node {
    /// # Errors
    /// When the plugin's own namespace cannot be opened.
    pub fn new(container: Option<NetNs>) -> Outcome<Self> {
        Ok(Node {
            home: NetNs::own()?,
            container,
            host_route: None,
            container_route: None,
            nft: None,
            host_links: HashMap::new(),
            container_indexes: HashMap::new(),
            pending: HashMap::new(),
            seen: Seen::default(),
        })
    }

    /// The plugin's own namespace.
    pub fn home(&self) -> &NetNs {
        &self.home
    }

    /// The container's namespace, if there is one.
    pub fn container(&self) -> Option<&NetNs> {
        self.container.as_ref()
    }

    /// The nf_tables socket of the node.
    ///
    /// # Errors
    /// EPROTONOSUPPORT when the kernel has no nfnetlink.
    pub fn nft(&mut self) -> Outcome<&mut NftSocket> {
        match &mut self.nft {
            Some(socket) => Ok(socket),
            slot => Ok(slot.insert(NftSocket::open()?)),
        }
    }

    /// The rtnetlink socket of a namespace.
    ///
    /// # Errors
    /// ENODEV for the container's when there is none; else those of socket(2) and setns(2).
    pub fn route(&mut self, side: Side) -> Outcome<&mut RouteSocket> {
        match side {
            Side::Host => match &mut self.host_route {
                Some(socket) => Ok(socket),
                slot => Ok(slot.insert(RouteSocket::open()?)),
            },
            Side::Container => match &mut self.container_route {
                Some(socket) => Ok(socket),
                slot => {
                    let netns = self.container.as_ref().ok_or_else(no_container)?;
                    Ok(slot.insert(netns.enter(&self.home, RouteSocket::open)?))
                }
            },
        }
    }

    /// The node's rtnetlink socket, and the container's namespace to put a link into.
    ///
    /// # Errors
    /// As [`Node::route`].
    pub fn host_and_container(&mut self) -> Outcome<(&mut RouteSocket, &NetNs)> {
        let netns = self.container.as_ref().ok_or_else(no_container)?;
        let socket = match &mut self.host_route {
            Some(socket) => socket,
            slot => slot.insert(RouteSocket::open()?),
        };
        Ok((socket, netns))
    }

    /// Deletes a link of the node and returns when it is gone; returns whether it was there. What the kernel needs
    /// to do after that, a child waits for.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn delete_host_link(&mut self, name: &IfName) -> Outcome<bool> {
        let mut nft = self.nft.take_if(|nft| nft.has_deleted());
        let deleted = self.route(Side::Host)?.delete_link_early(name, || {
            if let Some(nft) = &mut nft {
                nft.wait_until_idle();
            }
        });
        if !matches!(deleted, Ok(true)) {
            self.nft = self.nft.take().or(nft);
        }
        deleted
    }

    /// Ends the use of nf_tables without waiting for what the kernel has to free: a child does.
    pub fn close_nft(&mut self) {
        if let Some(mut nft) = self.nft.take_if(|nft| nft.has_deleted()) {
            process::in_child(|| nft.wait_until_idle());
        }
    }

    /// Runs `work` in a namespace: for what has no socket, like sysctls.
    ///
    /// # Errors
    /// ENODEV for the container's when there is none; else those of setns(2) and of `work`.
    pub fn within<T>(&self, side: Side, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        match side {
            Side::Host => work(),
            Side::Container => self.container.as_ref().ok_or_else(no_container)?.enter(&self.home, work),
        }
    }

    /// Notes a link of the node that this call made or found.
    pub fn note_host_link(&mut self, name: &IfName, link: Link) {
        self.host_links.insert(name.clone(), link);
    }

    /// A link of the node as this call first saw it: for what does not change, like its index.
    ///
    /// # Errors
    /// ENODEV when it is not there; else the kernel's refusal.
    pub fn host_link(&mut self, name: &IfName) -> Outcome<Link> {
        if let Some(link) = self.host_links.get(name) {
            return Ok(link.clone());
        }
        let link = self.existing_link(Side::Host, name)?;
        self.host_links.insert(name.clone(), link.clone());
        Ok(link)
    }

    /// The hardware address of a link that was noted.
    pub fn noted_mac(&self, name: &IfName) -> Option<MacAddr> {
        self.host_links.get(name).and_then(|link| link.mac)
    }

    /// Forgets what was noted: it has changed.
    pub fn forget_links(&mut self) {
        self.host_links.clear();
        self.container_indexes.clear();
    }

    /// Notes the index of a link of the container.
    pub fn note_container_index(&mut self, name: &IfName, index: u32) {
        self.container_indexes.insert(name.clone(), index);
    }

    /// The link of that name, which must be there.
    ///
    /// # Errors
    /// ENODEV when it is not; else the kernel's refusal.
    pub fn existing_link(&mut self, side: Side, name: &IfName) -> Outcome<Link> {
        self.route(side)?
            .link(name)?
            .ok_or_else(|| KernelError::new(format!("{side} get link {name}"), Errno::ENODEV))
    }

    /// Index of a link of the container, asked once in a call.
    ///
    /// # Errors
    /// ENODEV when it is not there; else the kernel's refusal.
    pub fn container_index(&mut self, name: &IfName) -> Outcome<u32> {
        if let Some(index) = self.container_indexes.get(name) {
            return Ok(*index);
        }
        let index = self.existing_link(Side::Container, name)?.index;
        self.container_indexes.insert(name.clone(), index);
        Ok(index)
    }

    /// Waits until duplicate address detection has let an address of the container pass.
    ///
    /// # Errors
    /// EADDRINUSE when another has the address, ETIMEDOUT after `limit`.
    pub fn wait_address_usable(&mut self, index: u32, address: IpNetwork, limit: Duration) -> Outcome<()> {
        let mut events = self.within(Side::Container, RouteSocket::address_events)?;
        self.route(Side::Container)?.wait_address(&mut events, index, address, limit)
    }

    /// Adds an address without duplicate address detection; tells whether it was added. An IPv6 address
    /// answers when [`Node::finish_addresses`] has returned.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn add_address(&mut self, side: Side, index: u32, address: IpNetwork) -> Outcome<bool> {
        if address.is_ipv4() {
            return self.route(side)?.add_address(index, address, false);
        }
        let mut pending = match self.pending.remove(&side) {
            Some(pending) => pending,
            None => self.within(side, PendingAddresses::listen)?,
        };
        let added = self.route(side)?.add_address(index, address, false)?;
        if added {
            pending.push(index, address.ip());
        }
        self.pending.insert(side, pending);
        Ok(added)
    }

    /// Waits until all added addresses answer; false when that took longer than `limit`.
    ///
    /// # Errors
    /// When the notifications could not be read.
    pub fn finish_addresses(&mut self, limit: Duration) -> Outcome<bool> {
        let deadline = Instant::now() + limit;
        let mut finished = true;
        for (_, mut pending) in self.pending.drain() {
            finished &= pending.wait(deadline)?;
        }
        Ok(finished)
    }
}

fn no_container() -> KernelError {
    KernelError::new("container namespace", Errno::ENODEV)
}
