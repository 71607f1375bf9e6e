#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| cni_common::kernel::rtnl::fuzzing::answer(data));
