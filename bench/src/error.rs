//! What stops a measurement, as text for the person who started it.

use std::fmt;

/// An error whose message says what was tried and what the system answered.
#[derive(Debug)]
pub struct Error(pub String);

/// Everything here fails with a message.
pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says what was being done when something failed.
pub trait Context<T> {
    /// Puts `doing` in front of the cause.
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|cause| Error(format!("{}: {cause}", doing())))
    }
}

impl<T> Context<T> for Option<T> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.ok_or_else(|| Error(doing()))
    }
}
