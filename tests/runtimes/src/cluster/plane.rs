//! The control plane: a node of its own with etcd, API server, controller manager and scheduler, and the network
//! that joins the nodes.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::command::{self, wait_for};
use crate::node::Node;
use crate::programs::programs;
use crate::run::Run;

/// Address families of pods and services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    V4,
    Dual,
}

impl Stack {
    pub fn name(self) -> &'static str {
        match self {
            Stack::V4 => "IPv4",
            Stack::Dual => "dual stack",
        }
    }

    /// Where the controller manager takes the nodes' pod CIDRs from.
    pub fn pods(self) -> &'static str {
        match self {
            Stack::V4 => "10.244.0.0/16",
            Stack::Dual => "10.244.0.0/16,fd00:10:244::/56",
        }
    }

    pub fn services(self) -> &'static str {
        match self {
            Stack::V4 => "10.96.0.0/16",
            Stack::Dual => "10.96.0.0/16,fd00:10:96::/112",
        }
    }
}

/// Who bears it may do everything; the nodes' network is reached by nobody else.
const TOKEN: &str = "of-this-test-only";
const SERVER: &str = "https://10.99.0.1:6443";

pub struct Plane {
    pub node: Node,
    stack: Stack,
}

impl Plane {
    /// Makes the node and starts etcd and the API server, which takes seconds; `ready` waits for it.
    pub fn start(run: &Run, stack: Stack) -> Plane {
        let node = Node::bare(run, "cp");
        node.sh("ip link add lan type bridge; ip link set lan up
            ip addr add 10.99.0.1/24 dev lan; ip addr add fd00:99::1/64 dev lan nodad
            mkdir -p /run/node/pki
            openssl ecparam -name prime256v1 -genkey -noout -out /run/node/pki/accounts.key");
        node.write("tokens.csv", &format!("{TOKEN},admin,admin,system:masters\n"));
        node.write("kubeconfig", &kubeconfig().to_string());
        drop(node.daemon(
            "etcd",
            "etcd --data-dir /run/node/etcd --unsafe-no-fsync --listen-client-urls http://127.0.0.1:2379 \
             --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380",
        ));
        drop(node.daemon(
            "apiserver",
            &format!(
                "kube-apiserver --etcd-servers http://127.0.0.1:2379 --service-cluster-ip-range {} \
                 --cert-dir /run/node/pki --advertise-address 10.99.0.1 --token-auth-file /run/node/tokens.csv \
                 --authorization-mode RBAC --service-account-issuer https://kubernetes.default.svc \
                 --service-account-key-file /run/node/pki/accounts.key \
                 --service-account-signing-key-file /run/node/pki/accounts.key \
                 --allow-privileged --kubelet-preferred-address-types InternalIP",
                stack.services()
            ),
        ));
        Plane { node, stack }
    }

    /// Waits for the API server, and starts those that need it.
    ///
    /// A node that says nothing is given up after 10 s, not 50: nobody here waits for a slow network.
    pub fn ready(&self) {
        wait_for(Duration::from_mins(1), || self.curl("/readyz").filter(|answer| answer == "ok"))
            .unwrap_or_else(|| panic!("no API server: {}", self.node.read("log/apiserver")));
        drop(self.node.daemon(
            "controllers",
            &format!(
                "kube-controller-manager --kubeconfig /run/node/kubeconfig --allocate-node-cidrs --cluster-cidr {} \
                 --service-cluster-ip-range {} --service-account-private-key-file /run/node/pki/accounts.key \
                 --root-ca-file /run/node/pki/apiserver.crt --leader-elect=false --bind-address 127.0.0.1 \
                 --node-monitor-period 1s --node-monitor-grace-period 10s --kube-api-qps 100 --kube-api-burst 200",
                self.stack.pods(),
                self.stack.services()
            ),
        ));
        drop(self.node.daemon(
            "scheduler",
            "kube-scheduler --kubeconfig /run/node/kubeconfig --leader-elect=false --bind-address 127.0.0.1",
        ));
    }

    /// A command line that runs kubectl here; it is a user's.
    pub fn kubectl_command(&self) -> Command {
        let mut command = self.node.command("kubectl");
        // It keeps what it has learnt about the server in its home.
        command.env("HOME", "/run").args(["--kubeconfig", "/run/node/kubeconfig"]);
        command
    }

    /// kubectl with these words; it must succeed.
    #[track_caller]
    pub fn kubectl(&self, words: &str) -> String {
        command::run(self.kubectl_command().args(words.split(' ')), &format!("kubectl {words}"))
    }

    #[track_caller]
    pub fn apply(&self, objects: &[Value]) {
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
        self.node.write("apply.json", &list.to_string());
        self.kubectl("apply -f /run/node/apply.json");
    }

    /// Asks the API server; it is cheaper than kubectl, and asked more often.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        let answer = self.curl(path).unwrap_or_else(|| panic!("{path}: no answer"));
        serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{path}: {e}: {answer}"))
    }

    fn curl(&self, path: &str) -> Option<String> {
        let output = command::output(self.node.command("curl").args([
            "-gskf",
            "--max-time",
            "10",
            "-H",
            &format!("Authorization: Bearer {TOKEN}"),
            &format!("{SERVER}{path}"),
        ]));
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// A cable from a node to the network of all: `up0` there, with the same hardware address after a reboot, as a
    /// machine's: else the others would send to the old one until they have noticed.
    pub fn connect(&self, other: &Node, number: u8) {
        let name = &other.name;
        // Only the network namespace is entered, so that the other's number is the one the host counts.
        let mut link = Command::new("nsenter");
        link.args(["-t", &self.node.pid().to_string(), "-n", "ip", "link", "add", name]);
        link.args(["type", "veth", "peer", "name", "up0", "netns", &other.pid().to_string()]);
        command::run(&mut link, &format!("ip link add {name}"));
        self.node.sh(&format!("ip link set {name} master lan up"));
        other.sh(&format!(
            "ip link set up0 address 02:00:00:00:00:{number} up; ip addr add 10.99.0.{number}/24 dev up0; ip route add default via 10.99.0.1
             ip addr add fd00:99::{number}/64 dev up0 nodad; ip -6 route add default via fd00:99::1"
        ));
    }

    /// Lines of a shell script that run `kubectl` and a command on the plane, for scripts that are tested.
    pub fn enter(&self, run: &Run) -> String {
        enter(run, &self.node)
    }
}

/// The words before a command that make it run on a node.
pub fn enter(run: &Run, node: &Node) -> String {
    let script = programs().scripts.join("enter");
    format!("{} {}-{} {}", script.display(), run.tag, node.name, node.pid())
}

pub fn kubeconfig() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{ "name": "test", "cluster": { "server": SERVER, "insecure-skip-tls-verify": true } }],
        "users": [{ "name": "admin", "user": { "token": TOKEN } }],
        "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "admin" } }],
    })
}
