//! One run: its folder and tag, its scenarios beside or after each other, and what is said meanwhile.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crate::programs::programs;
use crate::report::Report;

/// Something that is done on nodes; it fails by a panic.
pub struct Scenario {
    pub name: &'static str,
    /// One line, for `--list`.
    pub about: &'static str,
    pub work: fn(&mut Run),
}

/// What scenarios share.
pub struct Run {
    /// Nodes have their folders here.
    pub dir: PathBuf,
    /// Begins the names of this run's cgroups.
    pub tag: String,
    pub report: Report,
    start: Instant,
    /// All that is said, also after the terminal has scrolled.
    words: File,
    /// One of several beside each other: its words are shown when it has ended.
    quiet: bool,
}

/// How many scenarios go on at once, of those that mostly wait.
const TOGETHER: usize = 4;

thread_local! {
    /// The last panic of this thread.
    static LAST_WORDS: RefCell<String> = const { RefCell::new(String::new()) };
}

impl Run {
    fn new() -> Run {
        let all = programs().runtimes.join("run");
        fs::create_dir_all(&all).unwrap();
        remove_the_dead(&all);
        let pid = std::process::id();
        let dir = all.join(pid.to_string());
        Run::in_folder(dir, format!("trestle-{pid}"), Instant::now(), false)
    }

    fn in_folder(dir: PathBuf, tag: String, start: Instant, quiet: bool) -> Run {
        fs::create_dir(&dir).unwrap();
        let words = File::create(dir.join("said")).unwrap();
        Run { dir, tag, report: Report::default(), start, words, quiet }
    }

    /// A run of its own, so that its nodes may have the same names.
    fn beside(&self, number: usize) -> Run {
        Run::in_folder(self.dir.join(number.to_string()), format!("{}-{number}", self.tag), self.start, true)
    }

    /// One line of progress, with the time since the start.
    pub fn say(&self, text: impl std::fmt::Display) {
        self.line(&format!("{:7.1} s  {text}", self.start.elapsed().as_secs_f64()));
    }

    /// Lines that belong to the last one; they go into the page of documentation too.
    pub fn show(&self, text: &str) {
        text.lines().for_each(|line| self.line(&format!("           | {line}")));
    }

    fn line(&self, text: &str) {
        let _ = writeln!(&self.words, "{text}");
        if !self.quiet {
            println!("{text}");
            let _ = std::io::stdout().flush();
        }
    }
}

/// Folders of runs that were killed.
fn remove_the_dead(all: &Path) {
    for entry in fs::read_dir(all).unwrap().flatten() {
        if !Path::new("/proc").join(entry.file_name()).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Runs the scenarios and prints the table: first those that mostly wait, some at once, then one after the other.
pub fn all(suite: &str, together: &[Scenario], alone: &[Scenario]) -> ExitCode {
    std::panic::set_hook(Box::new(|info| {
        let text = info.payload_as_str().unwrap_or("a panic without words");
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        LAST_WORDS.set(format!("{text}\n({place})"));
    }));
    let mut run = Run::new();
    let count = together.len() + alone.len();
    let mut failed = some_at_once(&mut run, together, count);
    for (i, scenario) in alone.iter().enumerate() {
        if !one(&mut run, scenario, &format!("[{}/{count}]", together.len() + i + 1)) {
            failed.push(scenario.name);
        }
    }
    run.line(&format!("\n{}", run.report.table()));
    run.line(&format!(
        "{count} scenarios, {} failed, {:.0} s",
        failed.len(),
        run.start.elapsed().as_secs_f64()
    ));
    let _ = fs::copy(run.dir.join("said"), programs().runtimes.join(format!("last-{suite}.txt")));
    if failed.is_empty() {
        let _ = fs::remove_dir_all(&run.dir);
        return ExitCode::SUCCESS;
    }
    println!("failed: {}; logs below {}", failed.join(", "), run.dir.display());
    ExitCode::FAILURE
}

/// Runs one scenario; whether it succeeded.
fn one(run: &mut Run, scenario: &Scenario, place: &str) -> bool {
    let start = Instant::now();
    run.say(format!("{place} {}: {}", scenario.name, scenario.about));
    let good = catch_unwind(AssertUnwindSafe(|| (scenario.work)(run))).is_ok();
    let outcome = if good { "ok" } else { "FAILED" };
    run.say(format!("{place} {}: {outcome} ({:.1} s)", scenario.name, start.elapsed().as_secs_f64()));
    if !good {
        run.show(&LAST_WORDS.take());
    }
    good
}

/// Runs some scenarios at once, each in a run of its own; the names of those that failed.
fn some_at_once(run: &mut Run, scenarios: &[Scenario], count: usize) -> Vec<&'static str> {
    let next = AtomicUsize::new(0);
    let shared = Mutex::new((run, Vec::new()));
    let lane = || {
        while let Some((i, scenario)) = {
            let i = next.fetch_add(1, Ordering::Relaxed);
            scenarios.get(i).map(|scenario| (i, scenario))
        } {
            let place = format!("[{}/{count}]", i + 1);
            let mut own = {
                let (run, _) = &*shared.lock().unwrap();
                run.say(format!("{place} {} begins", scenario.name));
                run.beside(i)
            };
            let good = one(&mut own, scenario, &place);
            let said = fs::read_to_string(own.dir.join("said")).unwrap_or_default();
            if good {
                let _ = fs::remove_dir_all(&own.dir);
            }
            let (run, failed) = &mut *shared.lock().unwrap();
            said.lines().for_each(|line| run.line(line));
            run.report.add(own.report);
            if !good {
                failed.push(scenario.name);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..TOGETHER.min(scenarios.len()) {
            scope.spawn(lane);
        }
    });
    shared.into_inner().unwrap().1
}
