//! `trestle-faults`: the harnesses, by hand and for `make sweep`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use trestle_faults::chance;
use trestle_faults::network::Network;
use trestle_faults::node::{isolate_process, on_node};
use trestle_faults::sweep::{self, Options};
use trestle_faults::{seccomp, storm};

const USAGE: &str = "\
trestle-faults sweep [--bin FOLDER] [--network NAME]... [--jobs N] [--sample N] [--seed S] [--time SECONDS]
    a fault at every system call of ADD, DEL and GC; exit code 1 when anything was left, lost or untrue
trestle-faults storm [--bin FOLDER] [--reference FOLDER] [--network NAME]... [--count N] [--seconds S] [--seed S]
    N ADDs at once and then N DELs, alone and mixed with the reference's host-local; then calls at random
trestle-faults mutations --bin FOLDER
    three promises broken on purpose; FOLDER holds plugins built with the feature mutations
trestle-faults syscalls [--bin FOLDER]
    the system calls that the plugins make
FOLDER holds the plugins (TRESTLE_BIN, else bin); pointed at other plugins it sweeps those.";

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.is_empty() || arguments.iter().any(|a| a == "--help" || a == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    isolate_process();
    match arguments.remove(0).as_str() {
        "sweep" => sweep(&arguments),
        "storm" => storm(&arguments),
        "mutations" => mutations(&arguments),
        "syscalls" => syscalls(&arguments),
        other => {
            eprintln!("unknown command {other:?}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn ours() -> PathBuf {
    std::env::var_os("TRESTLE_BIN").map_or_else(|| PathBuf::from("bin"), PathBuf::from)
}

fn real(folder: &Path) -> PathBuf {
    folder.canonicalize().unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
}

/// The options as pairs; the number of a value that must be one.
fn pairs(arguments: &[String]) -> impl Iterator<Item = (&str, &str)> {
    arguments.chunks(2).map(|pair| {
        let [key, value] = pair else { panic!("{} needs a value\n{USAGE}", pair[0]) };
        (key.as_str(), value.as_str())
    })
}

fn number(key: &str, value: &str) -> usize {
    value.parse().unwrap_or_else(|_| panic!("{key} needs a number, not {value:?}"))
}

fn storm(arguments: &[String]) -> ExitCode {
    let (mut bin, mut reference) = (ours(), std::env::var_os("REFERENCE_BIN").map(PathBuf::from));
    let (mut count, mut seconds, mut seed) = (500, 60, chance::seed());
    let mut names = Vec::new();
    for (key, value) in pairs(arguments) {
        match key {
            "--bin" => bin = PathBuf::from(value),
            "--reference" => reference = Some(PathBuf::from(value)),
            "--network" => names.push(value),
            "--count" => count = number(key, value),
            "--seconds" => seconds = number(key, value) as u64,
            "--seed" => seed = number(key, value) as u64,
            _ => panic!("unknown option {key}\n{USAGE}"),
        }
    }
    let bin = real(&bin);
    let mut findings = 0;
    for name in if names.is_empty() { &["host-local", "dual", "spoof"][..] } else { &names[..] } {
        let wave = on_node(|node| storm::wave(node, &[Network::named(name, &bin)], count));
        println!("{name}: {wave}");
        findings += wave.findings.len();
    }
    if let Some(reference) = reference {
        let networks = [Network::named("host-local", &bin), Network::named("host-local", &real(&reference))];
        let wave = on_node(|node| storm::wave(node, &networks, count));
        println!("host-local mixed with the reference: {wave}");
        findings += wave.findings.len();
    }
    let names = if names.is_empty() { vec!["spoof", "dual"] } else { names };
    for name in &names {
        let time = Duration::from_secs(seconds / names.len() as u64);
        if time.is_zero() {
            break;
        }
        let tally = on_node(|node| storm::random(node, &Network::named(name, &bin), 64, time, seed));
        println!("{name} at random, 64 in flight, {} s, seed {seed}: {tally}", time.as_secs());
        findings += tally.findings.len();
    }
    ExitCode::from(u8::from(findings > 0))
}

/// Each mutation, and the harness that must notice it.
const MUTATIONS: [(&str, &[&str]); 3] = [
    ("rollback", &["sweep", "--network", "dual", "--sample", "600"]),
    ("sweep", &["sweep", "--network", "spoof", "--sample", "40"]),
    ("lock", &["storm", "--network", "host-local", "--count", "50", "--seconds", "12"]),
];

fn mutations(arguments: &[String]) -> ExitCode {
    let [(_, bin)] = pairs(arguments).collect::<Vec<_>>()[..] else { panic!("{USAGE}") };
    let mut missed = 0;
    for (name, harness) in MUTATIONS {
        let run = |broken: &str| {
            let mut command = std::process::Command::new("/proc/self/exe");
            command
                .args(harness)
                .args(["--bin", bin])
                .env("TRESTLE_MUTATION", broken)
                .output()
                .expect("harness")
        };
        let (sound, broken) = (run("none"), run(name));
        let text = String::from_utf8_lossy(&broken.stdout).into_owned();
        let caught = sound.status.success() && broken.status.code() == Some(1);
        missed += u8::from(!caught);
        let words = text.lines().find(|line| line.contains("findings")).unwrap_or_default();
        println!("{name} off: {} ({words})", if caught { "caught" } else { "MISSED" });
    }
    ExitCode::from(missed)
}

fn syscalls(arguments: &[String]) -> ExitCode {
    let bin = pairs(arguments).next().map_or_else(ours, |(_, value)| PathBuf::from(value));
    for name in seccomp::made(&real(&bin)) {
        println!("{name}");
    }
    ExitCode::SUCCESS
}

fn sweep(arguments: &[String]) -> ExitCode {
    let mut options =
        Options { jobs: 8, sample: None, progress: true, ..Options::sample(ours(), 0, chance::seed()) };
    let mut networks = Vec::new();
    for (key, value) in pairs(arguments) {
        match key {
            "--bin" => options.bin = PathBuf::from(value),
            "--network" => networks.push(Network::named(value, &options.bin).name),
            "--jobs" => options.jobs = number(key, value),
            "--sample" => options.sample = Some(number(key, value)),
            "--seed" => options.seed = number(key, value) as u64,
            "--time" => options.time = Some(Duration::from_secs(number(key, value) as u64)),
            _ => panic!("unknown option {key}\n{USAGE}"),
        }
    }
    if !networks.is_empty() {
        options.networks = networks;
    }
    options.bin = real(&options.bin);
    eprintln!("sweeping {}, seed {}", options.bin.display(), options.seed);
    let report = sweep::run(&options);
    println!("\n{report}");
    ExitCode::from(u8::from(!report.findings.is_empty()))
}
