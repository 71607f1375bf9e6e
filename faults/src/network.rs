//! The networks that faults are put on.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::call::Call;
use crate::node::{Pod, WORK_DIR};

/// A network, and whose plugins serve it.
#[derive(Clone, Debug)]
pub struct Network {
    /// For reports: `masquerade`.
    pub name: &'static str,
    /// Folder of the plugins.
    pub bin: PathBuf,
    /// Name of the plugin that the runtime calls.
    pub plugin: &'static str,
    /// The network configuration.
    pub conf: Value,
}

/// How DEL names the pod's namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It is there, and named.
    There,
    /// It is named, and gone.
    Gone,
    /// It is there, and CNI_NETNS is empty.
    Empty,
}

/// The name of every network.
pub const NAME: &str = "net1";

fn bridge(more: &Value) -> Value {
    let mut conf = json!({ "cniVersion": "1.1.0", "name": NAME, "type": "bridge", "bridge": "cni0" });
    for (key, value) in more.as_object().unwrap() {
        conf[key] = value.clone();
    }
    conf
}

fn host_local(range: &Value) -> Value {
    json!({ "type": "host-local", "ranges": range })
}

impl Network {
    /// Names of [`Network::named`].
    pub const ALL: [&'static str; 6] = ["masquerade", "spoof", "dual", "layer2", "delegated", "host-local"];

    /// A network by its name.
    pub fn named(name: &str, bin: &Path) -> Self {
        let v4 = json!([[{ "subnet": "10.88.0.0/16" }]]);
        let both = json!([[{ "subnet": "10.88.0.0/16" }], [{ "subnet": "fd00:88::/64" }]]);
        let masquerade = json!({
            "isGateway": true, "ipMasq": true, "ipMasqBackend": "nftables", "ipam": host_local(&v4)
        });
        let (name, plugin, conf) = match name {
            "masquerade" => ("masquerade", "bridge", bridge(&masquerade)),
            "spoof" => {
                let mut conf = bridge(&masquerade);
                conf["macspoofchk"] = json!(true);
                ("spoof", "bridge", conf)
            }
            "dual" => {
                let keys = json!({
                    "isDefaultGateway": true, "ipMasq": true, "ipMasqBackend": "nftables", "ipam": host_local(&both)
                });
                ("dual", "bridge", bridge(&keys))
            }
            "layer2" => ("layer2", "bridge", bridge(&json!({}))),
            "delegated" => ("delegated", "bridge", bridge(&masquerade)),
            "host-local" => {
                let conf = json!({ "cniVersion": "1.1.0", "name": NAME, "type": "host-local", "ipam": host_local(&both) });
                ("host-local", "host-local", conf)
            }
            other => panic!("no network is called {other}; there are {}", Network::ALL.join(", ")),
        };
        Network { name, bin: bin.to_owned(), plugin, conf }
    }

    /// Makes ready what the network needs on a node: "delegated" has its IPAM plugin in a file of its own,
    /// a copy and not a link, so that it runs as a process of its own.
    #[must_use]
    pub fn on_node(mut self) -> Self {
        if self.name == "delegated" {
            let copies = Path::new(WORK_DIR).join("copies");
            std::fs::create_dir_all(&copies).unwrap();
            for name in ["bridge", "host-local"] {
                // By another process: a file that some thread here has open for writing cannot be run, and a
                // fork in another thread keeps it open.
                let done = std::process::Command::new("cp").arg(self.bin.join(name)).arg(&copies).status();
                assert!(done.is_ok_and(|status| status.success()), "cp {name}");
            }
            self.bin = copies;
        }
        self
    }

    /// The same with only two addresses to give.
    #[must_use]
    pub fn of_two_addresses(mut self) -> Self {
        self.conf["ipam"]["ranges"] =
            json!([[{ "subnet": "10.88.0.0/24", "rangeStart": "10.88.0.2", "rangeEnd": "10.88.0.3" }]]);
        self
    }

    /// The configuration with one more key.
    pub fn with(&self, key: &str, value: Value) -> Value {
        let mut conf = self.conf.clone();
        conf[key] = value;
        conf
    }

    /// A call about an attachment, its namespace named.
    pub fn call(&self, verb: &str, pod: &Pod, conf: &Value) -> Call {
        Call::new(&self.bin, self.plugin, verb, conf)
            .env("CNI_CONTAINERID", &pod.id)
            .env("CNI_NETNS", &pod.path.display().to_string())
            .env("CNI_IFNAME", &pod.ifname)
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    }

    /// ADD.
    pub fn add(&self, pod: &Pod) -> Call {
        self.call("ADD", pod, &self.conf)
    }

    /// CHECK.
    pub fn check(&self, pod: &Pod, previous: &Value) -> Call {
        self.call("CHECK", pod, &self.with("prevResult", previous.clone()))
    }

    /// DEL.
    pub fn del(&self, pod: &Pod, way: Way) -> Call {
        let call = self.call("DEL", pod, &self.conf);
        if way == Way::Empty { call.env("CNI_NETNS", "") } else { call }
    }

    /// GC, with a list of the living.
    pub fn gc(&self, living: &[&Pod]) -> Call {
        let list: Vec<Value> =
            living.iter().map(|pod| json!({ "containerID": pod.id, "ifname": pod.ifname })).collect();
        let conf = self.with("cni.dev/valid-attachments", Value::Array(list));
        Call::new(&self.bin, self.plugin, "GC", &conf).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    }
}
