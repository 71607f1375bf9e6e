//! A plan: the wanted state as an ordered list of resources.
//!
//! One plan serves every verb: ADD applies it, CHECK checks every resource, DEL and rollback remove in
//! reverse. Making a plan is pure; only [`Resource`]s touch the kernel.

mod tag;

use std::fmt;

use crate::kernel::{KernelError, Node, Outcome};

pub use tag::OwnerTag;

/// Who owns a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Used by many attachments: ensured and checked, never removed by one of them.
    Shared,
    /// This attachment's own.
    Attachment,
}

/// What applying a resource did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was not there; rollback must remove it.
    Created,
    /// It was there already.
    Unchanged,
}

/// How a resource differs from the plan, in one phrase: `hairpin is off`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift(pub String);

/// One thing that must be so. Its `Display` is one line like a command of iproute2; that line is the
/// golden test, the context of an error, the log event and the drift message.
pub trait Resource: fmt::Display {
    /// Who owns it.
    fn scope(&self) -> Scope {
        Scope::Attachment
    }

    /// Makes it so; succeeds when it already is.
    ///
    /// # Errors
    /// The kernel's refusal. What was half done has been undone.
    fn apply(&self, node: &mut Node) -> Outcome<Applied>;

    /// Compares it with the kernel. `Ok(None)` when it is as planned.
    ///
    /// # Errors
    /// Only when the kernel could not be asked; a missing thing is a drift.
    fn check(&self, node: &mut Node) -> Outcome<Option<Drift>>;

    /// Undoes it; succeeds when it is not there.
    ///
    /// # Errors
    /// The kernel's refusal.
    fn remove(&self, node: &mut Node) -> Outcome<()>;
}

/// A resource and what the kernel said to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The plan's line.
    pub line: String,
    /// The refusal.
    pub error: KernelError,
}
