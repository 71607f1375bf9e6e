//! One call of a plugin: environment variables and stdin.

use std::path::PathBuf;

use super::error::Code;
use super::{Attachment, CniError, ContainerId, IfName, NetConf, SpecVersion};

/// What the runtime wants (`CNI_COMMAND`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Attach a container to a network.
    Add,
    /// Is the attachment as ADD left it?
    Check,
    /// Detach.
    Del,
    /// Remove what belongs to no living attachment.
    Gc,
    /// Would an ADD succeed now?
    Status,
    /// Which versions of the specification?
    Version,
}

impl Verb {
    /// As in `CNI_COMMAND`.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Add => "ADD",
            Verb::Check => "CHECK",
            Verb::Del => "DEL",
            Verb::Gc => "GC",
            Verb::Status => "STATUS",
            Verb::Version => "VERSION",
        }
    }

    /// # Errors
    /// Code 4 for an unknown one.
    pub fn parse(text: &str) -> Result<Self, CniError> {
        [Verb::Add, Verb::Check, Verb::Del, Verb::Gc, Verb::Status, Verb::Version]
            .into_iter()
            .find(|v| v.as_str() == text)
            .ok_or_else(|| {
                CniError::environment(format!(
                    "unknown CNI_COMMAND {text:?}: it must be ADD, CHECK, DEL, GC, STATUS or VERSION"
                ))
            })
    }

    fn names_attachment(self) -> bool {
        matches!(self, Verb::Add | Verb::Check | Verb::Del)
    }

    /// The version that brought the verb.
    fn since(self) -> SpecVersion {
        match self {
            Verb::Gc | Verb::Status => SpecVersion::V110,
            Verb::Check => SpecVersion::V040,
            _ => SpecVersion::V010,
        }
    }
}

/// The environment variables of one call. Set but empty counts as not set, as in the reference.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `CNI_COMMAND`
    pub command: String,
    /// `CNI_CONTAINERID`
    pub container_id: String,
    /// `CNI_NETNS`
    pub netns: String,
    /// `CNI_IFNAME`
    pub ifname: String,
    /// `CNI_ARGS`
    pub args: String,
    /// `CNI_PATH`
    pub path: String,
    /// `CNI_NETNS_OVERRIDE`
    pub netns_override: String,
}

impl Environment {
    /// Reads the variables through `get`.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let var = |name| get(name).unwrap_or_default();
        Environment {
            command: var("CNI_COMMAND"),
            container_id: var("CNI_CONTAINERID"),
            netns: var("CNI_NETNS"),
            ifname: var("CNI_IFNAME"),
            args: var("CNI_ARGS"),
            path: var("CNI_PATH"),
            netns_override: var("CNI_NETNS_OVERRIDE"),
        }
    }

    /// `CNI_NETNS_OVERRIDE` allows the plugin's own namespace.
    pub fn own_netns_allowed(&self) -> bool {
        self.netns_override == "1" || self.netns_override.eq_ignore_ascii_case("true")
    }
}

/// One call of a plugin, valid in all that can be told without asking the kernel. VERSION has none.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is wanted; never [`Verb::Version`].
    pub verb: Verb,
    /// Whose interface; there for ADD, CHECK and DEL.
    attachment: Option<Attachment>,
    /// The namespace's path; always there for ADD and CHECK.
    pub netns: Option<PathBuf>,
    /// `CNI_ARGS`, not yet read.
    pub args: String,
    /// Folders in which plugins are found.
    pub path: Vec<PathBuf>,
    /// `CNI_NETNS_OVERRIDE`
    pub own_netns_allowed: bool,
    /// The bytes of stdin, to be handed on unchanged.
    pub stdin: Vec<u8>,
    /// What they say.
    pub conf: NetConf,
}

