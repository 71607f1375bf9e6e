//! The plugin as its callers see it.

mod disk;
mod foreign;
mod gc;
mod healing;
mod kill;
mod model;
mod reference;
mod status;
mod storm;
mod verbs;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use cni_common::spec::{CniError, CniResult, Environment, Request};

use crate::testing::Scratch;
use crate::{Host, run_on};

/// A network in a directory of its own, on a host whose boot can be chosen.
struct Net {
    scratch: Scratch,
    host: Host,
    /// The keys of `ipam` besides `dataDir`.
    ipam: String,
    /// Further keys of the configuration, each with a comma before it.
    more: String,
    version: &'static str,
}

/// The one range that most tests use: .2 to .6, gateway .1.
const FIVE: &str = r#""subnet": "10.1.0.0/29""#;

impl Net {
    fn new(ipam: &str) -> Self {
        let scratch = Scratch::new();
        let proc = scratch.root().join("proc");
        std::fs::create_dir_all(proc.join("sys/kernel/random")).unwrap();
        std::os::unix::fs::symlink("/proc/thread-self", proc.join("thread-self")).unwrap();
        let host = Host { proc, lock_timeout: Duration::from_secs(30) };
        let net = Net { scratch, host, ipam: ipam.into(), more: String::new(), version: "1.1.0" };
        net.boot(1);
        net
    }

    /// The network of a test that runs in another process.
    fn of(root: &std::path::Path, ipam: &str) -> Self {
        let host = Host { proc: root.join("proc"), lock_timeout: Duration::from_mins(2) };
        Net { scratch: Scratch::of(root), host, ipam: ipam.into(), more: String::new(), version: "1.1.0" }
    }

    /// Starts the kernel anew.
    fn boot(&self, number: u8) {
        let text = format!("{number:08x}-0000-4000-8000-000000000000\n");
        std::fs::write(self.host.proc.join("sys/kernel/random/boot_id"), text).unwrap();
    }

    fn dir(&self) -> PathBuf {
        self.scratch.dir()
    }

    fn conf(&self) -> String {
        let data = self.scratch.place().data_dir;
        format!(
            r#"{{"cniVersion": "{}", "name": "net", "type": "bridge", "ipam": {{"type": "host-local", "dataDir": {:?}, {}}}{}}}"#,
            self.version, data, self.ipam, self.more
        )
    }

    fn env(verb: &str, id: &str) -> Environment {
        // "c1" or "c1/eth5"
        let (id, ifname) = id.split_once('/').unwrap_or((id, "eth0"));
        Environment {
            command: verb.into(),
            container_id: id.into(),
            netns: "/run/netns/none".into(),
            ifname: ifname.into(),
            path: "/opt/cni/bin".into(),
            ..Environment::default()
        }
    }

    fn call(&self, env: &Environment) -> Result<Option<CniResult>, CniError> {
        run_on(&self.host, &Request::new(env, self.conf().into_bytes())?)
    }

    fn result(&self, id: &str) -> Result<CniResult, CniError> {
        self.call(&Self::env("ADD", id)).map(Option::unwrap)
    }

    /// ADD; the addresses.
    fn add(&self, id: &str) -> Result<String, CniError> {
        let ips = self.result(id)?.ips;
        let texts: Vec<_> = ips.iter().map(|ip| ip.address.ip().to_string()).collect();
        Ok(texts.join(" "))
    }

    fn add_in(&self, id: &str, netns: &str) -> Result<String, CniError> {
        let env = Environment { netns: netns.into(), ..Self::env("ADD", id) };
        Ok(self.call(&env)?.unwrap().ips[0].address.ip().to_string())
    }

    fn del(&self, id: &str) -> Result<(), CniError> {
        self.call(&Environment { netns: String::new(), ..Self::env("DEL", id) }).map(|_| ())
    }

    fn check(&self, id: &str) -> Result<(), CniError> {
        self.call(&Self::env("CHECK", id)).map(|_| ())
    }

    fn status(&self) -> Result<(), CniError> {
        self.call(&Environment { command: "STATUS".into(), path: "/p".into(), ..Environment::default() })
            .map(|_| ())
    }

    fn gc(&mut self, list: &str) -> Result<(), CniError> {
        let before = std::mem::replace(&mut self.more, format!(r#", "cni.dev/valid-attachments": {list}"#));
        let env = Environment { command: "GC".into(), path: "/p".into(), ..Environment::default() };
        let result = self.call(&env).map(|_| ());
        self.more = before;
        result
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::create_dir_all(self.dir()).unwrap();
        std::fs::write(self.dir().join(name), content).unwrap();
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir().join(name)).unwrap_or_default()
    }

    /// What stands in the files that have an address for a name.
    fn leases(&self) -> BTreeMap<String, String> {
        let names = self.scratch.names().into_iter().filter(|name| name.parse::<std::net::IpAddr>().is_ok());
        names.map(|name| (name.clone(), self.text(&name))).collect()
    }

    /// Addresses and container IDs, in one line.
    fn shown(&self) -> String {
        let lines = self.leases().into_iter().map(|(addr, text)| {
            let id = text.split("\r\n").next().unwrap_or_default().to_owned();
            format!("{addr}={id}")
        });
        lines.collect::<Vec<_>>().join(" ")
    }

    /// A lease as the reference makes it, with the cursor.
    fn reference_add(&self, addr: &str, id: &str) {
        self.write(addr, format!("{id}\r\neth0"));
        self.write("last_reserved_ip.0", addr);
    }
}

fn code<T>(result: Result<T, CniError>) -> u32 {
    result.map_or_else(|error| error.code.0, |_| 0)
}
