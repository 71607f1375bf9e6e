//! A node of the cluster: containerd, kubelet, kube-proxy.

use serde_json::{Value, json};

use crate::containerd::{Containerd, Version};
use crate::node::Node;
use crate::programs::Side;
use crate::run::Run;

use super::kubelet;
use super::plane::{Plane, Stack, kubeconfig};

/// What containerd makes the network configuration of, once the kubelet has told it the node's pod CIDRs.
/// The same as `confs::list` and `confs::bridge` make.
pub const TEMPLATE: &str = r#"{"cniVersion": "1.1.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true, "ipam": {"type": "host-local",
    "ranges": [{{range $i, $cidr := .PodCIDRRanges}}{{if $i}}, {{end}}[{"subnet": "{{$cidr}}"}]{{end}}],
    "routes": [{{range $i, $route := .Routes}}{{if $i}}, {{end}}{"dst": "{{$route}}"}{{end}}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
"#;
/// Where containerd writes it.
pub const CONFLIST: &str = "net.d/10-containerd-net.conflist";

/// In the table.
pub const RUNTIME: &str = "kubelet 1.34.2";

/// The template, on the node.
const PATH: &str = "/run/node/conflist.template";

pub struct Worker {
    pub node: Node,
    /// The last number of its address.
    number: u8,
    stack: Stack,
    pub containerd: Containerd,
}

impl Worker {
    /// Starts a node with containerd, with no configuration for its network where the template is empty; `join`
    /// makes it one of the cluster.
    pub fn start(run: &Run, plane: &Plane, number: u8, side: Side, stack: Stack, template: &str) -> Worker {
        let node = Node::new(run, &format!("n{number}"), side);
        node.write("conflist.template", template);
        node.write("kubeconfig", &kubeconfig().to_string());
        let number = number + 10;
        plane.connect(&node, number);
        let path = if template.is_empty() { "" } else { PATH };
        let options = json!({ "conf_template": path, "internal_loopback": false });
        let containerd = Containerd::start_with(&node, Version::Two, &options);
        Worker { node, number, stack, containerd }
    }

    /// Starts kubelet and kube-proxy.
    pub fn join(&self) {
        self.kubelet();
        self.node.write("proxy.json", &self.proxy().to_string());
        drop(self.node.daemon("proxy", "kube-proxy --config /run/node/proxy.json"));
    }

    fn kubelet(&self) {
        let v4 = format!("10.99.0.{}", self.number);
        let address = match self.stack {
            Stack::V4 => v4,
            Stack::Dual => format!("{v4},fd00:99::{}", self.number),
        };
        let flags = format!("--kubeconfig /run/node/kubeconfig --node-ip {address}");
        kubelet::start(&self.node, &json!({ "registerNode": true }), &flags);
    }

    /// Gives containerd a template, and starts it and the kubelet again. It takes both: the kubelet tells the pod
    /// CIDRs when it starts, and when they change.
    pub fn configure(&mut self, template: &str) {
        self.node.write("conflist.template", template);
        self.node.sh(&format!(
            "sed -i \"s#conf_template = ''#conf_template = '{PATH}'#\" /run/node/containerd.toml
             pid=$(cat /run/node/kubelet.pid); kill $pid; tail --pid=$pid -f /dev/null"
        ));
        self.containerd.kill(&self.node);
        self.containerd = Containerd::again(&self.node, Version::Two);
        self.kubelet();
    }

    /// Both of kube-proxy's ways are used. The limits of connections are the machine's: zero leaves them alone.
    fn proxy(&self) -> Value {
        json!({
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
            "mode": if self.stack == Stack::V4 { "iptables" } else { "nftables" },
            "clusterCIDR": self.stack.pods(),
            "clientConnection": { "kubeconfig": "/run/node/kubeconfig" },
            "conntrack": { "maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s" },
        })
    }

    /// The power goes: all processes, links and rules are gone, the disk is not.
    pub fn kill(&mut self) {
        self.node.power_off();
    }

    /// The power is back.
    pub fn boot(&mut self, plane: &Plane) {
        self.node.power_on();
        plane.connect(&self.node, self.number);
        self.containerd = Containerd::again(&self.node, Version::Two);
        self.join();
    }
}
