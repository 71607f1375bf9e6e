//! A node with containerd and one network.

use serde_json::{Value, json};

use crate::confs::list;
use crate::containerd::{Containerd, Pod, Version};
use crate::node::Node;
use crate::programs::Side;
use crate::run::Run;

pub struct Machine {
    pub side: Side,
    pub node: Node,
    pub containerd: Containerd,
}

impl Machine {
    /// containerd 2 gets a list of the newest version, and so asks for STATUS; 1.7 knows up to 1.0.0.
    pub fn new(run: &Run, version: Version, side: Side, bridge: &Value) -> Machine {
        let node = Node::new(run, side.name(), side);
        node.write("net.d/10-pods.conflist", &list(newest(version), bridge).to_string());
        let containerd = Containerd::start_with(&node, version, &json!({ "internal_loopback": false }));
        Machine { side, node, containerd }
    }

    /// Gives the network another configuration; containerd watches the folder.
    pub fn configure(&self, bridge: &Value) {
        let list = list(newest(self.containerd.version()), bridge);
        self.node.write("net.d/10-pods.conflist", &list.to_string());
    }

    /// How many calls of a verb of bridge there were, each with what CNI_NETNS was.
    pub fn namespaces(&self, verb: &str, container: &str) -> Vec<String> {
        let calls = self.node.calls().into_iter();
        let wanted = calls.filter(|c| c.plugin == "bridge" && c.verb == verb && c.container == container);
        wanted.map(|call| call.netns).collect()
    }
}

pub fn newest(version: Version) -> &'static str {
    match version {
        Version::Two => "1.1.0",
        Version::One => "1.0.0",
    }
}

pub fn addresses(pods: &[Pod]) -> Vec<Vec<String>> {
    pods.iter().map(|pod| pod.addresses.clone()).collect()
}
