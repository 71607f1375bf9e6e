//! The pages in `docs` are held to the code. `errors.md`: each wrong configuration there is refused with the
//! code and the message that stand beside it, and each code has its row. `bridge.md`: its examples are valid.
//! `troubleshooting.md`: what can be provoked without a kernel's help is printed as it says.
//!
//! An example is a heading `###`, a block of `json`, perhaps a line `CNI_ARGS: ...`, a line `Code N:` and a
//! block of `text`. `UPDATE_GOLDEN=1` rewrites codes and messages.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // a test may

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use cni_bridge::Bridge;
use cni_common::driver::NetworkPlugin;
use cni_common::spec::{CniError, Code, Environment, Request};

/// One wrong configuration of the page.
#[derive(Debug, Default)]
struct Example {
    title: String,
    conf: String,
    args: String,
    code: String,
    message: String,
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/errors.md")
}

/// The text of the block that is opened by the line `fence`, and what is behind it.
fn block<'t>(text: &'t str, fence: &str) -> Option<(&'t str, &'t str)> {
    text.split_once(&format!("\n```{fence}\n"))?.1.split_once("\n```")
}

fn example(section: &str) -> Example {
    let missing = |part: &str| format!("no {part} in the example:\n{section}");
    let title = section.lines().next().unwrap_or_default().to_owned();
    let (conf, rest) = block(section, "json").unwrap_or_else(|| panic!("{}", missing("block of json")));
    let line = |start: &str| rest.lines().find_map(|line| line.strip_prefix(start)).map(str::trim);
    let code = line("Code ").and_then(|code| code.strip_suffix(':'));
    let code = code.unwrap_or_else(|| panic!("{}", missing("line Code")));
    let (message, _) = block(rest, "text").unwrap_or_else(|| panic!("{}", missing("block of text")));
    let args = line("CNI_ARGS:").unwrap_or_default().trim_matches('`').to_owned();
    Example { title, conf: conf.to_owned(), args, code: code.to_owned(), message: message.to_owned() }
}

fn environment(args: &str) -> Environment {
    Environment {
        command: "ADD".into(),
        container_id: "c1".into(),
        netns: "/run/netns/c1".into(),
        ifname: "eth0".into(),
        path: "/opt/cni/bin".into(),
        args: args.into(),
        ..Environment::default()
    }
}

/// What the plugin of that type says, without a look at the kernel or a file.
fn refusal(example: &Example) -> CniError {
    let outcome =
        Request::new(&environment(&example.args), example.conf.clone().into_bytes()).and_then(|request| {
            match request.conf.json.get("type").and_then(|plugin| plugin.as_str()) {
                Some("bridge") => {
                    Bridge::configure(&request)?;
                    // The reference and ours ask the IPAM plugin next.
                    request.conf.json.get("ipam").map_or(Ok(()), |_| read_host_local(&request))
                }
                Some("host-local") => read_host_local(&request),
                other => panic!("{}: type {other:?}", example.title),
            }
        });
    outcome.expect_err(&example.title)
}

fn read_host_local(request: &Request) -> Result<(), CniError> {
    cni_ipam::config::Config::read(request).map(|_| ())
}

/// The page with what the plugins say now.
fn rewritten(page: &str) -> String {
    let mut sections = page.split("\n### ");
    let mut text = sections.next().unwrap_or_default().to_owned();
    for section in sections {
        let example = example(section);
        let error = refusal(&example);
        let old = format!("Code {}:\n\n```text\n{}\n```", example.code, example.message);
        let new = format!("Code {}:\n\n```text\n{}\n```", error.code.0, error.msg);
        let _ = write!(text, "\n### {}", section.replace(&old, &new));
    }
    text
}

