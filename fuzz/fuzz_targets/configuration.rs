#![no_main]
use cni_common::spec::Request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choice, stdin)) = data.split_first() else { return };
    let verbs = ["ADD", "CHECK", "DEL", "GC", "STATUS", "VERSION"];
    let verb = verbs[usize::from(*choice) % verbs.len()];
    match Request::new(&trestle_fuzz::environment(verb), stdin.to_vec()) {
        Ok(request) => trestle_fuzz::read_configuration(&request),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
