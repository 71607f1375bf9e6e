//! Stands where a runtime looks for a plugin: starts the real one and notes what the call was and how long it took.
//!
//! Standard input goes through untouched. One line per call is appended in one write, so that a hundred
//! calls at once do not tear each other's lines.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use serde_json::json;

/// Where the real plugins are, inside a node.
const PLUGINS: &str = "/run/node/plugins";
/// One line of JSON per call.
const CALLS: &str = "/run/node/calls.jsonl";
/// A named pipe; while it exists an ADD of bridge waits at it until somebody opens its other end.
const HOLDS: [&str; 2] = ["/run/node/hold-before", "/run/node/hold-after"];

/// Runs the plugin `name` and ends as it does.
pub fn record(name: &str) -> ExitCode {
    let verb = env::var("CNI_COMMAND").unwrap_or_default();
    let held = name == "bridge" && verb == "ADD";
    if held {
        wait_at(HOLDS[0]);
    }
    let netns = match env::var("CNI_NETNS").unwrap_or_default() {
        path if path.is_empty() => "empty",
        path if Path::new(&path).exists() => "there",
        _ => "gone",
    };
    let started = Instant::now();
    let output =
        Command::new(Path::new(PLUGINS).join(name)).stdin(Stdio::inherit()).stderr(Stdio::inherit()).output();
    let millis = started.elapsed().as_secs_f64() * 1e3;
    if held {
        wait_at(HOLDS[1]);
    }
    let (code, stdout) = match output {
        Ok(output) => (output.status.code().unwrap_or(-1), output.stdout),
        Err(error) => {
            let code = 999;
            let message = format!("{PLUGINS}/{name}: {error}");
            (1, json!({ "cniVersion": "1.0.0", "code": code, "msg": message }).to_string().into_bytes())
        }
    };
    let error = if code == 0 { String::new() } else { String::from_utf8_lossy(&stdout).into_owned() };
    let line = json!({
        "plugin": name, "verb": verb, "container": env::var("CNI_CONTAINERID").unwrap_or_default(),
        "ifname": env::var("CNI_IFNAME").unwrap_or_default(), "netns": netns, "ms": millis, "exit": code, "error": error,
    });
    if let Err(error) = append(&format!("{line}\n")) {
        eprintln!("{CALLS}: {error}");
    }
    // The runtime may be dead by now; then nobody reads.
    let _ = io::stdout().write_all(&stdout);
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn append(line: &str) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).open(CALLS)?.write_all(line.as_bytes())
}

/// Says that it waits, and waits until the pipe's writer has come and gone.
fn wait_at(pipe: &str) {
    if !Path::new(pipe).exists() {
        return;
    }
    let _ = fs::write("/run/node/held", std::process::id().to_string());
    if let Ok(mut pipe) = File::open(pipe) {
        let _ = pipe.read_to_end(&mut Vec::new());
    }
}
