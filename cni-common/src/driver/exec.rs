//! Running a delegated plugin: bounded in time and output, whatever it does.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::kernel::process;
use crate::spec::{CniError, Code, Verb};

/// kubelet gives up on a sandbox after two minutes; an error must come before that.
const TIME_LIMIT: Duration = Duration::from_secs(90);
/// Another limit, in seconds.
const TIME_LIMIT_VARIABLE: &str = "CNI_PLUGIN_TIMEOUT";
/// More output than this is no answer.
const OUTPUT_LIMIT: usize = 4 * 1024 * 1024;

/// What a delegated plugin answered.
pub(super) struct Answer {
    pub success: bool,
    pub stdout: Vec<u8>,
    /// `exit status 1`, `signal 9`
    pub ending: String,
}

/// Runs a plugin with this process's environment and `CNI_COMMAND` set, stdin as given.
pub(super) fn run(program: &Path, verb: Verb, stdin: &[u8]) -> Result<Answer, CniError> {
    let failed = |what: &str, e: &dyn std::fmt::Display| {
        CniError::new(Code::IPAM, format!("cannot {what} the IPAM plugin {}: {e}", program.display()))
    };
    let mut child = Command::new(program)
        .env("CNI_COMMAND", verb.as_str())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| failed("start", &e))?;
    let limit = time_limit();
    let outcome = converse(&mut child, stdin, limit);
    if outcome.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().map_err(|e| failed("wait for", &e))?;
    match outcome {
        Ok(stdout) => Ok(Answer { success: status.success(), stdout, ending: status.to_string() }),
        Err(Stop::TooLong) => Err(CniError::try_again(format!(
            "the IPAM plugin {} did not finish {} within {} s and was killed; see what it waits for, or set \
             {TIME_LIMIT_VARIABLE} to more seconds",
            program.display(),
            verb.as_str(),
            limit.as_secs_f64()
        ))),
        Err(Stop::TooMuch) => Err(CniError::new(
            Code::IPAM,
            format!(
                "the IPAM plugin {} printed more than {OUTPUT_LIMIT} bytes and was killed",
                program.display()
            ),
        )),
        Err(Stop::Errno(errno)) => Err(failed("talk to", &errno)),
    }
}

/// A value that is no number of seconds is logged, and changes nothing.
fn time_limit() -> Duration {
    let Some(text) = std::env::var_os(TIME_LIMIT_VARIABLE).filter(|text| !text.is_empty()) else {
        return TIME_LIMIT;
    };
    let seconds = text.to_str().and_then(|text| text.trim().parse().ok());
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or_else(|| {
        tracing::warn!(value = ?text, "{TIME_LIMIT_VARIABLE} is not a number of seconds; using 90");
        TIME_LIMIT
    })
}

enum Stop {
    TooLong,
    TooMuch,
    Errno(Errno),
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Stop::Errno(errno)
    }
}

/// Feeds stdin and collects stdout until the process has ended and its output is read. A grandchild that
/// keeps the pipe open is not waited for.
fn converse(child: &mut Child, mut input: &[u8], limit: Duration) -> Result<Vec<u8>, Stop> {
    let start = Instant::now();
    let ended = process::descriptor(child.id().cast_signed())?;
    let mut stdin = child.stdin.take();
    let Some(mut stdout) = child.stdout.take() else { return Err(Errno::EBADF.into()) };
    if let Some(stdin) = &stdin {
        nonblocking(stdin)?;
    }
    nonblocking(&stdout)?;
    let mut output = Vec::new();
    let mut open = true;
    loop {
        if input.is_empty() {
            stdin = None; // the plugin sees the end of its configuration
        }
        let mut fds = vec![PollFd::new(ended.as_fd(), PollFlags::POLLIN)];
        if open {
            fds.push(PollFd::new(stdout.as_fd(), PollFlags::POLLIN));
        }
        if let Some(stdin) = &stdin {
            fds.push(PollFd::new(stdin.as_fd(), PollFlags::POLLOUT));
        }
        let left = limit.saturating_sub(start.elapsed());
        match poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
            Ok(0) => return Err(Stop::TooLong),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let has_ended = fds.first().and_then(PollFd::any).unwrap_or(false);
        drop(fds);
        if let Some(pipe) = &mut stdin {
            match pipe.write(input) {
                Ok(written) => input = input.get(written..).unwrap_or_default(),
                Err(e) if would_block(&e) => {}
                // It does not want to read more: its answer will tell why.
                Err(_) => input = &[],
            }
        }
        open = open && read_some(&mut stdout, &mut output)?;
        if has_ended {
            return Ok(output);
        }
    }
}

/// Reads what is there; false at the end.
fn read_some(stdout: &mut impl Read, output: &mut Vec<u8>) -> Result<bool, Stop> {
    let mut buffer = [0; 16 * 1024];
    loop {
        match stdout.read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(count) => output.extend(buffer.iter().take(count)),
            Err(e) if would_block(&e) => return Ok(true),
            Err(e) => return Err(e.raw_os_error().map_or(Errno::EIO, Errno::from_raw).into()),
        }
        if output.len() > OUTPUT_LIMIT {
            return Err(Stop::TooMuch);
        }
    }
}

fn would_block(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::Interrupted)
}

fn nonblocking(fd: &impl AsFd) -> Result<(), Errno> {
    fcntl(fd.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map(|_| ())
}
