#![no_main]
use cni_common::spec::{CniError, CniResult, Request};
use libfuzzer_sys::fuzz_target;

// The first byte chooses the version and the network.
fuzz_target!(|data: &[u8]| {
    let Some((choice, answer)) = data.split_first() else { return };
    let versions = ["0.1.0", "0.2.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
    let version = versions[usize::from(*choice) % versions.len()];
    let more = if choice & 0x80 == 0 { "" } else { r#""isDefaultGateway":true,"ipMasq":true,"vlan":7,"# };
    let conf =
        format!(r#"{{"cniVersion":"{version}","name":"n","type":"bridge",{more}"ipam":{{"type":"x"}}}}"#);
    let request = Request::new(&trestle_fuzz::environment("ADD"), conf.into_bytes()).expect("configuration");
    let _ = CniError::from_json(answer).map(|error| error.to_string());
    if let Ok(result) = CniResult::from_answer(answer, request.conf.version) {
        let _ = trestle_fuzz::plan(&request, result);
    }
});
