//! containerd on a node, and its pods through CRI.

use std::fs;
use std::process::Child;
use std::time::Duration;

use serde_json::{Value, json};

use crate::command::wait_for;
use crate::cri::{Answer, Client};
use crate::node::Node;
use crate::programs::{IMAGE, programs};

/// Two lines of versions that nodes run today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Asks for STATUS every time it is asked for its own, and can set up `lo` by itself.
    Two,
    /// Has version 2 of the configuration, and always calls the loopback plugin.
    One,
}

impl Version {
    /// The newest of its line among the programs.
    pub fn number(self) -> String {
        let prefix = if self == Version::Two { "containerd-2." } else { "containerd-1." };
        let mut found: Vec<String> = fs::read_dir(&programs().runtimes)
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
            .filter(|name| name.starts_with(prefix) && !name.contains(".new"))
            .collect();
        found.sort();
        found.pop().and_then(|name| name.strip_prefix("containerd-").map(str::to_owned)).expect(prefix)
    }
}

/// A running containerd. It ends with its node.
pub struct Containerd {
    process: Child,
    version: Version,
    pub client: Client,
}

/// A sandbox that the runtime made.
#[derive(Clone, Debug)]
pub struct Pod {
    pub name: String,
    pub sandbox: String,
    pub addresses: Vec<String>,
}

impl Containerd {
    /// Starts containerd with what the node's folders hold, and gives it the pods' image.
    /// `options`: `conf_template`, a path on the node; `internal_loopback`.
    pub fn start_with(node: &Node, version: Version, options: &Value) -> Containerd {
        let text = match version {
            Version::Two => config_two(options),
            Version::One => config_one(options),
        };
        node.write("containerd.toml", &text);
        let found = Containerd::again(node, version);
        let ctr = match version {
            // Without it only the default snapshotter would do.
            Version::Two => "images import --local --snapshotter overlayfs",
            Version::One => "images import --snapshotter overlayfs",
        };
        node.sh(&format!(
            "/run/programs/containerd-{}/ctr -a /run/node/containerd.sock -n k8s.io {ctr} /run/programs/image.tar",
            version.number()
        ));
        found
    }

    /// Starts it with the configuration and the images that it had, as after a crash or a reboot.
    pub fn again(node: &Node, version: Version) -> Containerd {
        let folder = format!("/run/programs/containerd-{}", version.number());
        let script =
            format!("env PATH={folder}:$PATH {folder}/containerd --config /run/node/containerd.toml");
        node.sh("rm -f /run/node/containerd.sock; ln -sf /run/node/containerd.sock /run/containerd/containerd.sock");
        let process = node.daemon("containerd", &script);
        wait_for(Duration::from_secs(20), || node.dir.join("containerd.sock").exists().then_some(()))
            .unwrap_or_else(|| panic!("containerd does not answer: {}", node.read("log/containerd")));
        let client = client(node);
        let mut containerd = Containerd { process, version, client };
        wait_for(Duration::from_secs(20), || containerd.ask(json!({ "op": "version" })).result.ok())
            .unwrap_or_else(|| panic!("containerd does not answer: {}", node.read("log/containerd")));
        containerd
    }

    /// Kills it, as a crash would: pods and their shims live on.
    pub fn kill(&mut self, node: &Node) {
        node.sh("kill -9 $(cat /run/node/containerd.pid)");
        self.process.wait().unwrap();
    }

    pub fn version(&self) -> Version {
        self.version
    }

    pub fn ask(&mut self, request: Value) -> Answer {
        self.client.ask(request)
    }

    /// Makes a sandbox; it must succeed.
    #[track_caller]
    pub fn run(&mut self, name: &str) -> Pod {
        self.run_with(name, json!({}))
    }

    /// With `ports`: `[{"host": 8080, "container": 80}]`.
    #[track_caller]
    pub fn run_with(&mut self, name: &str, mut request: Value) -> Pod {
        request["op"] = json!("run");
        request["name"] = json!(name);
        let answer = self.ask(request);
        made(name, answer)
    }

    /// Makes these sandboxes at once.
    #[track_caller]
    pub fn run_all(&mut self, names: &[String]) -> Vec<Pod> {
        let requests = names.iter().map(|name| json!({ "op": "run", "name": name })).collect();
        self.client.all(requests).into_iter().zip(names).map(|(answer, name)| made(name, answer)).collect()
    }

    /// Stops and removes, as a kubelet does: so each has at least two DELs.
    #[track_caller]
    pub fn remove(&mut self, sandbox: &str) {
        self.ask(json!({ "op": "stop", "sandbox": sandbox })).ok();
        self.ask(json!({ "op": "remove", "sandbox": sandbox })).ok();
    }

    /// The same for many at once.
    #[track_caller]
    pub fn remove_all(&mut self, pods: &[Pod]) {
        for op in ["stop", "remove"] {
            let requests = pods.iter().map(|pod| json!({ "op": op, "sandbox": pod.sandbox })).collect();
            self.client.all(requests).into_iter().for_each(|answer| drop(answer.ok()));
        }
    }

