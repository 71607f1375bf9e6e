//! What `make dist` packs, without the build: `packaging/test/layout.sh`.

#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
fn a_release_holds_what_it_should_and_is_the_same_twice() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/test/layout.sh");
    let done = Command::new(script).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
}
