//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

/// For a person.
pub const HELP: &str = "\
trestle install [--dir DIR]... [--conf FILE [--conf-to FILE]]
    puts this program into the plugin folder DIR (/opt/cni/bin) under each plugin's name, by rename. What was
    there is kept as NAME.before-trestle. --conf also puts that network configuration list in place, by
    default as /etc/cni/net.d/10-trestle.conflist.
trestle remove [--dir DIR]... [--conf FILE [--conf-to FILE]]
    takes it out again and puts back what was kept; with --conf also removes what install put in place.
trestle wait
    sleeps until SIGTERM or SIGINT: for a container that has nothing more to do.
trestle --version, trestle --help

Started as bridge, host-local or loopback it is that plugin.";

const DIR: &str = "/opt/cni/bin";
const CONF_TO: &str = "/etc/cni/net.d/10-trestle.conflist";

/// What is to be done.
#[derive(Debug, PartialEq)]
pub enum Task {
    Install(Arguments),
    Remove(Arguments),
    Wait,
    Version,
    Help,
}

/// With what.
#[derive(Debug, Default, PartialEq)]
pub struct Arguments {
    /// Plugin folders; never empty.
    pub dirs: Vec<PathBuf>,
    /// The network configuration list to put in place. Removing takes it too, so that both have the same options.
    pub conf: Option<PathBuf>,
    /// And where it goes.
    pub conf_to: Option<PathBuf>,
}

/// # Errors
/// What is wrong with the command line, for a person.
pub fn parse(mut words: impl Iterator<Item = OsString>) -> Result<Task, String> {
    let Some(verb) = words.next() else { return Ok(Task::Help) };
    let verb = verb.to_string_lossy().into_owned();
    match verb.as_str() {
        "install" => options(words).map(Task::Install),
        "remove" => options(words).map(Task::Remove),
        "wait" | "--version" | "-V" | "--help" | "-h" => match words.next() {
            Some(word) => Err(format!("{verb} takes no argument, got {}", word.display())),
            None if verb == "wait" => Ok(Task::Wait),
            None if verb.eq_ignore_ascii_case("-v") || verb == "--version" => Ok(Task::Version),
            None => Ok(Task::Help),
        },
        other => Err(format!("unknown command {other:?}")),
    }
}

fn options(mut words: impl Iterator<Item = OsString>) -> Result<Arguments, String> {
    let mut arguments = Arguments::default();
    while let Some(word) = words.next() {
        let word = word.to_string_lossy().into_owned();
        let mut value = || match words.next() {
            Some(value) if !value.is_empty() => Ok(PathBuf::from(value)),
            _ => Err(format!("{word} needs a path")),
        };
        match word.as_str() {
            "--dir" => arguments.dirs.push(value()?),
            "--conf" => arguments.conf = Some(value()?),
            "--conf-to" => arguments.conf_to = Some(value()?),
            other => return Err(format!("unknown option {other:?}")),
        }
    }
    if arguments.dirs.is_empty() {
        arguments.dirs.push(DIR.into());
    }
    match (&arguments.conf, &arguments.conf_to) {
        (None, Some(_)) => return Err("--conf-to needs --conf".to_owned()),
        (Some(_), None) => arguments.conf_to = Some(CONF_TO.into()),
        _ => {}
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Task, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn what_is_not_said_has_the_usual_places() {
        let plain = Arguments { dirs: vec![DIR.into()], ..Arguments::default() };
        assert_eq!(of("remove"), Ok(Task::Remove(plain)));
        let conf = Arguments {
            dirs: vec!["/a".into(), "/b".into()],
            conf: Some("/c".into()),
            conf_to: Some(CONF_TO.into()),
        };
        assert_eq!(of("install --dir /a --conf /c --dir /b"), Ok(Task::Install(conf)));
        assert_eq!(of("--version"), Ok(Task::Version));
        assert_eq!(of(""), Ok(Task::Help));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (line, word) in [
            ("upgrade", "upgrade"),
            ("install --dir", "--dir"),
            ("install --to /x", "--to"),
            ("install --conf-to /x", "--conf"),
            ("remove --conf-to /x", "--conf"),
            ("wait 5", "5"),
        ] {
            let refused = of(line).unwrap_err();
            assert!(refused.contains(word), "{line}: {refused}");
        }
    }
}
