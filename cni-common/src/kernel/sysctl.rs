//! Kernel parameters under /proc/sys/net, of the namespace that the calling thread is in.

use std::path::PathBuf;

use super::{KernelError, Outcome};

/// Path of a parameter. Names have slashes, so that an interface name may hold dots: `net/ipv4/ip_forward`.
fn path(name: &str) -> PathBuf {
    PathBuf::from("/proc/sys").join(name)
}

/// Reads a parameter.
///
/// # Errors
/// ENOENT when the kernel does not have it.
pub fn get(name: &str) -> Outcome<String> {
    let text = std::fs::read_to_string(path(name))
        .map_err(|e| KernelError::from_io(format!("read sysctl {name}"), &e))?;
    Ok(text.trim_end().to_owned())
}

/// Sets a parameter if it has another value; tells the value it had then.
///
/// # Errors
/// Those of reading, and EROFS or EACCES where /proc/sys may not be written.
pub fn set(name: &str, value: &str) -> Outcome<Option<String>> {
    let old = get(name)?;
    if old == value {
        return Ok(None);
    }
    std::fs::write(path(name), value)
        .map_err(|e| KernelError::from_io(format!("set sysctl {name}={value}"), &e))?;
    Ok(Some(old))
}
