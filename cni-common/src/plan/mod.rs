//! A plan: the wanted state as an ordered list of resources.
//!
//! One plan serves every verb: ADD applies it, CHECK checks every resource, DEL and rollback remove in
//! reverse. Making a plan is pure; only [`Resource`]s touch the kernel.

mod sweep;
mod tag;

use std::fmt;

use crate::kernel::{KernelError, Node, Outcome};
use crate::mutation;

pub use sweep::{Doomed, Owned};
pub use tag::{OwnerTag, network_hash, short_name};

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
    /// The kernel's refusal. What was half done has been undone; where the kernel's answer could not be
    /// read ([`KernelError::unclear`]) the caller must remove it.
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

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.error)
    }
}

/// The wanted state of one attachment.
#[derive(Default)]
pub struct Plan {
    resources: Vec<Box<dyn Resource>>,
}

/// An apply that failed, after everything it had made was removed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolledBack {
    /// What could not be done.
    pub cause: Failure,
    /// Lines that were undone, last first.
    pub undone: Vec<String>,
    /// What could not be undone.
    pub left: Vec<Failure>,
}

impl Plan {
    /// Adds a resource behind the others.
    pub fn push(&mut self, resource: impl Resource + 'static) {
        self.resources.push(Box::new(resource));
    }

    /// Puts a resource at a position: tests break a plan so.
    pub fn insert(&mut self, position: usize, resource: impl Resource + 'static) {
        self.resources.insert(position.min(self.resources.len()), Box::new(resource));
    }

    /// How many resources.
    pub fn len(&self) -> usize {
        self.resources.len()
    }

    /// No resource at all.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    /// Makes it so, resource by resource. At the first refusal all that this call created is removed.
    ///
    /// # Errors
    /// The refusal, and what became of the rest.
    pub fn apply(&self, node: &mut Node) -> Result<(), Box<RolledBack>> {
        let mut created: Vec<&dyn Resource> = Vec::new();
        for resource in &self.resources {
            tracing::debug!(line = %resource, "apply");
            match resource.apply(node) {
                Ok(Applied::Created) => created.push(resource.as_ref()),
                Ok(Applied::Unchanged) => {}
                Err(error) => {
                    // Done or not: an attachment's own thing goes. What is shared may stay.
                    if error.unclear && resource.scope() == Scope::Attachment {
                        created.push(resource.as_ref());
                    }
                    let cause = Failure { line: resource.to_string(), error };
                    return Err(Box::new(roll_back(&created, cause, node)));
                }
            }
        }
        Ok(())
    }

    /// Compares every resource with the kernel; returns the lines that differ.
    ///
    /// # Errors
    /// The first resource about which the kernel could not be asked.
    pub fn check(&self, node: &mut Node) -> Result<Vec<(String, Drift)>, Failure> {
        let mut drifts = Vec::new();
        for resource in &self.resources {
            tracing::debug!(line = %resource, "check");
            match resource.check(node) {
                Ok(None) => {}
                Ok(Some(drift)) => drifts.push((resource.to_string(), drift)),
                Err(error) => return Err(Failure { line: resource.to_string(), error }),
            }
        }
        Ok(drifts)
    }
}

fn roll_back(created: &[&dyn Resource], cause: Failure, node: &mut Node) -> RolledBack {
    let mut undone = Vec::new();
    let mut left = Vec::new();
    if mutation::is_broken("rollback") {
        return RolledBack { cause, undone, left };
    }
    for resource in created.iter().rev() {
        let line = resource.to_string();
        tracing::debug!(line, "roll back");
        match resource.remove(node) {
            Ok(()) => undone.push(line),
            Err(error) => left.push(Failure { line, error }),
        }
    }
    RolledBack { cause, undone, left }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.resources.iter().try_for_each(|resource| writeln!(f, "{resource}"))
    }
}
