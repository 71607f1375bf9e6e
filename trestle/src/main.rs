//! One program under every plugin's name.
fn main() {}
