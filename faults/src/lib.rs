//! Nothing is ever lost or left: the harnesses that try to show the opposite.
//!
//! A *fault* is a SIGKILL, or an error in place of a system call's work, at one chosen system call of one
//! call of a plugin. [`sweep`] puts one at every system call of ADD, DEL and GC, heals as a runtime would,
//! and compares the node with what it was before. [`storm`] runs hundreds of calls at once against a model.
//! Both take any plugins of these names: pointed at the reference they must find something.
//!
//! Everything runs in network and mount namespaces that die with the thread that made them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]
// Harness code: a panic is how a broken harness says so.
#![allow(clippy::missing_panics_doc)]

pub mod call;
pub mod chance;
pub mod network;
pub mod node;
pub mod seccomp;
pub mod state;
pub mod storm;

pub mod sweep;
pub mod trace;
