//! A full disk, a directory that cannot be written, no descriptors left.

use std::fs;

use trestle_faults::network::{NAME, Way};
use trestle_faults::node::{on_node, read_only, tmpfs};
use trestle_faults::state::State;
use trestle_faults::storm::leases;

use crate::{Test, network};

pub fn tests() -> Vec<Test> {
    crate::tests![
        a_full_disk_is_named_and_del_works_on_it,
        a_read_only_directory_is_named_and_del_cleans_the_kernel,
        without_descriptors_nothing_is_left
    ]
}

fn a_full_disk_is_named_and_del_works_on_it() {
    on_node(|node| {
        tmpfs("/var/lib", "size=256k,mode=0755");
        let (network, old, new) = (network("spoof"), node.pod("old"), node.pod("new"));
        network.add(&old).run().ok();
        let filler = vec![0; 1 << 20];
        assert!(fs::write("/var/lib/filler", filler).is_err(), "the disk is not full");
        let before = State::of(node, &[&old, &new]).owned();
        let answer = network.add(&new).run();
        // A file that fits into what is left of a page may still be made; then all of it must be there.
        if answer.succeeded() {
            assert_eq!(leases().len(), 2);
        } else {
            let (code, text) = answer.failed();
            assert!(code == 5 && text.contains("ENOSPC"), "{code} {text}");
            assert_eq!(State::of(node, &[&old, &new]).owned(), before);
        }
        network.del(&new, Way::There).run().ok();
        network.del(&old, Way::There).run().ok();
        assert!(leases().is_empty(), "{:?}", leases());
    });
}

fn a_read_only_directory_is_named_and_del_cleans_the_kernel() {
    on_node(|node| {
        let (network, old, new) = (network("spoof"), node.pod("old"), node.pod("new"));
        network.add(&old).run().ok();
        read_only("/var/lib/cni");
        let (code, text) = network.add(&new).run().failed();
        assert!(code == 5 && text.contains("EROFS"), "{code} {text}");
        let (code, _) = network.call("STATUS", &old, &network.conf).run().failed();
        assert_eq!(code, 50);
        let (code, text) = network.del(&old, Way::There).run().failed();
        assert!(code == 5 && text.contains("EROFS") && text.contains(NAME), "{code} {text}");
        let left = State::of(node, &[&old, &new]).owned().0;
        assert!(left.iter().all(|line| line.starts_with("file /var/lib/cni/networks")), "{left:?}");
        nix::mount::umount("/var/lib/cni").unwrap();
        network.del(&old, Way::There).run().ok();
        assert_eq!(State::of(node, &[&old, &new]).owned(), State::default());
    });
}

/// Every limit from too few even to start to plenty.
fn without_descriptors_nothing_is_left() {
    on_node(|node| {
        let network = network("spoof");
        let mut worked = 0;
        for limit in 3..24 {
            let pod = node.pod(&format!("pod{limit}"));
            let prlimit = format!("--nofile={limit}:{limit}");
            let answer = network.add(&pod).by(&["prlimit", &prlimit]).run();
            if answer.succeeded() {
                worked += 1;
                // With as few, DEL works too, or says why and leaves the rest to the next one.
                let del = network.del(&pod, Way::There).by(&["prlimit", &prlimit]).run();
                if !del.succeeded() {
                    del.failed();
                }
            } else if answer.code != Some(127) && !answer.stdout.is_empty() {
                let (_, text) = answer.failed();
                let told = text.contains("not rolled back");
                let left = State::of(node, &[&pod]).owned();
                assert!(told || left == State::default(), "{limit} descriptors: {left:?} after {text}");
            }
            network.del(&pod, Way::There).run().ok();
            assert_eq!(State::of(node, &[&pod]).owned(), State::default(), "{limit} descriptors");
            pod.destroy();
        }
        assert!(worked > 5, "ADD never worked");
    });
}
