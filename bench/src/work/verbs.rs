//! Each verb by itself: the next pod on a node that has one already.

use super::Bench;
use crate::attachment::{Attachment, Verb, expect_links, prepare_floor};
use crate::error::{Context, Result};
use crate::netns::Netns;
use crate::network::Network;
use crate::process::settle;
use crate::record::Who;
use crate::tools::Tools;
use nix::fcntl::{Flock, FlockArg};
use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const ALL: [Who; 5] = [Who::Trestle, Who::Reference, Who::ReferenceNft, Who::Floor, Who::FloorAck];

/// Network by network, in the order in which they are done: work's name and verb.
const MASQUERADE: [(&str, Verb); 7] = [
    ("add-masquerade", Verb::Add),
    ("check", Verb::Check),
    ("gc", Verb::Gc),
    ("status", Verb::Status),
    ("version", Verb::Version),
    ("del-masquerade", Verb::Del),
    ("del-again", Verb::DelAgain),
];
const PLAIN: [(&str, Verb); 2] = [("add-plain", Verb::Add), ("del-plain", Verb::Del)];
const DUAL: [(&str, Verb); 2] = [("add-dual", Verb::Add), ("del-dual", Verb::Del)];

/// The node of one program, with a network of each kind.
struct Site {
    who: Who,
    node: Netns,
    networks: [Network; 3],
    /// For each network, one that stays and one that comes and goes.
    pods: [(Netns, Netns); 3],
}

impl Site {
    fn new(who: Who) -> Result<Self> {
        let name = format!("verbs-{}", who.title().replace(' ', "-"));
        let data = PathBuf::from("/run/bench").join(&name);
        let backend = (who == Who::ReferenceNft).then_some("nftables");
        let networks = [
            Network::new("masq", 88, &data.join("masq")).masqueraded(backend),
            Network::new("plain", 89, &data.join("plain")),
            Network::new("dual", 90, &data.join("dual")).dual_stack(),
        ];
        let pair = |kind: &str| -> Result<(Netns, Netns)> {
            Ok((Netns::create(&format!("{name}-{kind}-stays"))?, Netns::create(&format!("{name}-{kind}"))?))
        };
        let pods = [pair("masq")?, pair("plain")?, pair("dual")?];
        Ok(Self { who, node: Netns::create(&name)?, networks, pods })
    }

    fn attachments<'a>(&'a self, tools: &'a Tools) -> Vec<(Attachment<'a>, Attachment<'a>)> {
        let on = |network: &'a Network, pod: &'a Netns, number| Attachment {
            who: self.who,
            tools,
            node: &self.node,
            network,
            pod,
            number,
            previous: None,
        };
        let both = self.networks.iter().zip(&self.pods);
        both.map(|(network, (stays, goes))| (on(network, stays, 1), on(network, goes, 2))).collect()
    }
}

/// Measures them.
pub fn measure(bench: &mut Bench) -> Result<()> {
    let sites: Vec<Site> = ALL.into_iter().map(Site::new).collect::<Result<_>>()?;
    let mut pods: Vec<Vec<_>> = sites.iter().map(|site| site.attachments(bench.tools)).collect();
    for (site, pods) in sites.iter().zip(&mut pods) {
        for (index, (network, (stays, goes))) in site.networks.iter().zip(pods).enumerate() {
            bench.progress.at(&format!("{} joins {}", site.who.title(), network.name));
            if let Err(error) = first_pods(site, network, stays, goes) {
                for (work, _) in
                    [&MASQUERADE[..], &PLAIN[..], &DUAL[..]].get(index).copied().unwrap_or_default()
                {
                    bench.failed(work, site.who, &error);
                }
            }
        }
    }
    let mut pace = bench.pace(22);
    for repetition in 0.. {
        let turn = pace.turn(repetition, &ALL);
        if turn.is_empty() {
            break;
        }
        bench.progress.at(&format!("repetition {} of {}", repetition + 1, bench.repetitions));
        for (network, steps) in [&MASQUERADE[..], &PLAIN[..], &DUAL[..]].into_iter().enumerate() {
            for (work, verb) in steps {
                for who in &turn {
                    let begin = Instant::now();
                    let pod = pods.iter_mut().flatten().filter(|(_, goes)| goes.who == *who).nth(network);
                    if let Some((_, pod)) = pod {
                        step(bench, work, *verb, pod, network);
                    }
                    pace.used(*who, begin.elapsed());
                }
            }
        }
        for who in turn {
            pace.spent(who, Instant::now());
        }
    }
    for (site, pods) in sites.iter().zip(&mut pods).filter(|(site, _)| site.who == Who::Trestle) {
        if let (Some((stays, _)), [network, ..]) = (pods.first_mut(), &site.networks) {
            status_under_lock(bench, network, stays)?;
        }
    }
    Ok(())
}

/// STATUS while somebody else holds the lock of the leases for a second.
fn status_under_lock(bench: &mut Bench, network: &Network, pod: &mut Attachment) -> Result<()> {
    let path = network.data.join(&network.name).join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.doing(|| format!("opening {}", path.display()))?;
    let lock = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| errno);
    let lock = lock.doing(|| format!("locking {}", path.display()))?;
    let holder = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(1));
        drop(lock);
    });
    let outcome = pod.run(Verb::Status);
    let _ = holder.join();
    let (holds, seen) = match outcome {
        Ok(outcome) => (outcome.millis() < 500.0, format!("{:.1} ms", outcome.millis())),
        Err(error) => (false, error.0),
    };
    bench.record.fact("STATUS does not wait for a lock", holds, seen);
    Ok(())
}

/// One sample. The second backend concerns nothing but masquerade; the floor has no GC and no VERSION, and the one
/// that waits for the ACK differs in DEL only.
fn step(bench: &mut Bench, work: &str, verb: Verb, pod: &mut Attachment, network: usize) {
    let floor = matches!(pod.who, Who::Floor | Who::FloorAck);
    if (pod.who == Who::ReferenceNft && network > 0) || (floor && matches!(verb, Verb::Version | Verb::Gc)) {
        return;
    }
    if pod.who == Who::FloorAck && verb != Verb::Del {
        let _ = pod.run(verb);
        return;
    }
    if bench.sample(work, None, pod, verb) && verb == Verb::Del {
        // Links of the node: the loopback, three bridges, three pods that stay.
        if let Err(error) = expect_links(7) {
            bench.failed(work, pod.who, &error);
        }
    }
    if matches!(verb, Verb::Del | Verb::DelAgain) {
        settle();
    }
}

/// Makes the bridge by a pod that stays, so that what is measured is the next pod; and warms up with another.
fn first_pods(site: &Site, network: &Network, stays: &mut Attachment, goes: &mut Attachment) -> Result<()> {
    if matches!(site.who, Who::Floor | Who::FloorAck) {
        prepare_floor(&site.node, network)?;
    }
    stays.run(Verb::Add)?;
    for _ in 0..2 {
        goes.run(Verb::Add)?;
        goes.run(Verb::Del)?;
    }
    settle();
    Ok(())
}
