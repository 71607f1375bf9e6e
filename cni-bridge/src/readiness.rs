//! STATUS: would an ADD succeed now? Looks, changes nothing, waits for nothing.

use cni_common::kernel::{Node, Side};
use cni_common::resources::{IptablesMasquerade, Masquerades};
use cni_common::spec::{CniError, Code};

use crate::config::{Bridge, MasqueradeBackend};

/// # Errors
/// Code 50, with the reason and the remedy.
pub(crate) fn ready(config: &Bridge, node: &mut Node) -> Result<(), CniError> {
    let unavailable = |msg: String| CniError::new(Code::UNAVAILABLE, msg);
    let asked = |e: cni_common::kernel::KernelError| unavailable(e.to_string());
    if let Some(link) = node.route(Side::Host).map_err(asked)?.link(&config.bridge).map_err(asked)?
        && link.kind != "bridge"
    {
        let kind = if link.kind.is_empty() { "physical" } else { &link.kind };
        return Err(unavailable(format!(
            "\"bridge\" is {:?}, but that is a {kind} link; set another name or remove that link",
            config.bridge.as_str()
        )));
    }
    match config.masquerade {
        Some(MasqueradeBackend::Nftables) => Masquerades::available(node)
            .map_err(|e| unavailable(format!("\"ipMasq\" needs nf_tables in the kernel, which says {e}"))),
        Some(MasqueradeBackend::Iptables) => IptablesMasquerade::available().map_err(unavailable),
        None => Ok(()),
    }
}
