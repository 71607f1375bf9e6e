//! Debian's podman on a node, with CNI as its network back end.

use std::process::Output;

use crate::command;
use crate::node::Node;
use crate::programs::IMAGE;

/// What podman is told: where its helpers are, and that nothing of the system's configuration counts.
const CONTAINERS_CONF: &str = "[containers]
seccomp_profile = \"unconfined\"
[engine]
runtime = \"runc\"
cgroup_manager = \"cgroupfs\"
events_logger = \"file\"
conmon_path = [\"/run/programs/podman/usr/bin/conmon\"]
[engine.runtimes]
runc = [\"/run/programs/runc/run\"]
[network]
network_backend = \"cni\"
cni_plugin_dirs = [\"/opt/cni/bin\"]
network_config_dir = \"/etc/cni/net.d\"
";

/// The files of the image are copied for each container: the image is one small file.
const STORAGE_CONF: &str = "[storage]
driver = \"vfs\"
graphroot = \"/run/node/podman-root\"
runroot = \"/run/containers/storage\"
";

pub struct Podman<'n> {
    node: &'n Node,
}

impl<'n> Podman<'n> {
    /// Writes its configuration and gives it the image.
    pub fn start(node: &'n Node) -> Podman<'n> {
        node.write("podman/containers.conf", CONTAINERS_CONF);
        node.write("podman/storage.conf", STORAGE_CONF);
        node.write("podman/policy.json", "{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}");
        let libraries = format!(
            "/run/programs/podman/usr/lib/{0}-linux-gnu:/run/programs/podman/lib/{0}-linux-gnu",
            std::env::consts::ARCH
        );
        let script = format!(
            "#!/bin/sh
export CONTAINERS_CONF=/run/node/podman/containers.conf CONTAINERS_STORAGE_CONF=/run/node/podman/storage.conf
LD_LIBRARY_PATH={libraries} exec /run/programs/podman/usr/bin/podman \"$@\"
"
        );
        node.write("podman/podman", &script);
        node.sh("chmod +x /run/node/podman/podman
            mkdir -p /etc/containers && mount -t tmpfs tmpfs /etc/containers && cp /run/node/podman/policy.json /etc/containers/
            [ ! -d /usr/share/containers ] || mount -t tmpfs tmpfs /usr/share/containers");
        let podman = Podman { node };
        podman.ok("load -q -i /run/programs/image.tar");
        podman
    }

    pub fn version(&self) -> String {
        self.ok("version --format {{.Client.Version}}").trim().to_owned()
    }

    /// Runs podman with these words.
    pub fn output(&self, words: &str) -> Output {
        command::output(self.node.command("/run/node/podman/podman").args(words.split_whitespace()))
    }

    /// The same; it must succeed.
    #[track_caller]
    pub fn ok(&self, words: &str) -> String {
        let output = self.output(words);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "podman {words}: {stderr}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Starts a container that answers HTTP at port 80, and returns its address.
    #[track_caller]
    pub fn web(&self, name: &str, options: &str) -> String {
        self.ok(&format!("run -d --name {name} --hostname {name} {options} {IMAGE} web :80"));
        self.address(name)
    }

    #[track_caller]
    pub fn address(&self, name: &str) -> String {
        self.ok(&format!("inspect --format {{{{.NetworkSettings.Networks.pods.IPAddress}}}} {name}"))
            .trim()
            .to_owned()
    }
}