#[test]
fn the_wrong_configurations_of_the_page_are_refused_as_it_says() {
    let page = fs::read_to_string(path()).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path(), rewritten(&page)).unwrap();
        return;
    }
    let examples: Vec<_> = page.split("\n### ").skip(1).map(example).collect();
    assert!(examples.len() >= 20, "examples are missing: {}", examples.len());
    let titles: BTreeSet<_> = examples.iter().map(|example| &example.title).collect();
    assert_eq!(titles.len(), examples.len(), "two examples have one title");
    let mut wrong = Vec::new();
    for example in examples {
        let error = refusal(&example);
        let (code, message) = (error.code.0.to_string(), error.msg);
        if (&code, &message) != (&example.code, &example.message) {
            wrong.push(format!(
                "{}\n  page: {} {}\n  code: {code} {message}",
                example.title, example.code, example.message
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_has_its_row() {
    let page = fs::read_to_string(path()).unwrap();
    let rows: BTreeSet<u32> =
        page.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" |")?.0.parse().ok()).collect();
    let codes = [
        Code::INCOMPATIBLE_VERSION,
        Code::UNSUPPORTED_FIELD,
        Code::UNKNOWN_CONTAINER,
        Code::ENVIRONMENT,
        Code::IO,
        Code::DECODING,
        Code::CONFIG,
        Code::TRY_AGAIN,
        Code::UNAVAILABLE,
        Code::LIMITED,
        Code::DRIFT,
        Code::KERNEL,
        Code::CONFLICT,
        Code::IPAM,
        Code::EXHAUSTED,
        Code::INTERNAL,
    ];
    assert_eq!(rows, codes.into_iter().map(|code| code.0).collect());
}

/// The blocks of `json` in docs/bridge.md are whole configurations or keys of one.
#[test]
fn the_examples_of_the_bridge_page_are_valid() {
    let mut rest = &*fs::read_to_string(path().with_file_name("bridge.md")).unwrap();
    let mut count = 0;
    while let Some((conf, behind)) = block(rest, "json") {
        rest = behind;
        count += 1;
        let keys = conf.trim_start().strip_prefix('{').unwrap_or_else(|| panic!("no object: {conf}"));
        let conf = format!(r#"{{"cniVersion": "1.1.0", "name": "net1", "type": "bridge", {keys}"#);
        let bridge = Request::new(&environment(""), conf.clone().into_bytes())
            .and_then(|request| Bridge::configure(&request))
            .unwrap_or_else(|e| panic!("{e}: {conf}"));
        assert!(bridge.suspects.is_empty(), "{:?}: {conf}", bridge.suspects);
    }
    assert!(count >= 20, "examples are missing: {count}");
}

/// What a plugin says to a call, with the leases in `folder`, which the page knows by its usual name.
fn said(env: &Environment, plugin: &str, keys: &str, folder: &Path) -> Option<String> {
    let folder = folder.display().to_string();
    let conf = format!(
        r#"{{"cniVersion": "1.1.0", "name": "net1", "type": "{plugin}", "ipam": {{"type": "host-local",
        "subnet": "10.88.0.0/29", "dataDir": "{folder}"}} {keys}}}"#
    );
    let outcome = Request::new(env, conf.into_bytes()).and_then(|request| match plugin {
        "bridge" => cni_bridge::run(&request, &[]),
        _ => cni_ipam::run(&request),
    });
    outcome.err().map(|error| error.msg.replace(&folder, "/var/lib/cni/networks"))
}

#[test]
fn the_messages_of_the_troubleshooting_page_are_printed() {
    let page = fs::read_to_string(path().with_file_name("troubleshooting.md")).unwrap();
    let folder = std::env::temp_dir().join(format!("errors-page-{}", std::process::id()));
    let add = |id: &str| Environment { container_id: id.into(), ..environment("") };
    let verb = |verb: &str| Environment { command: verb.into(), ..environment("") };
    let host_local = |env: &Environment, keys: &str| said(env, "host-local", keys, &folder);
    let bridge = |env: &Environment, keys: &str| said(env, "bridge", keys, &folder);
    let gone = Environment { netns: "/run/netns/gone".into(), ..environment("") };
    let first = host_local(&add("a"), "");
    let mut messages = vec![
        host_local(&add("a"), ""),
        host_local(&add("b"), r#", "args": {"cni": {"ips": ["10.88.0.2"]}}"#),
        bridge(&gone, r#", "ipam": {}"#),
        bridge(&environment(""), r#", "ipam": {"type": "nobody"}"#),
        bridge(&environment(""), r#", "cniVersion": "1.2.0""#),
        bridge(&verb("STATUS"), r#", "cniVersion": "1.0.0""#),
    ];
    let others = ["h1", "h2", "h3", "h4"].map(|id| host_local(&add(id), ""));
    messages.extend([host_local(&add("z"), ""), host_local(&verb("STATUS"), "")]);
    let _ = fs::remove_dir_all(&folder);
    assert!(first.is_none() && others.iter().all(Option::is_none), "{first:?} {others:?}");
    for message in messages {
        let message = message.expect("an error");
        assert!(page.contains(&format!("\n```text\n{message}\n```\n")), "the page does not have: {message}");
    }
}
