//! One call of a plugin, as a runtime makes it: plain, or with a fault.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;

use crate::seccomp;
use crate::trace::{self, Fault, Traced};

/// Names the promise that a mutated build breaks; handed on to the plugins.
const MUTATION: &str = "TRESTLE_MUTATION";
/// Longest run of one call, however loaded the machine is.
pub const LIMIT: Duration = Duration::from_mins(1);

/// A call being made ready.
#[derive(Clone, Debug)]
pub struct Call {
    program: PathBuf,
    /// A program with arguments that starts it, like setpriv(1).
    wrapper: Vec<String>,
    variables: Vec<(String, String)>,
    stdin: Vec<u8>,
    stderr_closed: bool,
    /// Zero bytes behind stdin's.
    padding: u64,
    seccomp: Option<Vec<u64>>,
    limit: Duration,
}

/// What a call answered.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Exit code; none after a signal.
    pub code: Option<i32>,
    /// It was still running at the time limit.
    pub hung: bool,
    /// The result or the error object.
    pub stdout: String,
    /// Words for a person.
    pub stderr: String,
}

impl Call {
    /// A call of the program `name` in the folder `bin`, with only CNI_COMMAND, CNI_PATH and stdin.
    pub fn new(bin: &Path, name: &str, verb: &str, conf: &Value) -> Self {
        let mut call = Call {
            program: bin.join(name),
            wrapper: Vec::new(),
            variables: Vec::new(),
            stdin: conf.to_string().into_bytes(),
            stderr_closed: false,
            padding: 0,
            seccomp: None,
            limit: LIMIT,
        };
        if let Ok(broken) = std::env::var(MUTATION) {
            call = call.env(MUTATION, &broken);
        }
        call.env("CNI_COMMAND", verb).env("CNI_PATH", &bin.display().to_string())
    }

    /// Takes a variable away.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.variables.retain(|(n, _)| n != name);
        self
    }

    /// Makes stdin longer by zero bytes.
    #[must_use]
    pub fn padded_to(mut self, length: u64) -> Self {
        self.padding = length.saturating_sub(self.stdin.len() as u64);
        self
    }

    /// Only these system calls are allowed; any other returns EPERM.
    #[must_use]
    pub fn seccomp(mut self, allowed: &[u64]) -> Self {
        self.seccomp = Some(allowed.to_vec());
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(n, _)| n != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Other bytes on stdin.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Starts it by another program: `setpriv --no-new-privs`.
    #[must_use]
    pub fn by(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(ToString::to_string).collect();
        self
    }

    /// Without descriptor 2.
    #[must_use]
    pub fn stderr_closed(mut self) -> Self {
        self.stderr_closed = true;
        self
    }

    /// Another time limit.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    fn command(&self, stdout: &File, stderr: &File) -> Command {
        let mut words = self.wrapper.iter().map(AsRef::as_ref).chain([self.program.as_os_str()]);
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::from(self.stdin_file()))
            .stdout(stdout.try_clone().unwrap())
            .stderr(stderr.try_clone().unwrap());
        if let Some(allowed) = &self.seccomp {
            let filter = seccomp::filter(allowed);
            // SAFETY: between fork and exec only prctl(2) is called, with memory that was made before.
            unsafe { command.pre_exec(move || seccomp::install(&filter)) };
        }
        if self.stderr_closed {
            // SAFETY: close(2) is safe between fork and exec, and nothing else uses descriptor 2 there.
            unsafe {
                command.pre_exec(|| {
                    nix::libc::close(2);
                    Ok(())
                })
            };
        }
        command
    }

    fn stdin_file(&self) -> File {
        let file = file_of(&self.stdin);
        if self.padding > 0 {
            file.set_len(self.stdin.len() as u64 + self.padding).unwrap();
        }
        file
    }

    /// Runs it.
    pub fn run(&self) -> Answer {
        let (stdout, stderr) = (file_of(b""), file_of(b""));
        let mut command = self.command(&stdout, &stderr);
        let mut child = command.process_group(0).spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let group = Pid::from_raw(i32::try_from(child.id()).unwrap());
        let (done, ended) = mpsc::channel::<()>();
        let limit = self.limit;
        let (status, hung) = std::thread::scope(|scope| {
            let watch = scope.spawn(move || {
                let hung = ended.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
                if hung {
                    let _ = killpg(group, Signal::SIGKILL);
                }
                hung
            });
            let status = child.wait().expect("wait");
            drop(done);
            (status, watch.join().unwrap())
        });
        Answer { code: status.code(), hung, stdout: text_of(stdout), stderr: text_of(stderr) }
    }

    /// Starts it and kills it after a while; it may have ended before.
    pub fn run_and_kill(&self, after: Duration) {
        let (stdout, stderr) = (file_of(b""), file_of(b""));
        let mut child = self.command(&stdout, &stderr).spawn().expect("spawn");
        std::thread::sleep(after);
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Starts it in the background.
    pub fn start(&self) -> std::process::Child {
        let (stdout, stderr) = (file_of(b""), file_of(b""));
        self.command(&stdout, &stderr).spawn().expect("spawn")
    }

    /// Runs it with a fault at system call number `at`.
    pub fn run_traced(&self, fault: Fault, at: usize) -> (Answer, Traced) {
        let (stdout, stderr) = (file_of(b""), file_of(b""));
        let traced = trace::run(&mut self.command(&stdout, &stderr), fault, at, self.limit);
        let (code, hung) = (traced.code, traced.hung);
        (Answer { code, hung, stdout: text_of(stdout), stderr: text_of(stderr) }, traced)
    }
}

/// Plain memory as a file: a pipe could fill up, or be held open by a grandchild.
fn file_of(bytes: &[u8]) -> File {
    let mut file = File::from(memfd_create("call", MFdFlags::MFD_CLOEXEC).expect("memfd"));
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

fn text_of(mut file: File) -> String {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Answer {
    /// Exit code 0.
    pub fn succeeded(&self) -> bool {
        self.code == Some(0)
    }

    /// The one JSON value on stdout.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.stdout).ok()
    }

    /// Success, or this panics.
    #[track_caller]
    #[allow(clippy::must_use_candidate, clippy::return_self_not_must_use)]
    pub fn ok(self) -> Self {
        assert!(self.succeeded(), "success was expected: {self}");
        self
    }

    /// The error's code and its message with the details; panics when it is no error of the specification.
    #[track_caller]
    pub fn failed(&self) -> (u64, String) {
        let error = self.json().unwrap_or_default();
        let text = |key: &str| error[key].as_str().unwrap_or_default();
        assert!(
            matches!(self.code, Some(1..)) && error["code"].is_u64() && !text("msg").is_empty(),
            "an error of the specification was expected: {self}"
        );
        (error["code"].as_u64().unwrap(), format!("{}\n{}", text("msg"), text("details")))
    }

    /// Addresses of the result, without prefix.
    pub fn addresses(&self) -> Vec<String> {
        let json = self.json().unwrap_or_default();
        let ips = json["ips"].as_array().cloned().unwrap_or_default();
        ips.iter().filter_map(|ip| Some(ip["address"].as_str()?.split('/').next()?.to_owned())).collect()
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code {
            Some(code) => write!(f, "exit code {code}")?,
            None if self.hung => f.write_str("still running at the time limit")?,
            None => f.write_str("ended by a signal")?,
        }
        write!(f, ", stdout {:?}, stderr {:?}", self.stdout.trim(), self.stderr.trim())
    }
}
