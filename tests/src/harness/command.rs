//! Programs that tests run: bounded in time, with their words in the failure.

use std::io::Write;
use std::ops::Deref;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Longest run of one program. Far above anything seen, also on an emulated machine.
const LIMIT: Duration = Duration::from_mins(2);

/// What a program wrote on stdout.
#[derive(Debug)]
pub struct Text(pub String);

impl Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl Text {
    /// Parsed as JSON; nothing at all counts as an empty list, as iproute2 means it.
    pub fn json(&self) -> serde_json::Value {
        let text = self.0.trim();
        if text.is_empty() {
            return serde_json::Value::Array(Vec::new());
        }
        serde_json::from_str(text).unwrap_or_else(|e| panic!("not JSON: {e}: {text}"))
    }
}

/// Runs a program with `stdin`, killing its process group when it takes too long.
pub fn output(command: &mut Command, stdin: &[u8], what: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap_or_else(|e| panic!("{what}: {e}"));
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let (done, ended) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if ended.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = killpg(group, Signal::SIGKILL);
            }
        });
        let mut input = child.stdin.take().unwrap();
        // A program that does not read its input is no failure here.
        scope.spawn(move || drop(input.write_all(stdin)));
        let output = child.wait_with_output();
        drop(done);
        output.unwrap_or_else(|e| panic!("{what}: {e}"))
    })
}

/// Runs a program that must succeed.
pub fn run(command: &mut Command, what: &str) -> Text {
    let output = output(command, b"", what);
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "`{what}` failed ({}): {}{stdout}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Text(stdout)
}

/// Runs a shell command that must succeed.
pub fn shell(script: &str) -> Text {
    run(Command::new("sh").args(["-ec", script]), script)
}

/// Runs a program and returns stdout if it succeeds: for tools that a kernel may not support.
pub fn attempt(program: &str, args: &[&str]) -> Option<Text> {
    let output = output(Command::new(program).args(args), b"", program);
    output.status.success().then(|| Text(String::from_utf8_lossy(&output.stdout).into_owned()))
}
