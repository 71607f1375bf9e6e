//! One run: its folder and tag, its scenarios one after the other, and what is said meanwhile.

use std::fs::{self, File};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
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
}

impl Run {
    fn new() -> Run {
        let all = programs().runtimes.join("run");
        fs::create_dir_all(&all).unwrap();
        remove_the_dead(&all);
        let pid = std::process::id();
        let dir = all.join(pid.to_string());
        fs::create_dir(&dir).unwrap();
        let words = File::create(dir.join("said")).unwrap();
        Run { dir, tag: format!("trestle-{pid}"), report: Report::default(), start: Instant::now(), words }
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
        println!("{text}");
        let _ = std::io::stdout().flush();
        let _ = writeln!(&self.words, "{text}");
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

/// Runs the scenarios and prints the table.
pub fn all(suite: &str, scenarios: Vec<Scenario>) -> ExitCode {
    static LAST_WORDS: Mutex<String> = Mutex::new(String::new());
    std::panic::set_hook(Box::new(|info| {
        let text = info.payload_as_str().unwrap_or("a panic without words");
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        *LAST_WORDS.lock().unwrap() = format!("{text}\n({place})");
    }));
    let mut run = Run::new();
    let mut failed = Vec::new();
    let count = scenarios.len();
    for (i, scenario) in scenarios.into_iter().enumerate() {
        let start = Instant::now();
        run.say(format!("[{}/{count}] {}: {}", i + 1, scenario.name, scenario.about));
        let outcome = catch_unwind(AssertUnwindSafe(|| (scenario.work)(&mut run)));
        let seconds = start.elapsed().as_secs_f64();
        if outcome.is_ok() {
            run.say(format!("[{}/{count}] {}: ok ({seconds:.1} s)", i + 1, scenario.name));
        } else {
            run.say(format!("[{}/{count}] {}: FAILED ({seconds:.1} s)", i + 1, scenario.name));
            run.show(&LAST_WORDS.lock().unwrap());
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
