//! One call's view of the kernel: a socket to each namespace, opened when first used.

use super::nft::NftSocket;
use super::rtnl::RouteSocket;
use super::{NetNs, Outcome};

/// Which namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The node's own: where the plugin runs.
    Host,
    /// The container's.
    Container,
}

/// The two namespaces of an attachment.
#[derive(Debug)]
pub struct Node {
    home: NetNs,
    container: Option<NetNs>,
    host_route: Option<RouteSocket>,
    container_route: Option<RouteSocket>,
    nft: Option<NftSocket>,
}

impl Node {
    /// # Errors
    /// When the plugin's own namespace cannot be opened.
    pub fn new(container: Option<NetNs>) -> Outcome<Self> {
        Ok(Node { home: NetNs::own()?, container, host_route: None, container_route: None, nft: None })
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
        if self.nft.is_none() {
            self.nft = Some(NftSocket::open()?);
        }
        // Just filled.
        self.nft.as_mut().ok_or_else(|| super::KernelError::new("open nf_tables", super::Errno::ENOTCONN))
    }

    /// The rtnetlink socket of a namespace.
    ///
    /// # Errors
    /// ENODEV for the container's when there is none; else those of socket(2) and setns(2).
    pub fn route(&mut self, side: Side) -> Outcome<&mut RouteSocket> {
        let (slot, netns) = match side {
            Side::Host => (&mut self.host_route, None),
            Side::Container => (&mut self.container_route, Some(self.container.as_ref())),
        };
        if slot.is_none() {
            *slot = Some(match netns {
                None => RouteSocket::open()?,
                Some(Some(netns)) => netns.enter(&self.home, RouteSocket::open)?,
                Some(None) => {
                    return Err(super::KernelError::new("container namespace", super::Errno::ENODEV));
                }
            });
        }
        slot.as_mut().ok_or_else(|| super::KernelError::new("open rtnetlink", super::Errno::ENOTCONN))
    }

    /// Runs `work` in a namespace: for what has no socket, like sysctls.
    ///
    /// # Errors
    /// ENODEV for the container's when there is none; else those of setns(2) and of `work`.
    pub fn within<T>(&self, side: Side, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        match (side, &self.container) {
            (Side::Host, _) => work(),
            (Side::Container, Some(netns)) => netns.enter(&self.home, work),
            (Side::Container, None) => {
                Err(super::KernelError::new("container namespace", super::Errno::ENODEV))
            }
        }
    }
}