impl Request {
    /// # Errors
    /// Code 4 for a missing or bad variable, else what [`NetConf::parse`] says; code 1 when the
    /// configuration's version does not have the verb.
    pub fn new(env: &Environment, stdin: Vec<u8>) -> Result<Self, CniError> {
        let verb = Verb::parse(&env.command)?;
        missing(verb, env)?;
        let attachment = match verb.names_attachment() {
            true => Some(Attachment {
                container_id: ContainerId::parse(&env.container_id)?,
                ifname: IfName::from_environment(&env.ifname)?,
            }),
            false => None,
        };
        if env.netns.contains('\0') {
            return Err(CniError::environment("invalid CNI_NETNS: it contains a NUL byte"));
        }
        let conf = NetConf::parse(&stdin)?;
        if conf.version < verb.since() {
            return Err(CniError::new(
                Code::INCOMPATIBLE_VERSION,
                format!(
                    "cniVersion {} does not have {}; set it to {} or later",
                    conf.version,
                    verb.as_str(),
                    verb.since()
                ),
            ));
        }
        Ok(Request {
            verb,
            attachment,
            netns: (verb.names_attachment() && !env.netns.is_empty()).then(|| PathBuf::from(&env.netns)),
            args: env.args.clone(),
            path: env.path.split(':').filter(|p| !p.is_empty()).map(PathBuf::from).collect(),
            own_netns_allowed: env.own_netns_allowed(),
            stdin,
            conf,
        })
    }

    /// The same call with another verb: what a plugin asks of the one it delegates to.
    #[must_use]
    pub fn with_verb(&self, verb: Verb) -> Self {
        Request { verb, ..self.clone() }
    }

    /// The attachment that ADD, CHECK and DEL name.
    ///
    /// # Errors
    /// Code 4 for a verb that names none.
    pub fn attachment(&self) -> Result<&Attachment, CniError> {
        self.attachment
            .as_ref()
            .ok_or_else(|| CniError::environment(format!("{} names no attachment", self.verb.as_str())))
    }
}

/// Refuses a call without the variables that its verb needs, naming all of them.
fn missing(verb: Verb, env: &Environment) -> Result<(), CniError> {
    let mut missing = Vec::new();
    let mut need = |name, value: &str| {
        if value.is_empty() {
            missing.push(name);
        }
    };
    if verb.names_attachment() {
        need("CNI_CONTAINERID", &env.container_id);
        need("CNI_IFNAME", &env.ifname);
    }
    if matches!(verb, Verb::Add | Verb::Check) {
        need("CNI_NETNS", &env.netns);
    }
    need("CNI_PATH", &env.path);
    if missing.is_empty() {
        return Ok(());
    }
    Err(CniError::environment(format!("{} needs {}: set and not empty", verb.as_str(), missing.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(command: &str) -> Environment {
        Environment {
            command: command.into(),
            container_id: "c1".into(),
            netns: "/run/netns/x".into(),
            ifname: "eth0".into(),
            path: "/opt/cni/bin:/usr/lib/cni".into(),
            ..Environment::default()
        }
    }

    fn code(env: &Environment, conf: &str) -> u32 {
        Request::new(env, conf.as_bytes().to_vec()).map_or_else(|e| e.code.0, |_| 0)
    }

    const CONF: &str = r#"{"cniVersion": "1.1.0", "name": "n", "type": "bridge"}"#;

    #[test]
    fn empty_variables_matter_only_where_the_verb_needs_them() {
        let status = Environment { path: "/p".into(), command: "STATUS".into(), ..Environment::default() };
        assert_eq!(code(&status, CONF), 0);
        assert_eq!(code(&Environment { netns: String::new(), ..env("DEL") }, CONF), 0);
        assert_eq!(code(&Environment { netns: String::new(), ..env("ADD") }, CONF), 4);
        assert_eq!(code(&Environment { container_id: String::new(), ..env("DEL") }, CONF), 4);
        assert_eq!(code(&Environment { container_id: "../x".into(), ..env("DEL") }, CONF), 4);
        assert_eq!(code(&env("FROB"), CONF), 4);
    }

    #[test]
    fn codes_of_bad_configurations() {
        assert_eq!(code(&env("ADD"), "{"), 6);
        assert_eq!(code(&env("ADD"), r#"{"cniVersion": "1.0.0"}"#), 7);
        assert_eq!(code(&env("ADD"), r#"{"cniVersion": "9.9.9", "name": "n"}"#), 1);
        assert_eq!(code(&env("ADD"), r#"{"cniVersion": 1, "name": "n"}"#), 6);
        assert_eq!(code(&env("CHECK"), r#"{"cniVersion": "0.3.1", "name": "n"}"#), 1);
        assert_eq!(code(&env("GC"), r#"{"cniVersion": "1.0.0", "name": "n"}"#), 1);
        assert_eq!(code(&env("ADD"), r#"{"name": "n"}"#), 0);
    }
}
