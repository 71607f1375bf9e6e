#![no_main]
use cni_common::spec::Request;
use libfuzzer_sys::fuzz_target;

const CONF: &str = r#"{"cniVersion":"1.1.0","name":"n","type":"bridge","isGateway":true,"ipMasq":true,"macspoofchk":true,
    "ipam":{"type":"host-local","subnet":"10.1.0.0/16"},"prevResult":"#;

fuzz_target!(|data: &[u8]| {
    let stdin = [CONF.as_bytes(), data, b"}"].concat();
    let Ok(request) = Request::new(&trestle_fuzz::environment("CHECK"), stdin) else { return };
    if let Ok(Some(previous)) = request.conf.prev_result() {
        trestle_fuzz::reads_back(&previous, &request);
        let _ = trestle_fuzz::plan(&request, previous);
    }
});
