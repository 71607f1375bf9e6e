//! Exact counts: what each verb asks of the kernel. Time is noisy, these are not; so a test may hold them.

use crate::attachment::{Attachment, Verb};
use crate::error::{Context, Error, Result};
use crate::netns::Netns;
use crate::network::Network;
use crate::process::{Call, settle};
use crate::record::Who;
use crate::tools::{Tools, ours, repository};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// What one run of a program asked of the kernel, the processes it started included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Netlink messages sent; several may go in one send.
    pub messages: u32,
    /// System calls.
    pub syscalls: u32,
    /// Processes, itself included.
    pub processes: u32,
    /// Threads beyond the first of each process.
    pub threads: u32,
}

/// What came of counting.
pub struct Verdict {
    /// To print.
    pub text: String,
    /// Whether a verb asks for more than it may.
    pub grown: bool,
}

type Table = BTreeMap<String, Counts>;

/// Runs of each verb. What a scheduler adds (a read that was interrupted and repeated) is not in the least of them.
const RUNS: usize = 3;

/// Where the committed maxima are.
fn path() -> std::path::PathBuf {
    repository().join("bench/counts.json")
}

/// Counts all verbs, and compares with the maxima or replaces them.
pub fn count(write: bool) -> Result<Verdict> {
    let counted = all()?;
    let path = path();
    if write {
        let text = serde_json::to_string_pretty(&counted).doing(|| "writing JSON".to_owned())?;
        std::fs::write(&path, text + "\n").doing(|| format!("writing {}", path.display()))?;
    }
    let text = std::fs::read_to_string(&path).doing(|| format!("reading {}", path.display()))?;
    let most: Table =
        serde_json::from_str(&text).doing(|| format!("{} is no table of counts", path.display()))?;
    Ok(judge(&counted, &most))
}

/// Each figure beside what it may be. A verb that is in only one of the tables is a failure too: then the other is
/// stale.
fn judge(counted: &Table, most: &Table) -> Verdict {
    let mut text =
        format!("{:<34}{:>14}{:>14}{:>14}{:>14}\n", "", "messages", "syscalls", "processes", "threads");
    let (mut grown, mut shrunk) = (false, false);
    for (name, counts) in counted {
        let Some(most) = most.get(name) else {
            grown = true;
            let _ = writeln!(text, "{name:<34} has no maximum");
            continue;
        };
        let _ = write!(text, "{name:<34}");
        for (is, may) in figures(counts).into_iter().zip(figures(most)) {
            grown |= is > may;
            shrunk |= is < may;
            let shown = if is == may { is.to_string() } else { format!("{is} of {may}") };
            let _ = write!(text, "{shown:>14}");
        }
        text.push('\n');
    }
    for name in most.keys().filter(|name| !counted.contains_key(*name)) {
        grown = true;
        let _ = writeln!(text, "{name:<34} was not counted");
    }
    if grown {
        text.push_str("A verb asks for more than it did. If that is meant: trestle-bench counts --write\n");
    } else if shrunk {
        text.push_str("Less than allowed. To hold it there: trestle-bench counts --write\n");
    }
    Verdict { text, grown }
}

fn figures(counts: &Counts) -> [u32; 4] {
    [counts.messages, counts.syscalls, counts.processes, counts.threads]
}

/// Three networks as in the benchmark, the next pod of each; then `host-local` alone.
fn all() -> Result<Table> {
    let trestle = ours()?;
    let tools = Tools { reference: trestle.clone(), floor: trestle.clone(), trestle };
    let node = Netns::create("counts")?;
    let data = Path::new("/run/bench/counts");
    let kinds = [
        ("masquerade", Network::new("masq", 88, &data.join("masq")).masqueraded(None)),
        ("plain", Network::new("plain", 89, &data.join("plain"))),
        ("dual stack", Network::new("dual", 90, &data.join("dual")).dual_stack()),
    ];
    let mut table = Table::new();
    for (kind, network) in &kinds {
        let (stays, goes) =
            (Netns::create(&format!("stays-{kind}"))?, Netns::create(&format!("goes-{kind}"))?);
        let on = |pod, number| {
            let (who, tools, node) = (Who::Trestle, &tools, &node);
            Attachment { who, tools, node, network, pod, number, previous: None }
        };
        let (mut stays, mut goes) = (on(&stays, 1), on(&goes, 2));
        stays.run(Verb::Add)?;
        goes.run(Verb::Add)?;
        goes.run(Verb::Del)?;
        settle();
        for _ in 0..RUNS {
            for verb in
                [Verb::Add, Verb::Check, Verb::Gc, Verb::Status, Verb::Version, Verb::Del, Verb::DelAgain]
            {
                let once = *kind == "masquerade" || matches!(verb, Verb::Add | Verb::Check | Verb::Del);
                let (counts, stdout) = traced(goes.call(verb))?;
                if verb == Verb::Add {
                    goes.previous = serde_json::from_slice(&stdout).ok();
                }
                if once {
                    least(&mut table, format!("bridge {}, {kind}", verb.title()), counts);
                }
                settle();
            }
            if *kind == "plain" {
                host_local(&mut goes, &mut table)?;
            }
            goes.previous = None;
        }
    }
    Ok(table)
}

