//! Samples of what `make sweep` does in full.

use std::time::Duration;

use trestle_faults::chance;
use trestle_faults::network::{Network, Way};
use trestle_faults::node::on_node;
use trestle_faults::storm;
use trestle_faults::sweep::{self, Kind, Options};

use crate::{Test, network, ours, theirs};

pub fn tests() -> Vec<Test> {
    crate::tests![
        a_fault_at_any_system_call_leaves_nothing,
        the_same_sweep_finds_what_the_reference_leaves,
        hundreds_at_once_have_addresses_of_their_own,
        the_reference_and_ours_share_one_directory,
        calls_and_kills_at_random_keep_the_model,
        a_del_that_overtakes_its_add_ends_clean
    ]
}

/// Runs are begun for so long; more of them on a faster machine.
const SAMPLE_TIME: Duration = Duration::from_secs(25);

fn a_fault_at_any_system_call_leaves_nothing() {
    let seed = chance::seed();
    let report = sweep::run(&Options { time: Some(SAMPLE_TIME), ..Options::sample(ours(), 600, seed) });
    println!("seed {seed}: {} runs", report.runs());
    assert!(report.findings.is_empty(), "FAULTS_SEED={seed}\n{report}");
    assert!(report.runs() > 40, "too few runs to mean anything:\n{report}");
}

fn the_same_sweep_finds_what_the_reference_leaves() {
    let networks = vec!["masquerade"];
    let time = Some(Duration::from_secs(15));
    let report = sweep::run(&Options { networks, time, ..Options::sample(theirs(), 60, chance::seed()) });
    assert!(
        report.broken(Kind::Left) > 0,
        "the sweep found nothing in the reference, so it cannot fail:\n{report}"
    );
}

fn hundreds_at_once_have_addresses_of_their_own() {
    for (name, count) in [("host-local", 500), ("spoof", 60)] {
        let wave = on_node(|node| storm::wave(node, &[network(name)], count));
        assert!(wave.findings.is_empty(), "{name}: {wave}");
    }
}

fn the_reference_and_ours_share_one_directory() {
    let networks = [network("host-local"), Network::named("host-local", &theirs())];
    let wave = on_node(|node| storm::wave(node, &networks, 100));
    assert!(wave.findings.is_empty(), "{wave}");
}

fn calls_and_kills_at_random_keep_the_model() {
    let seed = chance::seed();
    let tally = on_node(|node| storm::random(node, &network("spoof"), 64, Duration::from_secs(10), seed));
    println!("seed {seed}: {tally}");
    assert!(tally.findings.is_empty(), "FAULTS_SEED={seed}\n{tally}");
}

/// Azure#4829: DEL at any moment of its own ADD, then the DEL that kubelet sends later.
fn a_del_that_overtakes_its_add_ends_clean() {
    on_node(|node| {
        let (network, pod) = (network("spoof"), node.pod("pod"));
        network.add(&pod).run().ok();
        network.del(&pod, Way::There).run().ok();
        let before = trestle_faults::state::State::of(node, &[&pod]).owned();
        for step in 0..20 {
            let mut add = network.add(&pod).start();
            std::thread::sleep(Duration::from_micros(step * 500));
            network.del(&pod, Way::There).run().ok();
            add.wait().unwrap();
            network.del(&pod, Way::Empty).run().ok();
            let after = trestle_faults::state::State::of(node, &[&pod]).owned();
            assert_eq!(
                after.beyond(&before),
                Vec::<String>::new(),
                "DEL {} µs after the start of ADD",
                step * 500
            );
        }
    });
}
