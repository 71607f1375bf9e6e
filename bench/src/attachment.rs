//! A pod on a network, and the call of each verb for it, for whoever is measured.

use crate::error::{Context, Error, Result};
use crate::netns::Netns;
use crate::network::{Network, insert};
use crate::process::{Call, Outcome, path, tool};
use crate::record::Who;
use crate::tools::Tools;
use serde_json::{Value, json};
use std::fmt::Write;

/// What a runtime asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Attach.
    Add,
    /// Is all as it was made?
    Check,
    /// Detach: with netns and previous result, the first of a kubelet's three.
    Del,
    /// Detach again: netns empty, no previous result, the second and third.
    DelAgain,
    /// Sweep what belongs to none of the attachments that the runtime lists.
    Gc,
    /// Would an ADD work now?
    Status,
    /// Which versions?
    Version,
}

impl Verb {
    /// `CNI_COMMAND`.
    pub fn command(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Check => "CHECK",
            Self::Del | Self::DelAgain => "DEL",
            Self::Gc => "GC",
            Self::Status => "STATUS",
            Self::Version => "VERSION",
        }
    }

    /// For people: the same, but DEL again is not DEL.
    pub fn title(self) -> &'static str {
        if self == Self::DelAgain { "DEL again" } else { self.command() }
    }
}

/// A pod's attachment to a network on a node, by one program.
pub struct Attachment<'a> {
    /// Whose program.
    pub who: Who,
    /// Where the programs are.
    pub tools: &'a Tools,
    /// Where the bridge is.
    pub node: &'a Netns,
    /// Which network.
    pub network: &'a Network,
    /// Where the pod is.
    pub pod: &'a Netns,
    /// Tells the pods of one network apart.
    pub number: u16,
    /// What ADD answered.
    pub previous: Option<Value>,
}

impl Attachment<'_> {
    /// Runs a verb on its node, and keeps ADD's result for the verbs after it.
    pub fn run(&mut self, verb: Verb) -> Result<Outcome> {
        self.node.enter()?;
        let what = || format!("{} of pod {} by {}", verb.command(), self.number, self.who.title());
        let outcome = self.call(verb).run()?.succeeded(what)?;
        if verb == Verb::Add {
            let result =
                serde_json::from_slice(&outcome.stdout).doing(|| format!("the result of {}", what()))?;
            self.previous = Some(result);
        }
        if verb == Verb::Del {
            self.previous = None;
        }
        Ok(outcome)
    }

    /// The program with all that it gets, for a verb.
    pub fn call(&self, verb: Verb) -> Call {
        match self.who {
            Who::Floor | Who::FloorAck => self.floor(verb),
            _ => self.plugin(verb),
        }
    }

    /// A container ID of the form and length that containerd gives.
    pub fn id(&self) -> String {
        self.id_of(self.number)
    }

    fn id_of(&self, number: u16) -> String {
        let mut id = format!("{number:04x}{:02x}", self.network.number);
        while id.len() < 64 {
            let _ = write!(id, "{:02x}", id.len().wrapping_mul(37) % 256);
        }
        id
    }

    fn plugin(&self, verb: Verb) -> Call {
        let directory = self.tools.directory(self.who);
        let again = verb == Verb::DelAgain;
        let previous = if matches!(verb, Verb::Check | Verb::Del) { self.previous.as_ref() } else { None };
        let mut configuration = self.network.configuration(previous);
        if verb == Verb::Gc {
            // The first pod of each network is number 1, and both are alive.
            let alive = [1, self.number].map(|pod| json!({"containerID": self.id_of(pod), "ifname": "eth0"}));
            insert(&mut configuration, "cni.dev/valid-attachments", json!(alive));
        }
        let mut environment = vec![
            ("CNI_COMMAND", verb.command().to_owned()),
            ("CNI_PATH", directory.display().to_string()),
            ("PATH", path()),
        ];
        if matches!(verb, Verb::Add | Verb::Check | Verb::Del | Verb::DelAgain) {
            let netns = if again { String::new() } else { self.pod.path().display().to_string() };
            environment.extend([
                ("CNI_CONTAINERID", self.id()),
                ("CNI_NETNS", netns),
                ("CNI_IFNAME", "eth0".to_owned()),
                ("CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;K8S_POD_NAME=pod".to_owned()),
            ]);
        }
        Call {
            program: directory.join("bridge"),
            arguments: Vec::new(),
            environment,
            stdin: configuration.to_string().into_bytes(),
        }
    }

    fn floor(&self, verb: Verb) -> Call {
        let network = self.network;
        let verb = match verb {
            Verb::Add if network.masquerade => "add-masq",
            Verb::Add if network.dual => "add-dual",
            Verb::Add => "add-plain",
            Verb::Check => "check",
            Verb::Del if self.who == Who::FloorAck => "del-ack",
            Verb::Del => "del-gone",
            Verb::DelAgain => "del-again",
            Verb::Status | Verb::Version | Verb::Gc => "status",
        };
        let address = network.address(self.number);
        let mut arguments = vec![
            verb.to_owned(),
            format!("netns={}", self.pod.path().display()),
            format!("bridge={}", network.bridge),
            format!("host=vf{:x}x{:x}", network.number, self.number),
            format!("lease={}/{address}", network.data.display()),
            format!("id={}", self.id()),
            format!("address={address}"),
            format!("gateway={}", network.gateway()),
            format!("address6={}", network.address6(self.number)),
            format!("gateway6={}", network.gateway6()),
        ];
        if network.masquerade {
            arguments.push(format!("set={}", network.name));
        }
        Call { program: self.tools.floor.clone(), arguments, environment: Vec::new(), stdin: Vec::new() }
    }
}

/// Makes what the floor takes for granted on a node: the bridge with its gateway, the set and its rule, a directory.
pub fn prepare_floor(node: &Netns, network: &Network) -> Result<()> {
    node.enter()?;
    let (bridge, number) = (&network.bridge, network.number);
    let mut links =
        format!("link add {bridge} type bridge\naddr add {}/16 dev {bridge}\n", network.gateway());
    if network.dual {
        let _ = writeln!(links, "addr add {}/64 dev {bridge} nodad", network.gateway6());
    }
    let _ = writeln!(links, "link set {bridge} up");
    tool("ip", &["-batch", "-"], &links)?;
    if network.masquerade {
        let rules = format!(
            "table inet floor {{\n set {name} {{ type ipv4_addr; }}\n chain {name} {{\n\
             type nat hook postrouting priority srcnat;\n\
             ip saddr @{name} ip daddr != 10.{number}.0.0/16 masquerade\n }}\n}}\n",
            name = network.name
        );
        tool("nft", &["-f", "-"], &rules)?;
    }
    std::fs::create_dir_all(&network.data).doing(|| format!("making {}", network.data.display()))
}

/// Fails unless the calling thread's node has this many links: a verb must not return before its work is done.
pub fn expect_links(expected: usize) -> Result<()> {
    let links = crate::netns::links()?;
    if links == expected {
        return Ok(());
    }
    Err(Error(format!("the program has returned, and the node has {links} links instead of {expected}")))
}
