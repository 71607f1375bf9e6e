#![no_main]
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::OnceLock;

use cni_common::spec::Request;
use cni_ipam::{Host, run_on};
use libfuzzer_sys::fuzz_target;

fn root() -> &'static PathBuf {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| PathBuf::from(format!("/dev/shm/trestle-fuzz-{}", std::process::id())))
}

// A directory as somebody left it: the first two bytes are lengths of a lease and of the cursor, the rest is
// the index. Then every verb; an address that a readable lease has is given to nobody else.
fuzz_target!(|data: &[u8]| {
    let [lease, cursor, rest @ ..] = data else { return };
    let (lease, rest) = rest.split_at(usize::from(*lease).min(rest.len()));
    let (cursor, index) = rest.split_at(usize::from(*cursor).min(rest.len()));
    let dir = root().join("n");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("scratch directory");
    let write = |name: &str, bytes: &[u8]| fs::write(dir.join(name), bytes).expect("scratch file");
    write("10.1.0.2", lease);
    write("10.1.0.3", b"living\r\neth0");
    write("last_reserved_ip.0", cursor);
    if !index.is_empty() {
        write(".index", index);
    }
    let conf = format!(
        r#"{{"cniVersion":"1.1.0","name":"n","type":"host-local","cni.dev/valid-attachments":null,
            "ipam":{{"type":"host-local","dataDir":"{}","subnet":"10.1.0.0/29"}}}}"#,
        root().display()
    );
    let call = |verb: &str| {
        let request =
            Request::new(&trestle_fuzz::environment(verb), conf.clone().into_bytes()).expect("request");
        run_on(&Host::default(), &request)
    };
    let given = call("ADD");
    if let Ok(Some(result)) = &given {
        let living: IpAddr = "10.1.0.3".parse().expect("address");
        assert!(result.ips.iter().all(|ip| ip.address.ip() != living), "a living address was given");
        call("CHECK").expect("CHECK after ADD");
    }
    let _ = call("STATUS");
    let _ = call("GC");
    call("DEL").expect("DEL");
    assert!(dir.join("10.1.0.3").exists(), "a living lease is lost");
});
