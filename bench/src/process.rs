//! One program, from exec to exit, as a runtime runs it.

use crate::error::{Context, Error, Result};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A program with all that it gets.
#[derive(Clone, Debug)]
pub struct Call {
    /// The file to run.
    pub program: PathBuf,
    /// Arguments after its name.
    pub arguments: Vec<String>,
    /// The whole environment.
    pub environment: Vec<(&'static str, String)>,
    /// What it can read.
    pub stdin: Vec<u8>,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// Wall time: start, standard output read to its end, exit awaited. `CLOCK_MONOTONIC`.
    pub elapsed: Duration,
    /// Its exit.
    pub status: ExitStatus,
    /// What it said.
    pub stdout: Vec<u8>,
    /// What it said beside that; empty unless it was asked for.
    pub stderr: Vec<u8>,
}

impl Call {
    /// Runs it and measures. Standard error is thrown away.
    pub fn run(&self) -> Result<Outcome> {
        self.start(Stdio::null())
    }

    /// Runs it for what it says on standard error too, which must fit in a pipe.
    pub fn run_with_stderr(&self) -> Result<Outcome> {
        self.start(Stdio::piped())
    }

    /// The same program under another one: `wrapper arguments... program`.
    pub fn under(mut self, wrapper: &Path, arguments: Vec<String>) -> Self {
        let program = std::mem::replace(&mut self.program, wrapper.to_owned());
        let own = std::mem::replace(&mut self.arguments, arguments);
        self.arguments.push(program.display().to_string());
        self.arguments.extend(own);
        self
    }

    fn start(&self, stderr: Stdio) -> Result<Outcome> {
        let failed = || format!("running {}", self.program.display());
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().envs(self.environment.iter().map(|(k, v)| (k, v)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        let begin = Instant::now();
        // Without a pre_exec hook or another user, this is posix_spawn: no copy of our memory is made.
        let mut child = command.spawn().doing(failed)?;
        if let Some(mut pipe) = child.stdin.take() {
            // A program may end without reading; that shows in its exit.
            let _ = pipe.write_all(&self.stdin);
        }
        let mut stdout = Vec::with_capacity(4096);
        if let Some(mut pipe) = child.stdout.take() {
            pipe.read_to_end(&mut stdout).doing(failed)?;
        }
        let status = child.wait().doing(failed)?;
        let elapsed = begin.elapsed();
        let mut stderr = Vec::new();
        if let Some(mut pipe) = child.stderr.take() {
            pipe.read_to_end(&mut stderr).doing(failed)?;
        }
        Ok(Outcome { elapsed, status, stdout, stderr })
    }
}

impl Outcome {
    /// Fails with the program's own words unless it succeeded.
    pub fn succeeded(self, what: impl FnOnce() -> String) -> Result<Self> {
        if self.status.success() {
            return Ok(self);
        }
        let said = String::from_utf8_lossy(&self.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        Err(Error(format!("{} failed ({}): {said}", what(), self.status)))
    }

    /// Milliseconds.
    pub fn millis(&self) -> f64 {
        self.elapsed.as_secs_f64() * 1e3
    }
}

/// Runs one of the node's own tools (`ip`, `nft`) with the given input and no measurement.
pub fn tool(program: &str, arguments: &[&str], stdin: &str) -> Result<()> {
    let call = Call {
        program: program.into(),
        arguments: arguments.iter().map(|&a| a.to_owned()).collect(),
        environment: vec![("PATH", path())],
        stdin: stdin.as_bytes().to_vec(),
    };
    let outcome = call.run_with_stderr()?;
    if outcome.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&outcome.stderr);
    Err(Error(format!("{program} {} failed: {}", arguments.join(" "), said.trim())))
}

/// PATH with the places where `ip`, `nft` and `iptables` are, even for a user without them in it.
pub fn path() -> String {
    let own = std::env::var("PATH").unwrap_or_default();
    format!("{own}:/usr/sbin:/sbin:/usr/bin:/bin")
}

/// Buries orphans: this is process 1, and a plugin may have left a child behind. Call it when no [`Call`] runs.
/// Returns whether any is still at work.
pub fn reap() -> bool {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

/// Puts the calling thread, and what it starts, before (or no longer before) what else the machine is doing. A plugin
/// takes less than one slice of time: on a busy machine it would be measured how often it loses its turn.
pub fn precedence(first: bool) {
    let nice = if first { -20 } else { 0 };
    // SAFETY: no memory is handed over. Without the right to it, the measurement goes on as it is.
    unsafe { nix::libc::setpriority(nix::libc::PRIO_PROCESS, 0, nice) };
}

/// Lets the kernel and orphans finish what the last program left to them, so that the next one does not pay for it.
pub fn settle() {
    let begin = Instant::now();
    std::thread::sleep(Duration::from_millis(12));
    while reap() && begin.elapsed() < Duration::from_millis(200) {
        std::thread::sleep(Duration::from_millis(2));
    }
}
