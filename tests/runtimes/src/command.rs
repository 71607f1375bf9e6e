//! Programs that the harness runs: bounded in time, their words in the failure.

use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Longest run of one program.
const LIMIT: Duration = Duration::from_mins(2);

/// Runs a program to its end, in a process group of its own, which is killed when it takes too long.
pub fn output(command: &mut Command) -> Output {
    let what = format!("{command:?}");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let child = command.spawn().unwrap_or_else(|e| panic!("{what}: {e}"));
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let (done, ended) = mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        if ended.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = killpg(group, Signal::SIGKILL);
        }
    });
    let output = child.wait_with_output();
    drop(done);
    watch.join().unwrap();
    output.unwrap_or_else(|e| panic!("{what}: {e}"))
}

/// Runs a program that must succeed; `what` says in a failure what it was to do.
pub fn run(command: &mut Command, what: &str) -> String {
    let output = output(command);
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{what}` failed ({}): {stderr}{stdout}", output.status);
    stdout
}

/// Asks until there is an answer, at most for `limit`; `None` when it never came.
pub fn wait_for<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if start.elapsed() > limit {
            return None;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
