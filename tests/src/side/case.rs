//! One case: a configuration, and what is done with it.

use serde_json::Value;

use super::meant::{Better, Meant};

/// What happens on the node, in order.
#[derive(Clone, Debug)]
pub enum Step {
    /// ADD for a pod, which is made when it is first named.
    Add(&'static str),
    /// ADD with CNI_ARGS.
    AddArgs(&'static str, &'static str),
    /// ADD of another interface.
    AddIf(&'static str, &'static str),
    /// CHECK with the result of the pod's ADD.
    Check(&'static str),
    /// DEL with the result of the pod's ADD, if there is one.
    Del(&'static str),
    /// DEL as containerd sends it again: no namespace, no result.
    DelBare(&'static str),
    /// A verb without an attachment.
    Verb(&'static str),
    /// From here on another configuration.
    Conf(Value),
    /// A shell command on the node.
    Host(&'static str),
    /// The pod's namespace dies.
    Destroy(&'static str),
    /// Compare the whole state now.
    State,
}

/// See the module's text.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    /// The program that is called.
    pub plugin: &'static str,
    pub conf: Value,
    /// The configuration as a text, where a [`Value`] cannot hold it.
    pub raw: Option<&'static str>,
    pub steps: Vec<Step>,
    pub meant: Vec<Meant>,
    pub needs_vlan: bool,
}

/// Two pods live and die: what most keys need.
fn lives() -> Vec<Step> {
    use Step::{Add, Check, Del, State};
    vec![Add("a"), Add("b"), State, Check("a"), Check("b"), Del("a"), State, Del("a"), Del("b"), State]
}

impl Case {
    /// A case of bridge with two pods that come and go.
    pub fn bridge(name: impl Into<String>, conf: Value) -> Self {
        Case {
            name: name.into(),
            plugin: "bridge",
            conf,
            raw: None,
            steps: lives(),
            meant: Vec::new(),
            needs_vlan: false,
        }
    }

    /// The same of host-local, called directly.
    pub fn host_local(name: impl Into<String>, conf: Value) -> Self {
        Case { plugin: "host-local", ..Case::bridge(name, conf) }
    }

    /// Other steps.
    #[must_use]
    pub fn steps(mut self, steps: Vec<Step>) -> Self {
        self.steps = steps;
        self
    }

    /// A command on the node before everything else.
    #[must_use]
    pub fn first(mut self, command: &'static str) -> Self {
        self.steps.insert(0, Step::Host(command));
        self
    }

    /// The configuration as text.
    #[must_use]
    pub fn raw(mut self, text: &'static str) -> Self {
        self.raw = Some(text);
        self
    }

    /// A difference that is meant in this case, and serves the user.
    #[must_use]
    pub fn better(mut self, pattern: &'static str, reason: &'static str) -> Self {
        self.meant.push(Meant { pattern, reason, better: Better::ForTheUser, sometimes: false });
        self
    }

    /// For cases in which the reference gives the bridge no address, and so no MAC of its own.
    #[must_use]
    pub fn bridge_mac_wanders(mut self) -> Self {
        for pattern in [
            r"^[-+] \d\d ADD \w+: result interfaces 0 mac ",
            r"^[-+] \d\d host: link cni\d address ",
            r"^[-+] \d\d CHECK \w+: (exit|nothing)",
        ] {
            self.meant.push(Meant {
                pattern,
                reason: "the bridge keeps the MAC it was made with; the reference's takes the lowest of its ports' \
                         and an earlier pod's CHECK then fails",
                better: Better::ForTheUser,
                sometimes: true,
            });
        }
        self
    }

    /// For cases in which the masks of ports follow from that of a bridge whose MAC wanders.
    #[must_use]
    pub fn ports_have_other_macs(mut self) -> Self {
        for pattern in [
            r"^[-+] \d\d ADD \w+: result interfaces 3 mac ",
            r"^[-+] \d\d host: link (cni0\.100|<veth\d>) address ",
        ] {
            let reason = "the masks say whose MAC it is; the reference's bridge has that of one of its ports";
            self.meant.push(Meant { pattern, reason, better: Better::Neither, sometimes: true });
        }
        self
    }

    /// Only on kernels that filter VLANs.
    #[must_use]
    pub fn needs_vlan(mut self) -> Self {
        self.needs_vlan = true;
        self
    }
}
