//! Runs a program under ptrace(2) and puts one fault at one of its system calls.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// What happens at the chosen system call, before the kernel does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: the calls are only counted.
    None,
    /// SIGKILL to the process that makes the call.
    Kill,
    /// SIGKILL to it and all it has started, as when a service's whole control group is killed.
    KillAll,
    /// The call does nothing and returns this error.
    Error(Errno),
}

impl Fault {
    /// The errors that are injected.
    pub const ERRORS: [Fault; 6] = [
        Fault::Error(Errno::ENOMEM),
        Fault::Error(Errno::ENOSPC),
        Fault::Error(Errno::EBUSY),
        Fault::Error(Errno::EINTR),
        Fault::Error(Errno::EPERM),
        Fault::Error(Errno::EIO),
    ];
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::None => f.write_str("none"),
            Fault::Kill => f.write_str("kill"),
            Fault::KillAll => f.write_str("kill all"),
            Fault::Error(errno) => write!(f, "{errno:?}"),
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Traced {
    /// Exit code; none after a signal.
    pub code: Option<i32>,
    /// It was still running at the time limit.
    pub hung: bool,
    /// System calls that were begun, of all processes.
    pub calls: usize,
    /// Number of the system call at which the fault was put.
    pub hit: Option<u64>,
    /// How often each system call was made.
    pub made: BTreeMap<u64, usize>,
}

struct Tracer {
    fault: Fault,
    at: usize,
    /// Whether a task is inside a system call, and whether that call is to fail.
    tasks: HashMap<Pid, Inside>,
    seen: Traced,
}

#[derive(Clone, Copy, Default)]
struct Inside {
    call: bool,
    fails: bool,
}

/// Runs it; the fault comes at system call number `at`, counted from 1. Returns when it and all it has
/// started have ended.
#[allow(clippy::zombie_processes)] // waitpid(2) in `follow` reaps it
pub fn run(command: &mut Command, fault: Fault, at: usize, limit: Duration) -> Traced {
    command.process_group(0);
    // SAFETY: between fork and exec only ptrace(2) is called.
    unsafe { command.pre_exec(|| ptrace::traceme().map_err(std::io::Error::from)) };
    let child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let main = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let (done, ended) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let watch = scope.spawn(move || {
            let hung = ended.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
            if hung {
                let _ = nix::sys::signal::killpg(main, Signal::SIGKILL);
            }
            hung
        });
        let mut tracer = Tracer { fault, at, tasks: HashMap::new(), seen: Traced::default() };
        tracer.follow(main);
        drop(done);
        tracer.seen.hung = watch.join().unwrap();
        tracer.seen
    })
}

impl Tracer {
    fn follow(&mut self, main: Pid) {
        // Only this thread's: others have children of their own.
        let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        loop {
            match waitpid(None, Some(flags)) {
                Ok(WaitStatus::Exited(pid, code)) => {
                    self.tasks.remove(&pid);
                    if pid == main {
                        self.seen.code = Some(code);
                    }
                }
                Ok(WaitStatus::Signaled(pid, ..)) => {
                    self.tasks.remove(&pid);
                }
                Ok(WaitStatus::PtraceSyscall(pid)) => {
                    self.at_syscall(pid);
                    Self::go_on(pid, None);
                }
                Ok(WaitStatus::PtraceEvent(pid, ..)) => Self::go_on(pid, None),
                Ok(WaitStatus::Stopped(pid, signal)) => {
                    let is_new = !self.tasks.contains_key(&pid);
                    self.tasks.entry(pid).or_default();
                    if pid == main && is_new {
                        let options = Options::PTRACE_O_TRACESYSGOOD
                            | Options::PTRACE_O_TRACEFORK
                            | Options::PTRACE_O_TRACEVFORK
                            | Options::PTRACE_O_TRACECLONE
                            | Options::PTRACE_O_TRACEEXEC;
                        let _ = ptrace::setoptions(pid, options);
                    }
                    // A new task stops once for the tracer.
                    Self::go_on(pid, (!is_new).then_some(signal));
                }
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::ECHILD) => return,
                Err(errno) => panic!("waitpid: {errno}"),
            }
        }
    }

    fn go_on(pid: Pid, signal: Option<Signal>) {
        // It may have been killed meanwhile; then it is reported as ended.
        let _ = ptrace::syscall(pid, signal);
    }

    fn at_syscall(&mut self, pid: Pid) {
        let task = self.tasks.entry(pid).or_default();
        let inside = *task;
        *task = Inside { call: !inside.call, fails: false };
        if inside.call {
            if let (true, Fault::Error(errno)) = (inside.fails, self.fault) {
                registers::set_result(pid, errno);
            }
            return;
        }
        self.seen.calls += 1;
        let Some(number) = registers::number(pid) else { return };
        *self.seen.made.entry(number).or_default() += 1;
        if self.seen.calls != self.at || self.fault == Fault::None {
            return;
        }
        self.seen.hit = Some(number);
        match self.fault {
            Fault::None => {}
            Fault::Kill => kill_it(pid),
            Fault::KillAll => self.tasks.keys().copied().for_each(kill_it),
            Fault::Error(_) => {
                // close(2) gives the descriptor back whatever it returns.
                if i64::try_from(number) != Ok(nix::libc::SYS_close) {
                    registers::skip(pid);
                }
                self.tasks.entry(pid).or_default().fails = true;
            }
        }
    }
}

fn kill_it(pid: Pid) {
    // One that has ended meanwhile is as good as killed.
    let _ = kill(pid, Signal::SIGKILL);
}

#[cfg(target_arch = "x86_64")]
mod registers {
    //! Where the kernel's entry code for x86-64 keeps number and result of a system call.

    use nix::errno::Errno;
    use nix::sys::ptrace::{getregs, setregs};
    use nix::unistd::Pid;

    pub fn number(pid: Pid) -> Option<u64> {
        getregs(pid).ok().map(|regs| regs.orig_rax)
    }

    /// No system call has this number, so the kernel does nothing.
    pub fn skip(pid: Pid) {
        if let Ok(mut regs) = getregs(pid) {
            regs.orig_rax = u64::MAX;
            let _ = setregs(pid, regs);
        }
    }

    pub fn set_result(pid: Pid, errno: Errno) {
        if let Ok(mut regs) = getregs(pid) {
            regs.rax = i64::from(-(errno as i32)).cast_unsigned();
            let _ = setregs(pid, regs);
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod registers {
    //! Elsewhere only kills can be put, not errors: the registers have other names.

    use nix::errno::Errno;
    use nix::unistd::Pid;

    pub fn number(_: Pid) -> Option<u64> {
        Some(0)
    }

    pub fn skip(_: Pid) {
        panic!("errors can be injected on x86-64 only");
    }

    pub fn set_result(_: Pid, _: Errno) {}
}
