//! What the kernel said no to.

use std::fmt;

use nix::errno::Errno;

/// An operation that the kernel refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelError {
    /// What was asked, in the words of a person: `link add eth0`.
    pub what: String,
    /// Its answer.
    pub errno: Errno,
    /// The kernel's own explanation (extended acknowledgement, linux/netlink.h `NLMSGERR_ATTR_MSG`).
    pub hint: Option<String>,
    /// It was asked, and its answer could not be read: it may have been done.
    pub unclear: bool,
}

/// The result of asking the kernel.
pub type Outcome<T> = Result<T, KernelError>;

impl KernelError {
    /// An error without the kernel's explanation.
    pub fn new(what: impl Into<String>, errno: Errno) -> Self {
        KernelError { what: what.into(), errno, hint: None, unclear: false }
    }

    /// From an error of the standard library; one without errno counts as EIO.
    pub fn from_io(what: impl Into<String>, error: &std::io::Error) -> Self {
        Self::new(what, error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
    }

    /// Says what was asked.
    #[must_use]
    pub fn asked(mut self, what: impl Into<String>) -> Self {
        self.what = what.into();
        self
    }

    /// The thing does not exist (any more).
    pub fn is_gone(&self) -> bool {
        matches!(
            self.errno,
            Errno::ENOENT | Errno::ENODEV | Errno::ESRCH | Errno::EADDRNOTAVAIL | Errno::ENXIO
        )
    }
}

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Errno's Display is "ENODEV: No such device".
        write!(f, "{}: {}", self.what, self.errno)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for KernelError {}
