#![no_main]
use cni_common::spec::{CniArgs, Environment, Request};
use libfuzzer_sys::fuzz_target;

const CONF: &[u8] = br#"{"cniVersion":"1.1.0","name":"n","type":"bridge",
    "ipam":{"type":"host-local","ranges":[[{"subnet":"10.1.0.0/16"}],[{"subnet":"fd00::/64"}]]}}"#;

// The environment: CNI_ARGS, and in front of it, each up to a line end, container ID, interface and path.
fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data).into_owned();
    let mut lines = text.splitn(4, '\n').map(str::to_owned);
    let mut next = || lines.next().unwrap_or_default();
    let (args, container_id, ifname, path) = (next(), next(), next(), next());
    if let Ok(read) = CniArgs::parse(&args, &["MAC", "IP", "GATEWAY"]) {
        let _ = (read.get("MAC"), read.get("IP"));
    }
    let base = trestle_fuzz::environment("ADD");
    let or = |given: String, base: String| if given.is_empty() { base } else { given };
    let env = Environment {
        args,
        container_id: or(container_id, base.container_id.clone()),
        ifname: or(ifname, base.ifname.clone()),
        path: or(path, base.path.clone()),
        ..base
    };
    if let Ok(request) = Request::new(&env, CONF.to_vec()) {
        let attachment = request.attachment().expect("ADD names an attachment");
        let id = attachment.container_id.as_str();
        assert!(!id.contains(['/', '\0', '\n']) && id != "." && id != "..", "{id:?}");
        assert!(attachment.ifname.as_str().len() <= 15 && !attachment.ifname.as_str().contains('/'));
        trestle_fuzz::read_configuration(&request);
    }
});
