//! Running `iptables-save` and `iptables-restore`.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::kernel::{Errno, KernelError, Outcome};

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// One implementation of iptables for one family: a pair of programs.
#[derive(Debug)]
pub(super) struct Table {
    save: PathBuf,
    restore: PathBuf,
}

/// A program in PATH.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| {
        std::fs::metadata(program).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    })
}

impl Table {
    fn find(family: Family, variant: &str) -> Option<Self> {
        let base = match family {
            Family::V4 => "iptables",
            Family::V6 => "ip6tables",
        };
        Some(Table {
            save: find(&format!("{base}{variant}-save"))?,
            restore: find(&format!("{base}{variant}-restore"))?,
        })
    }

    /// The node's own choice: `iptables` without a suffix.
    pub(super) fn preferred(family: Family) -> Outcome<Self> {
        Self::find(family, "").ok_or_else(|| KernelError {
            hint: Some("install iptables, or set \"ipMasqBackend\" to \"nftables\"".into()),
            ..KernelError::new("find iptables-restore in PATH", Errno::ENOENT)
        })
    }

    /// All implementations on this node.
    pub(super) fn all(family: Family) -> impl Iterator<Item = Self> {
        ["", "-legacy", "-nft"].into_iter().filter_map(move |variant| Self::find(family, variant))
    }

    /// The legacy implementation, if this namespace has a legacy nat table. Looking for it by the program
    /// would make one.
    pub(super) fn legacy_in_use(family: Family) -> Option<Self> {
        let list = match family {
            Family::V4 => "/proc/self/net/ip_tables_names",
            Family::V6 => "/proc/self/net/ip6_tables_names",
        };
        let names = std::fs::read_to_string(list).ok()?;
        if !names.lines().any(|name| name == "nat") {
            return None;
        }
        let table = Self::find(family, "-legacy").or_else(|| Self::find(family, ""));
        if table.is_none() {
            tracing::warn!(
                "this node has legacy iptables rules but no iptables program in PATH; left as they are"
            );
        }
        table
    }

    /// The nat table as text.
    pub(super) fn save(&self) -> Outcome<String> {
        let failed = |e: &std::io::Error| KernelError::from_io(format!("run {}", self.save.display()), e);
        let output = Command::new(&self.save)
            .args(["-t", "nat"])
            .env_remove("CNI_COMMAND")
            .stdin(Stdio::null())
            .output()
            .map_err(|e| failed(&e))?;
        if !output.status.success() {
            return Err(said(&self.save, &output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Applies a text to the nat table, waiting for the lock; an empty text does nothing.
    pub(super) fn restore(&self, text: &str) -> Outcome<()> {
        if text.is_empty() {
            return Ok(());
        }
        let failed = |e: &std::io::Error| KernelError::from_io(format!("run {}", self.restore.display()), e);
        let mut child = Command::new(&self.restore)
            .args(["--noflush", "-w", "30"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| failed(&e))?;
        let written = child.stdin.take().map(|mut stdin| stdin.write_all(text.as_bytes()));
        let output = child.wait_with_output().map_err(|e| failed(&e))?;
        if !output.status.success() {
            return Err(said(&self.restore, &output.stderr));
        }
        written.unwrap_or(Ok(())).map_err(|e| failed(&e))
    }
}

fn said(program: &std::path::Path, stderr: &[u8]) -> KernelError {
    let text = String::from_utf8_lossy(stderr).trim().replace('\n', "; ");
    KernelError { hint: Some(text), ..KernelError::new(format!("run {}", program.display()), Errno::EIO) }
}
