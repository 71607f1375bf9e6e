//! The `bridge` plugin.
