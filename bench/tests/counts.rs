//! No verb asks more of the kernel than it did: netlink messages, system calls, processes and threads of each, by
//! strace, against `bench/counts.json`. Needs the built plugins (`bin`, or `TRESTLE_BIN`), strace, and root or user
//! namespaces.

use std::process::Command;

#[test]
fn no_verb_has_grown() {
    let counted = Command::new(env!("CARGO_BIN_EXE_trestle-bench")).arg("counts").output().unwrap();
    let said =
        String::from_utf8_lossy(&counted.stdout).into_owned() + &String::from_utf8_lossy(&counted.stderr);
    assert!(counted.status.success(), "{said}");
    assert!(said.contains("bridge ADD, masquerade"), "{said}");
}
