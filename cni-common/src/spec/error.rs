//! The error object that a plugin prints on stdout.

use std::fmt;

use serde_json::{Map, Value};

use super::SpecVersion;

/// Error codes: 1 to 99 are the specification's (section "Error"), from 100 on they are ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub u32);

impl Code {
    /// The `cniVersion` is not one that this plugin speaks, or does not have the verb.
    pub const INCOMPATIBLE_VERSION: Code = Code(1);
    /// A documented key that this plugin cannot honour.
    pub const UNSUPPORTED_FIELD: Code = Code(2);
    /// The container is unknown or does not exist.
    pub const UNKNOWN_CONTAINER: Code = Code(3);
    /// An environment variable (`CNI_...`) is missing or has a bad value.
    pub const ENVIRONMENT: Code = Code(4);
    /// Reading or writing failed.
    pub const IO: Code = Code(5);
    /// Bytes that could not be decoded.
    pub const DECODING: Code = Code(6);
    /// The network configuration is not valid.
    pub const CONFIG: Code = Code(7);
    /// A transient condition: the same call may succeed later.
    pub const TRY_AGAIN: Code = Code(11);
    /// STATUS: the plugin cannot serve an ADD now.
    pub const UNAVAILABLE: Code = Code(50);
    /// STATUS: the plugin cannot serve an ADD now, and existing containers have limited connectivity.
    pub const LIMITED: Code = Code(51);
    /// CHECK: the attachment is not as ADD left it.
    pub const DRIFT: Code = Code(100);
    /// The kernel refused an operation of the plan.
    pub const KERNEL: Code = Code(101);
    /// Something that the attachment needs is in the way or taken by another.
    pub const CONFLICT: Code = Code(102);
    /// The IPAM plugin was found and run, but its answer cannot be used.
    pub const IPAM: Code = Code(103);
    /// The range has no address left.
    pub const EXHAUSTED: Code = Code(104);
    /// A defect of the plugin itself: a panic, caught and reported.
    pub const INTERNAL: Code = Code(199);
}

/// An error of a plugin: a code, one sentence with cause and remedy, and details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CniError {
    /// The code by which a runtime decides.
    pub code: Code,
    /// One sentence that names what is wrong and what to do.
    pub msg: String,
    /// More lines for a person: the line of the plan, the system error, what was rolled back.
    pub details: String,
}

impl CniError {
    /// An error with no details.
    pub fn new(code: Code, msg: impl Into<String>) -> Self {
        CniError { code, msg: msg.into(), details: String::new() }
    }

    /// Code 4.
    pub fn environment(msg: impl Into<String>) -> Self {
        Self::new(Code::ENVIRONMENT, msg)
    }

    /// Code 5.
    pub fn io(msg: impl Into<String>) -> Self {
        Self::new(Code::IO, msg)
    }

    /// Code 6.
    pub fn decoding(msg: impl Into<String>) -> Self {
        Self::new(Code::DECODING, msg)
    }

    /// Code 7.
    pub fn config(msg: impl Into<String>) -> Self {
        Self::new(Code::CONFIG, msg)
    }

    /// Code 11.
    pub fn try_again(msg: impl Into<String>) -> Self {
        Self::new(Code::TRY_AGAIN, msg)
    }

    /// Adds a line to the details.
    #[must_use]
    pub fn detail(mut self, line: impl AsRef<str>) -> Self {
        if !self.details.is_empty() {
            self.details.push('\n');
        }
        self.details.push_str(line.as_ref());
        self
    }

    /// The error object of the specification, as the reference prints it (four spaces of indent).
    pub fn to_json(&self, version: SpecVersion) -> String {
        let mut map = Map::new();
        map.insert("cniVersion".into(), version.as_str().into());
        map.insert("code".into(), self.code.0.into());
        map.insert("msg".into(), self.msg.clone().into());
        if !self.details.is_empty() {
            map.insert("details".into(), self.details.clone().into());
        }
        super::json::pretty(&Value::Object(map))
    }

    /// Reads the error object that a delegated plugin printed; `None` when it is not one.
    pub fn from_json(text: &[u8]) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_slice(text).ok()?;
        let code = u32::try_from(value.get("code")?.as_u64()?).ok()?;
        let text = |key: &str| value.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        Some(CniError { code: Code(code), msg: text("msg"), details: text("details") })
    }
}

impl fmt::Display for CniError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {})", self.msg, self.code.0)?;
        if self.details.is_empty() { Ok(()) } else { write!(f, "; {}", self.details) }
    }
}

impl std::error::Error for CniError {}
