//! Calling a plugin as a runtime does.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::command;
use super::node::Pod;

/// Whose programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The programs under test.
    Ours,
    /// The reference's.
    Theirs,
}

impl Side {
    /// The folder of the programs.
    pub fn folder(self) -> PathBuf {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let (variable, default) = match self {
            Side::Ours => ("TRESTLE_BIN", "bin"),
            Side::Theirs => ("REFERENCE_BIN", ".cache/reference"),
        };
        std::env::var_os(variable).map_or_else(|| PathBuf::from(root).join(default), PathBuf::from)
    }

    /// `CNI_PATH` for this side: our programs first, the reference for what we do not have.
    pub fn cni_path(self) -> String {
        let theirs = Side::Theirs.folder().display().to_string();
        match self {
            Side::Ours => format!("{}:{theirs}", self.folder().display()),
            Side::Theirs => theirs,
        }
    }

    /// One of the programs.
    pub fn plugin(self, name: &str) -> Plugin {
        Plugin { program: self.folder().join(name), cni_path: self.cni_path() }
    }

    /// `bridge`
    pub fn bridge(self) -> Plugin {
        self.plugin("bridge")
    }

    /// `host-local`
    pub fn host_local(self) -> Plugin {
        self.plugin("host-local")
    }
}

/// A plugin's program.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// The file.
    pub program: PathBuf,
    /// `CNI_PATH`
    pub cni_path: String,
}

impl Plugin {
    /// A call with no more than `CNI_COMMAND`, `CNI_PATH` and stdin.
    pub fn call(&self, verb: &str, conf: &Value) -> Call {
        let mut call = Call {
            program: self.program.clone(),
            variables: Vec::new(),
            stdin: conf.to_string().into_bytes(),
        };
        call.set("CNI_COMMAND", verb);
        call.set("CNI_PATH", &self.cni_path);
        call.set("PATH", &std::env::var("PATH").unwrap_or_default());
        call
    }

    /// A call for an attachment, namespace named.
    pub fn attach(&self, verb: &str, conf: &Value, pod: &Pod) -> Call {
        self.call(verb, conf)
            .env("CNI_CONTAINERID", &pod.id)
            .env("CNI_NETNS", pod.netns())
            .env("CNI_IFNAME", &pod.ifname)
    }

    /// ADD.
    pub fn add(&self, conf: &Value, pod: &Pod) -> Output {
        self.attach("ADD", conf, pod).run()
    }

    /// ADD that must succeed.
    pub fn added(&self, conf: &Value, pod: &Pod) -> Value {
        self.add(conf, pod).ok().json()
    }

    /// CHECK with the result of ADD.
    pub fn check(&self, conf: &Value, previous: &Value, pod: &Pod) -> Output {
        self.attach("CHECK", &with_previous(conf, previous), pod).run()
    }

    /// DEL without a previous result.
    pub fn del(&self, conf: &Value, pod: &Pod) -> Output {
        self.attach("DEL", conf, pod).run()
    }
}

/// The configuration as a runtime sends it after ADD.
pub fn with_previous(conf: &Value, previous: &Value) -> Value {
    with_key(conf, "prevResult", previous.clone())
}

/// The configuration with one more key.
pub fn with_key(conf: &Value, key: &str, value: impl Into<Value>) -> Value {
    let mut conf = conf.clone();
    conf[key] = value.into();
    conf
}

/// One call being made ready.
#[derive(Clone, Debug)]
pub struct Call {
    program: PathBuf,
    variables: Vec<(String, String)>,
    stdin: Vec<u8>,
}

impl Call {
    fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(n, _)| n != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// Takes a variable away.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.variables.retain(|(n, _)| n != name);
        self
    }

    /// Other bytes on stdin.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Runs it.
    pub fn run(&self) -> Output {
        let name = self.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let verb = self.variables.iter().find(|(n, _)| n == "CNI_COMMAND").map_or("", |(_, v)| v.as_str());
        let what = format!("{name} {verb}");
        let mut command = Command::new(&self.program);
        command.env_clear().envs(self.variables.iter().map(|(n, v)| (n, v)));
        let output = command::output(&mut command, &self.stdin, &what);
        Output {
            what,
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// What a call answered.
#[derive(Clone, Debug)]
pub struct Output {
    what: String,
    /// Exit code; none after a signal.
    pub code: Option<i32>,
    /// The result or the error object.
    pub stdout: String,
    /// Words for a person.
    pub stderr: String,
}

impl Output {
    /// The call must have succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert!(self.code == Some(0), "{self} where success was expected");
        self
    }

    /// The call must have failed as the specification wants: exit code above 0, one error object.
    #[track_caller]
    pub fn failed(self) -> CniError {
        assert!(matches!(self.code, Some(1..)), "{self} where an error was expected");
        let value = self.json();
        let code = value["code"].as_u64().unwrap_or_else(|| panic!("{self}: no code in the error"));
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        assert!(!text("msg").is_empty(), "{self}: the error has no msg");
        assert!(value["cniVersion"].is_string(), "{self}: the error has no cniVersion");
        CniError { code, msg: text("msg"), details: text("details") }
    }

    /// The one JSON value on stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("{self}: stdout is not one JSON value: {e}"))
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code {
            Some(code) => write!(f, "{} exited with {code}", self.what)?,
            None => write!(f, "{} was killed by a signal", self.what)?,
        }
        write!(f, ", stdout: {}, stderr: {}", self.stdout.trim(), self.stderr.trim())
    }
}

/// The error object of the specification.
#[derive(Clone, Debug)]
pub struct CniError {
    pub code: u64,
    pub msg: String,
    pub details: String,
}

impl CniError {
    /// The code must be this one.
    #[track_caller]
    pub fn code(self, expected: u64) -> Self {
        assert!(self.code == expected, "code {} where {expected} was expected: {self:?}", self.code);
        self
    }

    /// The message must contain these words.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.msg.contains(word), "the message does not contain {word:?}: {:?}", self.msg);
        }
        self
    }
}
