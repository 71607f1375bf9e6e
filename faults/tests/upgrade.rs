//! State of other versions and of the reference, kept as files: read, honoured, cleaned.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use trestle_faults::network::{NAME, Way};
use trestle_faults::node::{Node, Pod, on_node};
use trestle_faults::state::State;
use trestle_faults::storm::leases;

use crate::{Test, network};

pub fn tests() -> Vec<Test> {
    crate::tests![
        leases_of_every_format_are_honoured_and_given_back,
        an_index_of_another_boot_frees_its_leases,
        rules_of_the_first_version_are_adopted_and_cleaned,
        rules_of_the_reference_are_cleaned
    ]
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Puts a lease directory in place.
fn restore(name: &str) {
    let dir = PathBuf::from("/var/lib/cni/networks").join(NAME);
    fs::create_dir_all(&dir).unwrap();
    for entry in fs::read_dir(fixture(name)).unwrap().map(Result::unwrap) {
        // A colon is no good in a file name everywhere, nor a leading dot in a listing.
        let name = entry.file_name().into_string().unwrap().replace('_', ":").replace("dot-", ".");
        let name = name.replace("last:reserved:ip", "last_reserved_ip");
        fs::copy(entry.path(), dir.join(name)).unwrap();
    }
}

fn load_rules(name: &str) {
    let done = Command::new("nft").arg("-f").arg(fixture(name)).output().unwrap();
    assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
}

fn named(node: &Node, id: &str) -> Pod {
    node.pod(id)
}

fn leases_of_every_format_are_honoured_and_given_back() {
    on_node(|node| {
        restore("leases-every-format");
        let network = network("host-local");
        // 10.88.0.2 container and interface; .3 the container alone (before 0.8); .4 with a final newline,
        // as written by hand; .5 empty, as the reference leaves it when killed; fd00:88::2 as .2.
        assert_eq!(leases().len(), 5);
        let new = named(node, "new");
        let given = network.add(&new).run().ok().addresses();
        assert!(
            given
                .iter()
                .all(|a| !["10.88.0.2", "10.88.0.3", "10.88.0.4", "fd00:88::2"].contains(&a.as_str())),
            "{given:?}"
        );
        assert!(given[0] == "10.88.0.5" || !leases().contains_key("10.88.0.5"), "the empty lease stayed");
        for id in ["exact", "old", "newline"] {
            network.del(&new.with_id(id), Way::There).run().ok();
            assert!(!leases().values().any(|holder| holder == id), "{id}: {:?}", leases());
        }
        network.del(&new, Way::There).run().ok();
        assert!(leases().is_empty(), "{:?}", leases());
    });
}

fn an_index_of_another_boot_frees_its_leases() {
    on_node(|node| {
        restore("leases-another-boot");
        let (network, new) = (network("host-local"), named(node, "new"));
        network.add(&new).run().ok();
        let held: Vec<String> = leases().into_values().collect();
        // The files were copied: they are not the ones that the index noted, so they count as alive, and a
        // DEL or GC frees them. Nothing is given twice.
        network.gc(&[&new]).run().ok();
        assert!(held.iter().all(|id| ["before-1", "before-2", "new"].contains(&id.as_str())), "{held:?}");
        assert!(leases().into_values().all(|id| id == "new"), "{:?}", leases());
        network.del(&new, Way::There).run().ok();
        assert!(leases().is_empty());
    });
}

fn rules_of_the_first_version_are_adopted_and_cleaned() {
    on_node(|node| {
        load_rules("trestle-0.1.nft");
        let (network, new) = (network("spoof"), named(node, "new"));
        let elements = |state: &State| state.0.iter().filter(|line| line.starts_with("nft-element")).count();
        assert_eq!(elements(&State::of(node, &[])), 3, "the fixture");
        let previous = network.add(&new).run().ok().json().unwrap();
        network.check(&new, &previous).run().ok();
        let state = State::of(node, &[&new]);
        let rules = state.0.iter().filter(|line| line.starts_with("nft-rule")).count();
        // No lease is there for the old pod's address, so the new one has it, and the element with it.
        assert_eq!((elements(&state), rules), (5, 2), "{state:?}");
        network.del(&new.with_id("fixture"), Way::Empty).run().ok();
        assert_eq!(elements(&State::of(node, &[&new])), 3);
        network.gc(&[]).run().ok();
        assert_eq!(elements(&State::of(node, &[&new])), 0);
    });
}

fn rules_of_the_reference_are_cleaned() {
    on_node(|node| {
        load_rules("reference-1.9.1.nft");
        let pod = named(node, "fixture");
        let before = State::of(node, &[&pod]).owned();
        assert!(!before.0.is_empty(), "the fixture has nothing of a pod");
        network("spoof").del(&pod, Way::Empty).run().ok();
        assert_eq!(State::of(node, &[&pod]).owned(), State::default());
    });
}
