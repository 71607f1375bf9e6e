//! What a refusal means, where it can mean only one thing: most often a kernel option that is missing.

use nix::errno::Errno;

use super::{Change, Expr, Family};
use crate::kernel::KernelError;

/// Adds a hint to a refusal; `None` is one of the whole transaction.
pub(super) fn explain(change: Option<&Change<'_>>, error: &KernelError) -> KernelError {
    let what = change.map_or_else(|| "nft transaction".to_owned(), ToString::to_string);
    let hint = error.hint.clone().or_else(|| option(change, error.errno).map(str::to_owned));
    KernelError { what, hint, ..error.clone() }
}

fn option(change: Option<&Change<'_>>, errno: Errno) -> Option<&'static str> {
    match (change, errno) {
        (None, Errno::EOPNOTSUPP) => Some("the kernel has no nf_tables: CONFIG_NF_TABLES"),
        (Some(Change::AddTable { table, .. }), Errno::EOPNOTSUPP | Errno::EAFNOSUPPORT) => {
            Some(match table.family {
                Family::Inet => "the kernel has no nf_tables for inet: CONFIG_NF_TABLES_INET",
                Family::Bridge => "the kernel has no nf_tables for bridges: CONFIG_NF_TABLES_BRIDGE",
                Family::Ip => "the kernel has no nf_tables for IPv4: CONFIG_NF_TABLES_IPV4",
                Family::Ip6 => "the kernel has no nf_tables for IPv6: CONFIG_NF_TABLES_IPV6",
            })
        }
        (Some(Change::AddChain { hook: Some(hook), .. }), Errno::ENOENT | Errno::EOPNOTSUPP)
            if hook.kind == "nat" =>
        {
            Some("the kernel has no NAT for nf_tables: CONFIG_NFT_NAT, and Linux 5.2 for the inet family")
        }
        (Some(Change::AddRule { exprs, .. }), Errno::ENOENT | Errno::EOPNOTSUPP)
            if exprs.contains(&Expr::Masquerade) =>
        {
            Some("the kernel has no masquerade for nf_tables: CONFIG_NFT_MASQ")
        }
        (Some(Change::AddSet { .. }), Errno::EEXIST) | (Some(Change::AddElement { .. }), Errno::EINVAL) => {
            Some("the set of this name holds something else")
        }
        _ => None,
    }
}
