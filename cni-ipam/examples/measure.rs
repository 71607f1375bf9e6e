//! Times each verb in one process, in a scratch directory: `measure [DIRECTORY]`.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::path::Path;
use std::time::{Duration, Instant};

use cni_common::spec::{Environment, Request};
use cni_ipam::{Host, run_on};

const ROUNDS: usize = 300;

struct Bench {
    data: String,
    host: Host,
    next: u32,
}

impl Bench {
    fn request(&self, verb: &str, id: &str, ipam: &str) -> Request {
        let conf = format!(
            r#"{{"cniVersion": "1.1.0", "name": "net", "ipam": {{"type": "host-local", "dataDir": "{}", {ipam}}}}}"#,
            self.data
        );
        let env = Environment {
            command: verb.into(),
            container_id: id.into(),
            netns: "/proc/self/ns/net".into(),
            ifname: "eth0".into(),
            path: "/opt/cni/bin".into(),
            ..Environment::default()
        };
        Request::new(&env, conf.into_bytes()).unwrap()
    }

    fn id(&mut self) -> String {
        self.next += 1;
        format!("{:064x}", self.next)
    }

    fn call(&self, verb: &str, id: &str, ipam: &str) -> Duration {
        let start = Instant::now();
        let request = self.request(verb, id, ipam);
        run_on(&self.host, &request).unwrap();
        start.elapsed()
    }

    fn fill(&mut self, count: u32, ipam: &str) {
        for _ in 0..count {
            let id = self.id();
            self.call("ADD", &id, ipam);
        }
    }

    /// Medians of ADD, CHECK, DEL, DEL again and STATUS, with the number of leases unchanged.
    fn rounds(&mut self, what: &str, ipam: &str) {
        let mut times: [Vec<Duration>; 5] = Default::default();
        for _ in 0..ROUNDS {
            let id = self.id();
            for (verb, times) in ["ADD", "CHECK", "DEL", "DEL", "STATUS"].iter().zip(&mut times) {
                times.push(self.call(verb, &id, ipam));
            }
        }
        let text: Vec<String> = times
            .iter_mut()
            .map(|times| {
                times.sort();
                format!("{:7.1} ({:7.1})", micros(times[ROUNDS / 2]), micros(times[ROUNDS * 9 / 10]))
            })
            .collect();
        println!("{what:<34} {}", text.join(" "));
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn main() {
    let root = std::env::args().nth(1).unwrap_or_else(|| std::env::temp_dir().to_string_lossy().into_owned());
    let root = Path::new(&root).join(format!("measure-{}", std::process::id()));
    let mut number = 0;
    let mut fresh = || {
        number += 1;
        let data = root.join(number.to_string()).to_string_lossy().into_owned();
        Bench { data, host: Host::default(), next: 0 }
    };
    println!(
        "median (90 %) in microseconds        ADD               CHECK             DEL               DEL again         STATUS"
    );
    let v4 = r#""subnet": "10.0.0.0/8""#;
    let mut bench = fresh();
    bench.fill(10, v4);
    bench.rounds("10 leases", v4);
    bench.fill(1000, v4);
    bench.rounds("1,000 leases", v4);
    let start = Instant::now();
    bench.fill(49_000, v4);
    println!("(fill: {:.1} us per ADD)", micros(start.elapsed()) / 49_000.0);
    bench.rounds("50,000 leases", v4);
    let cursor = format!("{}/net/last_reserved_ip.0", bench.data);
    let mut ahead = Vec::new();
    for _ in 0..50 {
        std::fs::write(&cursor, "10.0.0.1").unwrap();
        let id = bench.id();
        ahead.push(bench.call("ADD", &id, v4));
        bench.call("DEL", &id, v4);
    }
    ahead.sort();
    println!("50,000 taken ahead of the cursor   {:7.1}", micros(ahead[25]));
    std::fs::File::create(format!("{}/net/foreign", bench.data)).unwrap();
    let start = Instant::now();
    let id = bench.id();
    bench.call("ADD", &id, v4);
    println!("first ADD after a foreign change   {:7.1}", micros(start.elapsed()));
    std::fs::remove_file(format!("{}/net/.index", bench.data)).unwrap();
    let start = Instant::now();
    bench.call("DEL", &id, v4);
    println!("DEL without an index               {:7.1}", micros(start.elapsed()));
    let full = r#""subnet": "10.1.0.0/16""#;
    let mut bench = fresh();
    bench.fill(65_533 - 1, full);
    bench.rounds("a full /16 but one", full);
    let v6 = r#""subnet": "fd00:1:2:3::/64""#;
    let mut bench = fresh();
    bench.fill(50_000, v6);
    bench.rounds("IPv6 /64, 50,000 leases", v6);
    let dual = r#""ranges": [[{"subnet": "10.0.0.0/8"}], [{"subnet": "fd00::/64"}]]"#;
    let mut bench = fresh();
    bench.fill(10, dual);
    bench.rounds("dual stack, 10 leases", dual);
    std::fs::remove_dir_all(&root).unwrap();
}
