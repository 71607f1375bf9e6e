//! How the program gets into a node's plugin folder, and out again: by rename, while pods start.
//!
//! Under its own name, `trestle`, the program is its own installer. The container image, the .deb and the .rpm all call
//! it, so that there is one way in and one way out.

mod arguments;
mod conflist;
mod folder;
mod staged;
mod trouble;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use nix::sys::signal::{SigSet, Signal};

use arguments::{Arguments, Task};
pub use folder::Folder;
pub use trouble::Trouble;

/// What the program tells about itself.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Names in the plugin folder.
    pub plugins: &'a [&'a str],
    /// Of the release.
    pub version: &'a str,
    /// From which it was built.
    pub commit: &'a str,
}

/// Does what the arguments say (the program's own name not among them) and tells each change on stdout.
pub fn main(about: About, arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let task = match arguments::parse(arguments) {
        Ok(task) => task,
        Err(wrong) => {
            eprintln!("trestle: {wrong}; try --help");
            return ExitCode::from(2);
        }
    };
    let mut say = |line: &str| {
        // Who closed stdout does not want to know; the work goes on.
        let _ = writeln!(std::io::stdout(), "{line}");
    };
    match run(about, task, &mut say) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("trestle: {trouble}");
            ExitCode::FAILURE
        }
    }
}

fn run(about: About, task: Task, say: &mut dyn FnMut(&str)) -> Result<(), Trouble> {
    let title = format!("Trestle {}, {}: {}", about.version, about.commit, about.plugins.join(", "));
    match task {
        Task::Version => say(&title),
        Task::Help => say(&format!("{title}\n\n{}", arguments::HELP)),
        Task::Wait => wait(),
        Task::Install(arguments) => {
            say(&title);
            install(about, &arguments, say)?;
        }
        Task::Remove(arguments) => {
            for dir in &arguments.dirs {
                if dir.exists() {
                    Folder::open(dir)?.remove(about.plugins, say)?;
                }
            }
            if let Some(to) = &arguments.conf_to {
                conflist::remove(to, say)?;
            }
        }
    }
    Ok(())
}

fn install(about: About, arguments: &Arguments, say: &mut dyn FnMut(&str)) -> Result<(), Trouble> {
    // The configuration is read first: a wrong one stops the call before anything is changed.
    let conf = arguments.conf.as_deref().map(conflist::read).transpose()?;
    for dir in &arguments.dirs {
        Folder::create(dir)?.install(Path::new("/proc/self/exe"), about.plugins, say)?;
    }
    if let (Some(conf), Some(to)) = (conf, &arguments.conf_to) {
        for missing in conf.programs_missing_in(&arguments.dirs) {
            say(&format!("the configuration names {missing:?}, which is in none of the plugin folders"));
        }
        conf.put(to, say)?;
    }
    Ok(())
}

/// Sleeps until it is told to end. As a container's first process the program would otherwise not hear SIGTERM: the
/// kernel drops signals that such a process neither blocks nor handles.
fn wait() {
    let signals = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
    if signals.thread_block().is_ok() {
        let _ = signals.wait();
    }
}