fn host_local(pod: &mut Attachment, table: &mut Table) -> Result<()> {
    pod.previous = None;
    for verb in [Verb::Add, Verb::Check, Verb::Status, Verb::Del] {
        let mut call = pod.call(verb);
        call.program.set_file_name("host-local");
        let (counts, stdout) = traced(call)?;
        if verb == Verb::Add {
            pod.previous = serde_json::from_slice(&stdout).ok();
        }
        least(table, format!("host-local {}", verb.title()), counts);
    }
    Ok(())
}

fn least(table: &mut Table, name: String, counts: Counts) {
    let entry = table.entry(name).or_insert(counts);
    if counts.syscalls < entry.syscalls {
        *entry = counts;
    }
}

fn traced(call: Call) -> Result<(Counts, Vec<u8>)> {
    let trace = "/run/bench/trace";
    let what = call.program.display().to_string();
    let arguments = ["-f", "-v", "-s", "65536", "-o", trace].map(str::to_owned).to_vec();
    let outcome = call.under(Path::new("strace"), arguments).run_with_stderr();
    let outcome =
        outcome.doing(|| "strace is needed to count".to_owned())?.succeeded(|| format!("{what} traced"))?;
    let text = std::fs::read(trace).doing(|| format!("reading {trace}"))?;
    let counts = tally(&String::from_utf8_lossy(&text));
    if counts.syscalls == 0 {
        return Err(Error(format!("strace saw nothing of {what}")));
    }
    Ok((counts, outcome.stdout))
}

/// Reads `strace -f -v`. A call that another process interrupts is shown twice, and begins once.
fn tally(trace: &str) -> Counts {
    let mut counts = Counts { processes: 1, ..Counts::default() };
    for line in trace.lines() {
        let Some((_, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        let name: &str = call.split('(').next().unwrap_or_default();
        if !call.contains('(')
            || name.is_empty()
            || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            continue;
        }
        counts.syscalls += 1;
        match name {
            "sendto" | "sendmsg" | "sendmmsg" | "write" | "writev" => {
                counts.messages += u32::try_from(call.matches("nlmsg_type=").count()).unwrap_or(u32::MAX);
            }
            "clone" | "clone3" if call.contains("CLONE_THREAD") => counts.threads += 1,
            "clone" | "clone3" | "fork" | "vfork" => counts.processes += 1,
            _ => {}
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "\
7 execve(\"/bridge\", [\"bridge\"], 0x7ffd /* 3 vars */) = 0
7 sendto(5, [[{nlmsg_len=20, nlmsg_type=0x10 /* NLMSG_??? */}, \"\\x00\"], [{nlmsg_len=64, nlmsg_type=0xa0c}, \"a(b\"]], 84, 0, NULL, 0 <unfinished ...>
8 +++ exited with 0 +++
7 <... sendto resumed>) = 84
7 --- SIGCHLD {si_signo=SIGCHLD} ---
7 recvfrom(5, [{nlmsg_len=36, nlmsg_type=NLMSG_ERROR}, {error=0, msg={nlmsg_type=RTM_NEWLINK}}], 4096, 0, NULL, NULL) = 36
7 clone(child_stack=0x1, flags=CLONE_VM|CLONE_VFORK|SIGCHLD) = 9
7 clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 10
7 exit_group(0) = ?
";

    #[test]
    fn calls_and_messages_are_counted_once() {
        let counts = tally(TRACE);
        assert_eq!(counts, Counts { messages: 2, syscalls: 6, processes: 2, threads: 1 });
    }

    #[test]
    fn growth_is_found_and_so_is_a_stale_table() {
        let table = |syscalls| Table::from([("ADD".to_owned(), Counts { syscalls, ..Counts::default() })]);
        assert!(judge(&table(11), &table(10)).grown);
        assert!(!judge(&table(9), &table(10)).grown);
        assert!(judge(&table(9), &Table::new()).grown);
        assert!(judge(&Table::new(), &table(9)).grown);
    }
}
