//! Every kind of resource.
