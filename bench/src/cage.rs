//! Private namespaces for everything that is measured.
//!
//! The program starts itself again as process 1 of its own PID, mount and network namespace. Whatever ends the outer
//! program, a signal that cannot be caught included, ends the inner one, and with it every process, link, rule, mount
//! and lease.

use crate::error::{Context, Result};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;
use nix::unistd::geteuid;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Tells the inner program what it is.
const MARK: &str = "TRESTLE_BENCH_CAGED";

/// Whether this process is the inner one.
pub fn is_inside() -> bool {
    std::env::var_os(MARK).is_some() && std::process::id() == 1
}

/// Starts this program again inside and returns its exit code.
pub fn run_inside() -> Result<ExitCode> {
    let mut flags = CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET;
    let ids = (geteuid(), nix::unistd::getegid());
    if !ids.0.is_root() {
        flags |= CloneFlags::CLONE_NEWUSER;
    }
    unshare(flags)
        .doing(|| "making private namespaces (run as root, or allow user namespaces)".to_owned())?;
    if flags.contains(CloneFlags::CLONE_NEWUSER) {
        for (file, text) in [
            ("setgroups", "deny".to_owned()),
            ("uid_map", format!("0 {} 1", ids.0)),
            ("gid_map", format!("0 {} 1", ids.1)),
        ] {
            let path = format!("/proc/self/{file}");
            std::fs::write(&path, text).doing(|| format!("writing {path}"))?;
        }
    }
    let mut inner = Command::new("/proc/self/exe");
    inner.args(std::env::args_os().skip(1)).env(MARK, "1");
    // SAFETY: one system call between fork and exec, which allocates nothing.
    unsafe {
        inner.pre_exec(|| nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(Into::into));
    }
    let status = inner.status().doing(|| "starting the measurement".to_owned())?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Inside: own /proc, /sys, /run and /var/lib/cni, and a loopback that is up.
pub fn furnish() -> Result<()> {
    let none = None::<&str>;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(none, "/", none, private, none).doing(|| "making mounts private".to_owned())?;
    for (kind, place) in [("proc", "/proc"), ("sysfs", "/sys"), ("tmpfs", "/run")] {
        mount_at(kind, place)?;
    }
    cover_leases()?;
    for directory in ["/run/netns", "/run/bench", "/var/lib/cni"] {
        std::fs::create_dir_all(directory).doing(|| format!("making {directory}"))?;
    }
    Ok(())
}

/// Puts an empty /var/lib/cni there. Where the host has none, none must be made on it: then a copy of /var/lib is laid
/// over it, whose directories lead to the real ones.
fn cover_leases() -> Result<()> {
    if Path::new("/var/lib/cni").is_dir() {
        return mount_at("tmpfs", "/var/lib/cni");
    }
    std::fs::create_dir("/run/lib").doing(|| "making /run/lib".to_owned())?;
    bind(Path::new("/var/lib"), Path::new("/run/lib"))?;
    mount_at("tmpfs", "/var/lib")?;
    let entries = std::fs::read_dir("/run/lib").doing(|| "reading /var/lib".to_owned())?;
    for entry in entries.flatten().filter(|e| e.file_type().is_ok_and(|t| t.is_dir())) {
        let place = Path::new("/var/lib").join(entry.file_name());
        std::fs::create_dir(&place).doing(|| format!("making {}", place.display()))?;
        bind(&entry.path(), &place)?;
    }
    Ok(())
}

fn bind(from: &Path, to: &Path) -> Result<()> {
    let (none, flags) = (None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC);
    mount(Some(from), to, none, flags, none)
        .doing(|| format!("binding {} to {}", from.display(), to.display()))
}

/// Mounts a file system of its own, without limits of size: what is in it is ours.
pub fn mount_at(kind: &str, place: &str) -> Result<()> {
    let options = (kind == "tmpfs").then_some("mode=755,size=90%,nr_inodes=2000000");
    mount(Some(kind), place, Some(kind), MsFlags::empty(), options)
        .doing(|| format!("mounting {kind} on {place}"))
}

/// Takes a mount away together with all that is in it.
pub fn unmount(place: &str) -> Result<()> {
    nix::mount::umount2(place, nix::mount::MntFlags::MNT_DETACH).doing(|| format!("unmounting {place}"))
}
