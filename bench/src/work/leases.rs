//! `host-local` by itself, with many leases there already.

use super::Bench;
use crate::attachment::Verb;
use crate::cage::{mount_at, unmount};
use crate::error::{Context, Result};
use crate::machine::memory_available;
use crate::netns::Netns;
use crate::process::{Call, Outcome, path};
use crate::record::{Unit, Who};
use crate::tools::Tools;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Instant;

const ALL: [Who; 3] = [Who::Trestle, Who::Reference, Who::Floor];
const ROOT: &str = "/run/bench/leases";
const VERBS: [(&str, Verb); 3] = [("add", Verb::Add), ("check", Verb::Check), ("del", Verb::Del)];

/// Leases that are there, and where the next one is looked for.
#[derive(Clone, Copy)]
struct Case {
    /// Put before the verb to make the work's name.
    work: &'static str,
    /// How many there are.
    leases: u32,
    subnet: &'static str,
    /// The first address that is taken; the others follow it.
    first: IpAddr,
    /// Whether each ADD begins its search before all of them.
    ahead: bool,
}

const fn level(leases: u32) -> Case {
    let first = IpAddr::V4(Ipv4Addr::new(10, 128, 0, 2));
    Case { work: "ipam", leases, subnet: "10.128.0.0/12", first, ahead: false }
}

const CASES: [Case; 7] = [
    level(1_000),
    level(10_000),
    level(50_000),
    level(200_000),
    Case { work: "ipam-ahead", ahead: true, ..level(50_000) },
    Case {
        work: "ipam-v6",
        leases: 50_000,
        subnet: "fd00:b::/64",
        first: IpAddr::V6(Ipv6Addr::new(0xfd00, 0xb, 0, 0, 0, 0, 0, 2)),
        ahead: true,
    },
    // 65,533 addresses can be given (not the network's, the gateway's, the broadcast); all but the last are taken.
    Case {
        work: "ipam-full",
        leases: 65_532,
        subnet: "10.11.0.0/16",
        first: IpAddr::V4(Ipv4Addr::new(10, 11, 0, 2)),
        ahead: true,
    },
];

/// Measures ADD, CHECK and DEL in each case, beside the same with ten leases.
pub fn measure(bench: &mut Bench) -> Result<()> {
    std::fs::create_dir_all(ROOT).doing(|| format!("making {ROOT}"))?;
    let pod = Netns::create("leases")?;
    for case in CASES {
        if bench.quick && case.leases > 50_000 {
            continue;
        }
        // A lease takes a page, an inode and a name; ours and the reference's are there at once.
        let needed = u64::from(case.leases) * 6 * 3 / 1024;
        if memory_available() < needed + 500 {
            bench
                .progress
                .note(&format!("{} leases left out: {needed} MiB of memory are not free", case.leases));
            continue;
        }
        mount_at("tmpfs", ROOT)?;
        let done = one(bench, &pod, case);
        unmount(ROOT)?;
        done?;
    }
    Ok(())
}

fn one(bench: &mut Bench, pod: &Netns, case: Case) -> Result<()> {
    let mut stores = Vec::new();
    for who in ALL {
        // 200,000 leases are for ours alone: the reference would take seconds for each.
        if who == Who::Reference && case.leases > 100_000 {
            continue;
        }
        bench.progress.at(&format!("{} leases for {} ({})", case.leases, who.title(), case.work));
        stores.push(Store::fill(who, bench.tools, pod, case, "many")?);
        stores.push(Store::fill(who, bench.tools, pod, level(10), "ten")?);
    }
    let mut pace = bench.pace(7);
    let whose: Vec<Who> = ALL.into_iter().filter(|w| stores.iter().any(|s| s.who == *w)).collect();
    for store in &mut stores {
        warm_up(bench, store);
    }
    for repetition in 0.. {
        let turn = pace.turn(repetition, &whose);
        if turn.is_empty() {
            return Ok(());
        }
        let (title, all) = (case.work, bench.repetitions);
        bench.progress.at(&format!(
            "{title}, {} leases, repetition {} of {all}",
            case.leases,
            repetition + 1
        ));
        for who in turn {
            let begin = Instant::now();
            for store in stores.iter_mut().filter(|s| s.who == who) {
                for (name, verb) in VERBS {
                    sample(bench, store, name, verb);
                }
            }
            pace.spent(who, begin);
        }
    }
    Ok(())
}

fn sample(bench: &mut Bench, store: &mut Store, name: &str, verb: Verb) {
    let work = format!("{}-{name}", store.case.work);
    if bench.record.has_failed(&work, store.who) {
        return;
    }
    match store.run(verb) {
        Ok(outcome) => {
            let leases = Some(u64::from(store.case.leases));
            bench.record.add(&work, leases, store.who, Unit::Millis, outcome.millis());
        }
        Err(error) => bench.failed(&work, store.who, &error),
    }
}

