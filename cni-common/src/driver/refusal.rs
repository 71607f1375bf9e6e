//! What a verb says when it does not succeed.

use crate::kernel::{Errno, KernelError, Node, Outcome, Side};
use crate::plan::RolledBack;
use crate::spec::{CniError, Code};

use super::Subject;

/// A repeated ADD is found before IPAM is asked: the undo of a later failure would free the first
/// attachment's address and link.
pub(super) fn refuse_conflict(subject: &Subject, node: &mut Node) -> Result<(), CniError> {
    let name = &subject.attachment.ifname;
    let host = subject.tag.host_ifname();
    let mut taken = |side: Side, name| -> Outcome<bool> { Ok(node.route(side)?.link(name)?.is_some()) };
    let asked = |e: KernelError| CniError::new(Code::KERNEL, e.to_string());
    if taken(Side::Container, name).map_err(asked)? {
        return Err(CniError::new(
            Code::CONFLICT,
            format!(
                "{name} already exists in {}: run DEL for it, or choose another CNI_IFNAME",
                subject.netns.display()
            ),
        ));
    }
    if let Some(host) = host
        && taken(Side::Host, &host).map_err(asked)?
    {
        return Err(CniError::new(
            Code::CONFLICT,
            format!(
                "the node still has {host} of an earlier ADD of this container and interface: run DEL for it"
            ),
        ));
    }
    Ok(())
}

/// The error of an ADD that was rolled back.
pub(super) fn refused(rolled_back: &RolledBack) -> CniError {
    let RolledBack { cause, undone, left } = rolled_back;
    let code = match cause.error.errno {
        Errno::EEXIST | Errno::EADDRINUSE => Code::CONFLICT,
        _ => Code::KERNEL,
    };
    let mut error = CniError::new(code, format!("cannot {}: {}", cause.line.trim_end(), cause.error));
    error = error.detail(format!("failed: {}", cause.line));
    for line in undone {
        error = error.detail(format!("rolled back: {line}"));
    }
    for failure in left {
        error = error.detail(format!("not rolled back: {failure}"));
    }
    error
}

/// The first error, with the others as details.
pub(super) fn collected(errors: Vec<CniError>) -> Result<(), CniError> {
    let mut errors = errors.into_iter();
    match errors.next() {
        None => Ok(()),
        Some(first) => Err(errors.fold(first, |first, other| first.detail(format!("also: {other}")))),
    }
}
