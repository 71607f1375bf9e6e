//! The `host-local` plugin.
