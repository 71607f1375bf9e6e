//! Size on disk, and peak memory.

use super::Bench;
use crate::attachment::{Attachment, Verb};
use crate::error::{Context, Result};
use crate::netns::Netns;
use crate::network::Network;
use crate::process::Call;
use crate::record::{Unit, Who};
use std::path::Path;

const BOTH: [Who; 2] = [Who::Trestle, Who::Reference];

/// Measures both.
pub fn measure(bench: &mut Bench) -> Result<()> {
    for who in BOTH {
        let bytes = bench.tools.size(who)?;
        bench.record.add("size", None, who, Unit::Megabytes, megabytes(bytes));
        if let Err(error) = bridge(bench, who) {
            bench.failed("memory-bridge", who, &error);
        }
    }
    Ok(())
}

/// Each verb through `bridge`, with `host-local` under it; then `host-local` alone with the same configuration.
fn bridge(bench: &mut Bench, who: Who) -> Result<()> {
    let node = Netns::create(&format!("footprint-{}", who.title()))?;
    let pod = Netns::create(&format!("footprint-pod-{}", who.title()))?;
    let data = Path::new("/run/bench").join(format!("footprint-{}", who.title()));
    let network = Network::new("foot", 92, &data).masqueraded(None);
    let (tools, number) = (bench.tools, 1);
    let mut attachment =
        Attachment { who, tools, node: &node, network: &network, pod: &pod, number, previous: None };
    for _ in 0..bench.repetitions.min(5) {
        node.enter()?;
        for verb in [Verb::Add, Verb::Check, Verb::Status, Verb::Del, Verb::DelAgain] {
            let call = attachment.call(verb);
            let (bytes, stdout) = peak(bench, call)?;
            bench.record.add("memory-bridge", None, who, Unit::Megabytes, megabytes(bytes));
            if verb == Verb::Add {
                attachment.previous = serde_json::from_slice(&stdout).ok();
            }
        }
        for verb in [Verb::Add, Verb::Check, Verb::Status, Verb::Del] {
            let mut call = attachment.call(verb);
            call.program.set_file_name("host-local");
            let (bytes, stdout) = peak(bench, call)?;
            if verb == Verb::Add {
                attachment.previous = serde_json::from_slice(&stdout).ok();
            }
            bench.record.add("memory-host-local", None, who, Unit::Megabytes, megabytes(bytes));
        }
    }
    Ok(())
}

/// Peak resident memory of a program and of those it waited for, in bytes. The floor starts it: a child of ours would
/// show our own peak.
fn peak(bench: &Bench, call: Call) -> Result<(u64, Vec<u8>)> {
    let what = format!("peak memory of {}", call.program.display());
    let (floor, argument) = (bench.tools.floor.clone(), format!("program={}", call.program.display()));
    let call = Call { program: floor, arguments: vec!["peak".to_owned(), argument], ..call };
    let outcome = call.run_with_stderr()?.succeeded(|| what.clone())?;
    let text = String::from_utf8_lossy(&outcome.stderr).into_owned();
    let kilobytes: u64 =
        text.lines().last().and_then(|line| line.trim().parse().ok()).doing(|| format!("{what}: {text}"))?;
    Ok((kilobytes * 1024, outcome.stdout))
}

#[allow(clippy::cast_precision_loss)]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
