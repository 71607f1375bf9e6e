//! The command line.

use crate::error::{Error, Result};
use std::path::PathBuf;

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Task {
    /// Measure and report.
    Run(Options),
    /// Say what got slower between two result files.
    Compare {
        /// The earlier result.
        old: PathBuf,
        /// The later result.
        new: PathBuf,
    },
    /// Count messages, system calls and processes per verb.
    Counts {
        /// Write the table of maxima instead of comparing with it.
        write: bool,
    },
    /// Draw the report of a result file again.
    Render {
        /// A result file.
        from: PathBuf,
        /// Where to.
        out: PathBuf,
    },
    /// Print the usage.
    Help,
}

/// Options of a measurement.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// A few repetitions, to try the harness.
    pub quick: bool,
    /// Only these parts; all if empty.
    pub only: Vec<String>,
    /// Where the report goes. Without it, a whole run writes `docs/benchmarks`, and a partial one only prints.
    pub out: Option<PathBuf>,
    /// Repetitions of each measurement.
    pub repetitions: Option<usize>,
}

/// The usage text.
pub const USAGE: &str = "\
trestle-bench [--quick] [--only PART]... [--repetitions N] [--out DIR]
    Measures Trestle, the reference plugins and the floor, interleaved, in private namespaces (needs root, or user
    namespaces), and writes a table, Markdown, JSON and pictures. A whole run writes them to docs/benchmarks.
    Parts: verbs throughput leases footprint foreign scale
trestle-bench compare OLD.json NEW.json
    Says what got slower beyond the noise; exit code 1 if anything did.
trestle-bench counts [--write]
    Counts netlink messages, system calls and processes of each verb by strace, and compares with bench/counts.json.
trestle-bench render RESULT.json DIR
    Writes Markdown and pictures of an earlier result again.

Environment: TRESTLE_BIN (default: bin), REFERENCE_BIN (default: .cache/reference), both within the repository.
";

/// Reads the arguments after the program's name.
pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Task> {
    let mut words = arguments.into_iter().peekable();
    match words.peek().map(String::as_str) {
        Some("compare") => {
            let [old, new] = exactly(words.skip(1))?;
            Ok(Task::Compare { old: old.into(), new: new.into() })
        }
        Some("render") => {
            let [from, out] = exactly(words.skip(1))?;
            Ok(Task::Render { from: from.into(), out: out.into() })
        }
        Some("counts") => match words.nth(1).as_deref() {
            None => Ok(Task::Counts { write: false }),
            Some("--write") => Ok(Task::Counts { write: true }),
            Some(other) => Err(unknown(other)),
        },
        Some("--help" | "-h" | "help") => Ok(Task::Help),
        _ => options(words).map(Task::Run),
    }
}

fn options(mut words: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options::default();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| Error(format!("{word} needs a value\n\n{USAGE}")));
        match word.as_str() {
            "--quick" => options.quick = true,
            "--only" => options.only.push(value()?),
            "--out" => options.out = Some(value()?.into()),
            "--repetitions" => {
                let number = value()?.parse().ok().filter(|n| *n > 0);
                options.repetitions =
                    Some(number.ok_or_else(|| Error("--repetitions needs a number from 1".to_owned()))?);
            }
            other => return Err(unknown(other)),
        }
    }
    Ok(options)
}

fn exactly(words: impl Iterator<Item = String>) -> Result<[String; 2]> {
    words.collect::<Vec<_>>().try_into().map_err(|_| Error(format!("two paths are needed\n\n{USAGE}")))
}

fn unknown(word: &str) -> Error {
    Error(format!("unknown argument {word:?}\n\n{USAGE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Result<Task> {
        parse(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn each_task_is_found() {
        let run = words("--quick --only verbs --only scale --repetitions 3 --out /x").unwrap();
        let expected = Options {
            quick: true,
            only: vec!["verbs".into(), "scale".into()],
            out: Some("/x".into()),
            repetitions: Some(3),
        };
        assert_eq!(run, Task::Run(expected));
        assert_eq!(words("").unwrap(), Task::Run(Options::default()));
        assert_eq!(words("counts --write").unwrap(), Task::Counts { write: true });
        assert_eq!(words("compare a b").unwrap(), Task::Compare { old: "a".into(), new: "b".into() });
    }

    #[test]
    fn mistakes_are_told() {
        for wrong in ["compare a", "--only", "--repetitions 0", "--fast", "counts now"] {
            assert!(words(wrong).is_err(), "{wrong}");
        }
    }
}