    /// Starts a web server on this port in a sandbox.
    pub fn web(&mut self, pod: &Pod, request: &Value, port: u16) {
        let mut request = request.clone();
        request["op"] = json!("web");
        request["name"] = json!(pod.name);
        request["sandbox"] = json!(pod.sandbox);
        request["image"] = json!(IMAGE);
        request["args"] = json!(["web", format!(":{port}")]);
        self.ask(request).ok();
    }

    /// Sandboxes that the runtime knows: name, ID, ready.
    pub fn list(&mut self) -> Vec<(String, String, bool)> {
        let all = self.ask(json!({ "op": "list" })).ok();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        all.as_array()
            .into_iter()
            .flatten()
            .map(|s| (text(&s["name"]), text(&s["sandbox"]), s["ready"] == true))
            .collect()
    }

    /// The condition NetworkReady: whether, and the message.
    pub fn network(&mut self) -> (bool, String) {
        let status = self.ask(json!({ "op": "status" })).ok();
        (status["ready"] == true, status["message"].as_str().unwrap_or_default().to_owned())
    }
}

impl Answer {
    /// The sandbox that was asked for, or the runtime's words.
    pub fn pod(self, name: &str) -> Result<Pod, String> {
        let made = self.result?;
        let addresses = made["addresses"].as_array().into_iter().flatten();
        Ok(Pod {
            name: name.to_owned(),
            sandbox: made["sandbox"].as_str().unwrap_or_default().to_owned(),
            addresses: addresses.filter_map(|a| a.as_str().map(str::to_owned)).collect(),
        })
    }
}

#[track_caller]
fn made(name: &str, answer: Answer) -> Pod {
    answer.pod(name).unwrap_or_else(|words| panic!("{name}: the runtime says: {words}"))
}

/// One more client of the same runtime, for what is asked meanwhile.
pub fn client(node: &Node) -> Client {
    let log = fs::File::options().append(true).create(true).open(node.dir.join("log/cri")).unwrap();
    let mut command = node.command("/run/programs/bin/cri");
    Client::start(command.env("CRI_SOCKET", "/run/node/containerd.sock"), log)
}

/// What is in memory goes with the node (`state`), what is on disk stays (`root`), as on a machine.
/// `restrict_oom_score_adj`: a sandbox wants -998, which takes a privilege that few test machines give.
fn config_two(options: &Value) -> String {
    format!(
        "version = 3
root = '/run/node/containerd-root'
state = '/run/containerd-state'
disabled_plugins = [
  'io.containerd.snapshotter.v1.btrfs', 'io.containerd.snapshotter.v1.zfs', 'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.blockfile', 'io.containerd.snapshotter.v1.erofs', 'io.containerd.nri.v1.nri',
  'io.containerd.internal.v1.tracing', 'io.containerd.tracing.processor.v1.otlp' ]
[grpc]
  address = '/run/node/containerd.sock'
[ttrpc]
  address = '/run/node/containerd.sock.ttrpc'
[plugins.'io.containerd.cri.v1.images']
  snapshotter = 'overlayfs'
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = '{IMAGE}'
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ['/opt/cni/bin']
    conf_dir = '/etc/cni/net.d'
    conf_template = '{template}'
    use_internal_loopback = {loopback}
  [plugins.'io.containerd.cri.v1.runtime'.containerd]
    default_runtime_name = 'runc'
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
      runtime_type = 'io.containerd.runc.v2'
      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
        BinaryName = '/run/programs/runc/run'
        SystemdCgroup = false
",
        template = options["conf_template"].as_str().unwrap_or_default(),
        loopback = options["internal_loopback"] == true,
    )
}

fn config_one(options: &Value) -> String {
    format!(
        "version = 2
root = '/run/node/containerd-root'
state = '/run/containerd-state'
disabled_plugins = [
  'io.containerd.snapshotter.v1.btrfs', 'io.containerd.snapshotter.v1.zfs', 'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.blockfile', 'io.containerd.nri.v1.nri', 'io.containerd.internal.v1.tracing',
  'io.containerd.tracing.processor.v1.otlp' ]
[grpc]
  address = '/run/node/containerd.sock'
[ttrpc]
  address = '/run/node/containerd.sock.ttrpc'
[plugins.'io.containerd.grpc.v1.cri']
  sandbox_image = '{IMAGE}'
  restrict_oom_score_adj = true
  [plugins.'io.containerd.grpc.v1.cri'.cni]
    bin_dir = '/opt/cni/bin'
    conf_dir = '/etc/cni/net.d'
    conf_template = '{template}'
  [plugins.'io.containerd.grpc.v1.cri'.containerd]
    snapshotter = 'overlayfs'
    default_runtime_name = 'runc'
    [plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc]
      runtime_type = 'io.containerd.runc.v2'
      [plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc.options]
        BinaryName = '/run/programs/runc/run'
        SystemdCgroup = false
",
        template = options["conf_template"].as_str().unwrap_or_default(),
    )
}
