//! What the fuzz targets share.

use cni_bridge::Bridge;
use cni_common::driver::{Addressing, NetworkPlugin, Subject};
use cni_common::plan::OwnerTag;
use cni_common::spec::{CniError, CniResult, Environment, Request};

/// A call as a runtime would make it.
pub fn environment(verb: &str) -> Environment {
    Environment {
        command: verb.into(),
        container_id: "c1".into(),
        netns: "/run/netns/c1".into(),
        ifname: "eth0".into(),
        path: "/opt/cni/bin".into(),
        ..Environment::default()
    }
}

/// Everything that is read of a configuration, without a system call.
pub fn read_configuration(request: &Request) {
    let _ = request.conf.prev_result();
    let _ = request.conf.valid_attachments();
    let _ = request.conf.dns();
    let _ = Bridge::read(request);
    let _ = cni_ipam::config::Config::read(request);
    let _ = cni_ipam::config::Place::read(&request.conf);
}

/// The plan's text, and the result in its version.
pub fn plan(request: &Request, result: CniResult) -> Result<String, CniError> {
    let bridge = Bridge::read(request)?;
    let attachment = request.attachment()?.clone();
    let subject = Subject {
        tag: OwnerTag::new(&request.conf.name, &attachment),
        network: request.conf.name.clone(),
        attachment,
        netns: "/run/netns/c1".into(),
    };
    let CniResult { interfaces, ips, routes, dns } = result;
    bridge.plan(&subject, &Addressing { ips, routes, dns, interfaces }).map(|plan| plan.to_string())
}

/// What was read is written so that it reads back the same.
pub fn reads_back(result: &CniResult, request: &Request) {
    let version = request.conf.version;
    let text = result.to_json(version);
    let again = CniResult::from_answer(text.as_bytes(), version).expect("a result that was written");
    assert_eq!(again.to_json(version), text);
}
