//! A node full of what others made: rules, links and routes that are none of a plugin's business.

use super::Bench;
use crate::attachment::{Attachment, Verb, prepare_floor};
use crate::error::Result;
use crate::netns::Netns;
use crate::network::Network;
use crate::process::{settle, tool};
use crate::record::Who;
use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

const ALL: [Who; 3] = [Who::Trestle, Who::Reference, Who::Floor];
const VERBS: [(&str, Verb); 3] =
    [("foreign-add", Verb::Add), ("foreign-check", Verb::Check), ("foreign-del", Verb::Del)];

/// Foreign rules, pairs of links (two each), routes.
const CROWD: (u32, u32, u32) = (10_000, 1_000, 5_000);

/// Measures ADD, CHECK and DEL on an empty node (`x` 0) and on a full one (`x`: how many foreign objects).
pub fn measure(bench: &mut Bench) -> Result<()> {
    let (rules, pairs, routes) = if bench.quick { (1_000, 100, 500) } else { CROWD };
    let nodes = [(0, Netns::create("empty")?), (rules + 2 * pairs + routes, Netns::create("crowded")?)];
    let [_, (_, crowded)] = &nodes;
    bench.progress.at("making foreign rules, links and routes");
    crowd(crowded, rules, pairs, routes)?;
    let mut sites = Vec::new();
    for (index, who) in (0_u8..).zip(ALL) {
        for (crowd, node) in &nodes {
            let name = format!("foreign-{}-{crowd}", who.title());
            let data = Path::new("/run/bench").join(&name);
            let network = Network::new(&format!("crowd{index}"), 100 + index, &data).masqueraded(None);
            let pods = (Netns::create(&format!("{name}-stays"))?, Netns::create(&name)?);
            sites.push((who, u64::from(*crowd), node, network, pods));
        }
    }
    let mut pods = Vec::new();
    for (who, crowd, node, network, (stays, goes)) in &sites {
        if *who == Who::Floor {
            prepare_floor(node, network)?;
        }
        let on = |pod, number| Attachment {
            who: *who,
            tools: bench.tools,
            node,
            network,
            pod,
            number,
            previous: None,
        };
        let (mut stays, mut goes) = (on(stays, 1), on(goes, 2));
        let ready = stays.run(Verb::Add).and_then(|_| goes.run(Verb::Add)).and_then(|_| goes.run(Verb::Del));
        match ready {
            Ok(_) => pods.push((*crowd, goes)),
            Err(error) => {
                for (work, _) in VERBS {
                    bench.failed(work, *who, &error);
                }
            }
        }
    }
    let mut pace = bench.pace(12);
    for repetition in 0.. {
        let turn = pace.turn(repetition, &ALL);
        if turn.is_empty() {
            break;
        }
        bench.progress.at(&format!("repetition {} of {}", repetition + 1, bench.repetitions));
        for who in turn {
            let begin = Instant::now();
            // Both nodes in turn, and each first every other time.
            let mut both: Vec<_> = pods.iter_mut().filter(|(_, pod)| pod.who == who).collect();
            if !repetition.is_multiple_of(2) {
                both.reverse();
            }
            for (work, verb) in VERBS {
                for (crowd, pod) in &mut both {
                    bench.sample(work, Some(*crowd), pod, verb);
                    if verb == Verb::Del {
                        settle();
                    }
                }
            }
            pace.spent(who, begin);
        }
    }
    Ok(())
}

/// Fills a node by the tools that others use.
fn crowd(node: &Netns, rules: u32, pairs: u32, routes: u32) -> Result<()> {
    node.enter()?;
    let mut links = String::from("link set lo up\n");
    for pair in 0..pairs {
        let _ = writeln!(links, "link add fa{pair} type veth peer name fb{pair}");
    }
    let _ = writeln!(links, "addr add 172.16.0.1/30 dev fa0\nlink set fa0 up\nlink set fb0 up");
    tool("ip", &["-batch", "-"], &links)?;
    let mut batch = String::new();
    for route in 0..routes {
        let _ = writeln!(batch, "route add 172.20.{}.{}/32 via 172.16.0.2 dev fa0", route >> 8, route & 255);
    }
    tool("ip", &["-batch", "-"], &batch)?;
    let mut table = String::from("table inet foreign {\n chain pods {\n");
    for rule in 0..rules {
        let _ = writeln!(
            table,
            "ip saddr 172.24.{}.{} tcp dport {} counter accept",
            rule >> 8,
            rule & 255,
            1 + rule
        );
    }
    table.push_str(" }\n chain forward {\n type filter hook forward priority 0;\n jump pods\n }\n}\n");
    tool("nft", &["-f", "-"], &table)
}
