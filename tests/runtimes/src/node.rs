//! A node: namespaces and cgroups of its own, with folders that outlive it (`node/boot`, `node/init`).

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;

use crate::calls::Call;
use crate::command;
use crate::confs;
use crate::programs::{Side, programs};
use crate::run::Run;

/// A machine, as far as runtimes and plugins can tell. It is gone, with all that ran on it, when this value
/// is dropped or this process ends; its folder stays until the run's end.
pub struct Node {
    pub name: String,
    /// On the host; /run/node on the node.
    pub dir: PathBuf,
    tag: String,
    on: Option<Power>,
}

/// What a running node has.
struct Power {
    guard: Child,
    /// The node's first process ends when this is closed.
    hold: ChildStdin,
    /// The first process, as the host counts.
    pid: u32,
}

impl Node {
    /// Starts a node with empty folders and no plugins.
    pub fn bare(run: &Run, name: &str) -> Node {
        let dir = run.dir.join(name);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("log")).unwrap();
        let mut node = Node { name: name.to_owned(), dir, tag: format!("{}-{name}", run.tag), on: None };
        node.power_on();
        node
    }

    /// Starts a node whose plugins are of a side, each call of one recorded.
    pub fn new(run: &Run, name: &str, side: Side) -> Node {
        let node = Node::bare(run, name);
        programs().install(side, &node.dir.join("plugins"));
        programs().record(&node.dir.join("plugins"), &node.dir.join("bin"));
        node
    }

    /// Starts it again, with the folders that it had.
    pub fn power_on(&mut self) {
        assert!(self.on.is_none(), "{} runs already", self.name);
        let log = fs::File::options().append(true).create(true).open(self.dir.join("log/boot")).unwrap();
        let mut guard = Command::new(programs().scripts.join("boot"))
            .args([&self.tag])
            .args([&self.dir, &programs().runtimes])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C is for the harness; the guard has to live on and clean up.
            .process_group(0)
            .spawn()
            .unwrap();
        let hold = guard.stdin.take().unwrap();
        let mut line = String::new();
        BufReader::new(guard.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(pid) = line.strip_prefix("ready ").and_then(|pid| pid.trim().parse().ok()) else {
            let log = fs::read_to_string(self.dir.join("log/boot")).unwrap_or_default();
            panic!("node {} did not start: {line}{log}", self.name);
        };
        self.on = Some(Power { guard, hold, pid });
    }

    /// Ends all its processes at once, and with them namespaces, links, rules, mounts.
    pub fn power_off(&mut self) {
        if let Some(Power { mut guard, hold, .. }) = self.on.take() {
            drop(hold);
            let _ = guard.wait();
        }
    }

    /// The first process of the node, as the host counts; other nodes' links are put into its namespace.
    pub fn pid(&self) -> u32 {
        self.on.as_ref().unwrap_or_else(|| panic!("{} is off", self.name)).pid
    }

    /// A command that will run on the node. Programs that are not the system's are in /run/programs.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(programs().scripts.join("enter"));
        command.arg(&self.tag).arg(self.pid().to_string()).arg(program);
        command.env("PATH", format!("/run/programs/bin:/usr/sbin:/sbin:/usr/bin:/bin:{}", env_path()));
        command
    }

    /// Runs a shell script on the node; it must succeed.
    pub fn sh(&self, script: &str) -> String {
        command::run(self.command("bash").args(["-ec", script]), script)
    }

    /// Starts a program that goes on, its words in `log/NAME`, its number (as the node counts) in `NAME.pid`.
    pub fn daemon(&self, name: &str, script: &str) -> Child {
        let script = format!("echo $$ >/run/node/{name}.pid; exec {script}");
        let log =
            fs::File::options().append(true).create(true).open(self.dir.join("log").join(name)).unwrap();
        self.command("bash")
            .args(["-c", &script])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap()
    }

    /// Writes a file into the node's folder.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // A runtime that watches the folder sees a whole file.
        let new = path.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, path).unwrap();
    }

    /// Reads a file of the node's folder, empty when there is none.
    pub fn read(&self, path: &str) -> String {
        fs::read(self.dir.join(path))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Name below /run/netns of a container's network namespace, as libcni remembers it.
    pub fn netns(&self, container: &str) -> String {
        let file = format!("var/cni/results/{}-{container}-eth0", confs::NETWORK);
        let cached: Value = serde_json::from_str(&self.read(&file)).unwrap_or_default();
        // Older libraries note it only in the result.
        let interfaces = cached["result"]["interfaces"].as_array().into_iter().flatten();
        let path =
            cached["netns"].as_str().or_else(|| interfaces.into_iter().find_map(|i| i["sandbox"].as_str()));
        path.and_then(|path| path.rsplit('/').next()).unwrap_or_else(|| panic!("{file}: {cached}")).to_owned()
    }

    /// What runtimes have called on this node since it was made.
    pub fn calls(&self) -> Vec<Call> {
        let text = self.read("calls.jsonl");
        // A line that is being written has no end yet.
        text.split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }

    /// Begins a new list of calls.
    pub fn forget_calls(&self) {
        let _ = fs::remove_file(self.dir.join("calls.jsonl"));
    }
}

fn env_path() -> String {
    std::env::var("PATH").unwrap_or_default()
}

impl Drop for Node {
    fn drop(&mut self) {
        self.power_off();
    }
}
