#![no_main]
use libfuzzer_sys::fuzz_target;

// What lease_files reads from a directory, here from memory: a hundred times as many inputs.
fuzz_target!(|data: &[u8]| cni_ipam::fuzzing::lease_and_index(data));
