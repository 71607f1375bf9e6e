//! The node and the container's namespace, as each verb needs them.

use crate::kernel::{KernelError, NetNs, Node};
use crate::spec::{CniError, Code, Request};

/// For ADD and CHECK: the namespace must be there, and must not be the plugin's own.
pub(super) fn required(request: &Request) -> Result<Node, CniError> {
    let path = request.netns.clone().unwrap_or_default();
    let netns = NetNs::open(&path).map_err(|error| {
        CniError::environment(format!(
            "invalid CNI_NETNS \"{}\": {}; it must be a network namespace",
            path.display(),
            why(&error)
        ))
    })?;
    open(request, Some(netns))
}

/// For DEL: the namespace if it is still there.
pub(super) fn if_there(request: &Request) -> Result<Node, CniError> {
    let Some(path) = &request.netns else { return none() };
    match NetNs::open(path) {
        Ok(netns) => open(request, Some(netns)),
        Err(error) => {
            tracing::debug!(%error, "no namespace");
            none()
        }
    }
}

/// For verbs that concern no container.
pub(super) fn none() -> Result<Node, CniError> {
    Node::new(None).map_err(|e| CniError::new(Code::KERNEL, e.to_string()))
}

fn open(request: &Request, container: Option<NetNs>) -> Result<Node, CniError> {
    let node = Node::new(container).map_err(|e| CniError::new(Code::KERNEL, e.to_string()))?;
    let own = node.home().inode();
    if let Some(container) = node.container().filter(|c| c.inode() == own && !request.own_netns_allowed) {
        return Err(CniError::environment(format!(
            "invalid CNI_NETNS \"{}\": it is the namespace that the plugin itself runs in, the node's; name the \
             container's",
            container.path().display()
        )));
    }
    Ok(node)
}

fn why(error: &KernelError) -> String {
    match &error.hint {
        Some(hint) => hint.clone(),
        None => error.errno.to_string(),
    }
}