/// The first run meets leases that another program wrote; what it pays for that is a figure of its own.
fn warm_up(bench: &mut Bench, store: &mut Store) {
    for round in 0..2 {
        match store.run(Verb::Add).and_then(|first| store.run(Verb::Del).map(|_| first)) {
            Ok(first) if round == 0 && store.case.work == "ipam" && store.who == Who::Trestle => {
                let leases = Some(u64::from(store.case.leases));
                bench.record.add("ipam-rebuild", leases, store.who, Unit::Millis, first.millis());
            }
            Ok(_) => {}
            Err(error) => bench.failed(&format!("{}-add", store.case.work), store.who, &error),
        }
    }
}

/// A directory of leases, and the configuration of its network.
struct Store {
    who: Who,
    case: Case,
    tools: Tools,
    netns: PathBuf,
    directory: PathBuf,
    configuration: Value,
    previous: Option<Value>,
}

impl Store {
    /// Writes the leases as the reference does.
    fn fill(who: Who, tools: &Tools, netns: &Netns, case: Case, name: &str) -> Result<Self> {
        let data = Path::new(ROOT).join(format!("{}-{name}", who.title()));
        let directory = data.join("bench");
        std::fs::create_dir_all(&directory).doing(|| format!("making {}", directory.display()))?;
        for number in 0..case.leases {
            let path = directory.join(plus(case.first, number).to_string());
            let lease = format!("{number:08x}{}\r\neth0", "5a".repeat(28));
            std::fs::write(&path, lease).doing(|| format!("writing {}", path.display()))?;
        }
        let configuration = json!({
            "cniVersion": "1.1.0", "name": "bench", "type": "bridge",
            "ipam": {"type": "host-local", "ranges": [[{"subnet": case.subnet}]], "dataDir": data},
        });
        let mut store = Self {
            who,
            case,
            tools: tools.clone(),
            netns: netns.path().to_owned(),
            directory,
            configuration,
            previous: None,
        };
        store.point()?;
        Ok(store)
    }

    /// Sets the cursor, which names the address given last.
    fn point(&mut self) -> Result<()> {
        let last =
            if self.case.ahead { self.case.first } else { plus(self.case.first, self.case.leases - 1) };
        let path = self.directory.join("last_reserved_ip.0");
        std::fs::write(&path, last.to_string()).doing(|| format!("writing {}", path.display()))
    }

    fn run(&mut self, verb: Verb) -> Result<Outcome> {
        if self.case.ahead && verb == Verb::Add {
            self.point()?;
        }
        let case = self.case;
        let what = || {
            format!("{} by {} at {} leases ({})", verb.command(), self.who.title(), case.leases, case.work)
        };
        let outcome = self.call(verb).run()?.succeeded(what)?;
        if verb == Verb::Add && self.who != Who::Floor {
            self.previous = Some(serde_json::from_slice(&outcome.stdout).doing(what)?);
        }
        Ok(outcome)
    }

    fn call(&self, verb: Verb) -> Call {
        let id = "c0ffee00".repeat(8);
        if self.who == Who::Floor {
            let verb = verb.command().to_ascii_lowercase();
            let next = plus(self.case.first, self.case.leases);
            let lease = format!("lease={}/{next}", self.directory.display());
            let arguments = vec![format!("ipam-{verb}"), lease, format!("id={id}")];
            return Call {
                program: self.tools.floor.clone(),
                arguments,
                environment: Vec::new(),
                stdin: Vec::new(),
            };
        }
        let mut configuration = self.configuration.clone();
        if let Some(previous) = self.previous.as_ref().filter(|_| verb != Verb::Add) {
            crate::network::insert(&mut configuration, "prevResult", previous.clone());
        }
        let directory = self.tools.directory(self.who);
        let environment = vec![
            ("CNI_COMMAND", verb.command().to_owned()),
            ("CNI_CONTAINERID", id),
            ("CNI_NETNS", self.netns.display().to_string()),
            ("CNI_IFNAME", "eth0".to_owned()),
            ("CNI_PATH", directory.display().to_string()),
            ("PATH", path()),
        ];
        let stdin = configuration.to_string().into_bytes();
        Call { program: directory.join("host-local"), arguments: Vec::new(), environment, stdin }
    }
}

fn plus(address: IpAddr, number: u32) -> IpAddr {
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() + number).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() + u128::from(number)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_subnet_leaves_exactly_one_address() {
        let full = CASES.iter().find(|c| c.work == "ipam-full").unwrap();
        assert_eq!(plus(full.first, full.leases), "10.11.255.254".parse::<IpAddr>().unwrap());
        assert_eq!(plus(level(1).first, 256), "10.128.1.2".parse::<IpAddr>().unwrap());
    }
}
