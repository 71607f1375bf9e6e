//! The program: from environment and stdin to one JSON object on stdout and an exit code.

use std::io::{Read, Write};
use std::process::ExitCode;

use crate::spec::{CniError, CniResult, Code, Environment, Request, SpecVersion, Verb};

use super::log;

/// More than this on stdin is refused.
const MAX_STDIN: u64 = 16 * 1024 * 1024;

/// A plugin as the program knows it.
#[derive(Clone, Copy)]
pub struct Plugin {
    /// The `type` in a configuration, and the program's file name.
    pub name: &'static str,
    /// One line for a person.
    pub about: &'static str,
    /// All verbs but VERSION. ADD returns a result.
    pub run: fn(&Request, &[Plugin]) -> Result<Option<CniResult>, CniError>,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Runs the plugin whose name the program was started by. `plugins` are all that this program carries.
pub fn main(plugins: &'static [Plugin], commit: &str) -> ExitCode {
    report_panics();
    // The standard library's maps want random bytes from the kernel, and panic without. Now nothing is made yet.
    let _ = std::hash::RandomState::new();
    let mut arguments = std::env::args_os();
    let program = arguments.next().unwrap_or_default();
    let name = std::path::Path::new(&program).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some(plugin) = plugins.iter().find(|p| p.name == name) else {
        let names: Vec<_> = plugins.iter().map(|p| p.name).collect();
        let error = CniError::environment(format!(
            "this program is called {name:?}; it does its work under the names {}: copy or link it to one of them",
            names.join(", ")
        ));
        return finish(Err((error, SpecVersion::LATEST)));
    };
    if let Some(argument) = arguments.next() {
        return answer_person(plugin, &argument.to_string_lossy(), commit);
    }
    let env = Environment::read(|name| std::env::var_os(name).map(|v| v.to_string_lossy().into_owned()));
    if env.command.is_empty() {
        eprintln!("{}", about(plugin, commit));
        return ExitCode::SUCCESS;
    }
    finish(call(plugin, plugins, &env))
}

/// One call; the error comes with the version to print it in.
fn call(plugin: &Plugin, plugins: &[Plugin], env: &Environment) -> Result<String, (CniError, SpecVersion)> {
    // VERSION needs no more than the word: podman sends "dummy" for the rest, and perhaps no stdin.
    if env.command == Verb::Version.as_str() {
        return Ok(versions());
    }
    let latest = |error| (error, SpecVersion::LATEST);
    let stdin = read_stdin().map_err(latest)?;
    let request = Request::new(env, stdin).map_err(latest)?;
    let version = request.conf.version;
    let log = log::Log::start(plugin.name, &request);
    let result = (plugin.run)(&request, plugins);
    log.finish(&result);
    match result {
        Ok(Some(result)) => Ok(result.to_json(version)),
        Ok(None) => Ok(String::new()),
        Err(error) => Err((error, version)),
    }
}

fn read_stdin() -> Result<Vec<u8>, CniError> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(MAX_STDIN + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| CniError::io(format!("cannot read the network configuration from stdin: {e}")))?;
    if bytes.len() as u64 > MAX_STDIN {
        return Err(CniError::io("the network configuration on stdin is larger than 16 MiB"));
    }
    Ok(bytes)
}

/// Prints what there is to print, and gives the exit code.
fn finish(outcome: Result<String, (CniError, SpecVersion)>) -> ExitCode {
    let (text, code) = match outcome {
        Ok(text) => (text, ExitCode::SUCCESS),
        Err((error, version)) => (error.to_json(version), ExitCode::FAILURE),
    };
    if text.is_empty() {
        return code;
    }
    // In one piece: a reader gets all of it or nothing.
    let text = format!("{text}\n");
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => code,
        Err(_) => ExitCode::FAILURE,
    }
}

/// A panic is a defect, but the runtime still gets an error that it understands.
fn report_panics() {
    std::panic::set_hook(Box::new(|info| {
        let error = CniError::new(Code::INTERNAL, "the plugin panicked: a defect; please report it")
            .detail(info.to_string());
        let _ = finish(Err((error, SpecVersion::LATEST)));
        std::process::exit(1);
    }));
}

fn supported() -> Vec<&'static str> {
    SpecVersion::ALL.iter().map(|v| v.as_str()).collect()
}

fn versions() -> String {
    serde_json::json!({ "cniVersion": SpecVersion::LATEST.as_str(), "supportedVersions": supported() })
        .to_string()
}

fn about(plugin: &Plugin, commit: &str) -> String {
    format!(
        "CNI plugin {} (Trestle {}, {commit}): {}\nCNI protocol versions supported: {}",
        plugin.name,
        env!("CARGO_PKG_VERSION"),
        plugin.about,
        supported().join(", ")
    )
}

/// `--version` and `--help`, for a person who runs the program by hand.
fn answer_person(plugin: &Plugin, argument: &str, commit: &str) -> ExitCode {
    let text = match argument {
        "--version" | "-V" | "version" => about(plugin, commit),
        "--help" | "-h" | "help" => format!("{}\n\n{}", about(plugin, commit), usage(plugin.name)),
        other => {
            eprintln!("{}: unknown argument {other:?}; try --help", plugin.name);
            return ExitCode::from(2);
        }
    };
    finish(Ok(text))
}

fn usage(name: &str) -> String {
    format!(
        "A container runtime calls this program; it takes no arguments. What to do is in the environment:
  CNI_COMMAND      ADD, CHECK, DEL, GC, STATUS or VERSION
  CNI_CONTAINERID  the container (ADD, CHECK, DEL)
  CNI_NETNS        path of its network namespace (ADD, CHECK; DEL if it still exists)
  CNI_IFNAME       the interface in it (ADD, CHECK, DEL)
  CNI_ARGS         KEY=VALUE;KEY=VALUE, optional
  CNI_PATH         folders with plugins, ':' between them
  CNI_LOCK_TIMEOUT, CNI_PLUGIN_TIMEOUT
                   seconds to wait for the lock of a network (30), for another plugin (90)
  CNI_LOG_FILE     write a log there; CNI_LOG_LEVEL: error, warn, info, debug
The network configuration (JSON) is on stdin; the result or the error (JSON) comes on stdout.

By hand, with cnitool and a configuration of type \"{name}\" in /etc/cni/net.d:
  ip netns add demo
  CNI_PATH=/opt/cni/bin cnitool add NETWORK-NAME /run/netns/demo
  CNI_PATH=/opt/cni/bin cnitool del NETWORK-NAME /run/netns/demo
  ip netns del demo"
    )
}
