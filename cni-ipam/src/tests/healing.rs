//! Leases that heal themselves: what kills, crashes, boots and strange files leave.

use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;
use crate::testing::tick;

/// plugins#498: the reference, killed between creating and writing, leaves an address that is nobody's.
#[test]
fn empty_and_torn_leases_are_freed() {
    let net = Net::new(FIVE);
    net.add("c1").unwrap();
    for (name, content) in [("10.1.0.3", &b""[..]), ("10.1.0.4", b"\0\0\0\0\0\0\0\0"), ("10.1.0.5", b"\r\n")]
    {
        net.write(name, content);
    }
    net.write("last_reserved_ip.0", "10.1.0.6");
    net.write("10.1.0.6", "ref\r\neth0");
    for expected in ["10.1.0.3", "10.1.0.4", "10.1.0.5"] {
        assert_eq!(net.add(&format!("n{expected}")).unwrap(), expected);
    }
    assert_eq!(code(net.add("more")), 104);
}

/// plugins#252, #697; k8s#57280: leases of before a boot are void.
#[test]
fn a_boot_voids_what_was_noted_before_it() {
    let net = Net::new(FIVE);
    for i in 0..5 {
        net.add(&format!("c{i}")).unwrap();
    }
    assert_eq!(code(net.add("more")), 104);
    net.boot(2);
    assert_eq!(
        net.add("c0").unwrap(),
        "10.1.0.2",
        "the cursor goes on behind .6, and c0 has no lease any more"
    );
    assert_eq!(net.shown(), "10.1.0.2=c0");
}

#[test]
fn a_boot_spares_what_nobody_noted() {
    let net = Net::new(FIVE);
    net.add("c1").unwrap();
    net.boot(2);
    tick();
    // The reference made these in this boot, before our first call; one in the place of a void one.
    net.write("10.1.0.2", "ref\r\neth0");
    net.write("10.1.0.3", "ref2\r\neth0");
    net.add("c2").unwrap();
    assert_eq!(net.shown(), "10.1.0.2=ref 10.1.0.3=ref2 10.1.0.4=c2");
    net.boot(3);
    net.add("c3").unwrap();
    assert_eq!(net.shown(), "10.1.0.5=c3", "noted in the boot before");
}

#[test]
fn a_boot_that_cannot_be_told_voids_nothing() {
    let net = Net::new(FIVE);
    net.add("c1").unwrap();
    let boot_id = net.host.proc.join("sys/kernel/random/boot_id");
    std::fs::write(&boot_id, "").unwrap();
    net.add("c2").unwrap();
    net.boot(2);
    net.add("c3").unwrap();
    assert_eq!(net.shown(), "10.1.0.2=c1 10.1.0.3=c2 10.1.0.4=c3");
    net.boot(3);
    net.add("c4").unwrap();
    assert_eq!(net.shown(), "10.1.0.5=c4");
}

/// Neither the clock nor its being set back makes a live lease look dead, or a dead one alive.
#[test]
fn the_clock_says_nothing() {
    let net = Net::new(FIVE);
    net.add("c1").unwrap();
    net.write("10.1.0.3", "ref\r\neth0");
    let past = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(9);
    std::fs::File::open(net.dir().join("10.1.0.3")).unwrap().set_modified(past).unwrap();
    std::fs::File::open(net.dir()).unwrap().set_modified(past).unwrap();
    net.add("c2").unwrap();
    assert_eq!(net.shown(), "10.1.0.2=c1 10.1.0.3=ref 10.1.0.4=c2");
    net.boot(2);
    net.add("c3").unwrap();
    assert_eq!(net.shown(), "10.1.0.5=c3");
}

fn in_namespaces(count: usize) -> (Net, Vec<PathBuf>) {
    let net = Net::new(FIVE);
    let paths: Vec<_> = (0..count).map(|i| net.scratch.root().join(format!("netns{i}"))).collect();
    for (i, path) in paths.iter().enumerate() {
        symlink("/proc/self/ns/net", path).unwrap();
        net.add_in(&format!("c{i}"), path.to_str().unwrap()).unwrap();
    }
    (net, paths)
}

/// Design, section 6: only when the range runs out.
#[test]
fn a_lease_whose_namespace_is_gone_is_freed_when_the_range_runs_out() {
    let (net, paths) = in_namespaces(4);
    std::fs::remove_file(&paths[1]).unwrap();
    std::fs::remove_file(&paths[2]).unwrap();
    std::fs::write(&paths[2], "the mount point that is left").unwrap();
    net.add("c4").unwrap();
    assert_eq!(net.leases().len(), 5, "not before it runs out");
    net.status().unwrap();
    assert_eq!(net.add("c5").unwrap(), "10.1.0.3");
    assert_eq!(net.add("c6").unwrap(), "10.1.0.4");
    assert_eq!(code(net.add("c7")), 104);
    assert_eq!(code(net.status()), 50);
    assert_eq!(net.shown(), "10.1.0.2=c0 10.1.0.3=c5 10.1.0.4=c6 10.1.0.5=c3 10.1.0.6=c4");
    net.del("c1").unwrap();
    assert_eq!(net.leases().len(), 5, "the DEL that comes late takes nobody's address");
}

/// nerdctl#3355: a container of the same ID starts again after a crash that sent no DEL.
#[test]
fn a_dead_lease_of_the_same_container_is_no_duplicate() {
    let (net, paths) = in_namespaces(1);
    assert_eq!(code(net.add_in("c0", paths[0].to_str().unwrap())), 102);
    std::fs::remove_file(&paths[0]).unwrap();
    assert_eq!(net.add("c0").unwrap(), "10.1.0.3");
    assert_eq!(net.shown(), "10.1.0.3=c0");
}

#[test]
fn an_address_that_is_wanted_is_freed_when_its_owner_is_dead() {
    let (mut net, paths) = in_namespaces(2);
    net.more = r#", "runtimeConfig": {"ips": ["10.1.0.3"]}"#.into();
    assert_eq!(code(net.add("new")), 102);
    std::fs::remove_file(&paths[1]).unwrap();
    assert_eq!(net.add("new").unwrap(), "10.1.0.3");
}

/// What is noted of namespaces outlives a change by somebody else.
#[test]
fn namespaces_are_remembered_across_a_rebuild() {
    let (net, paths) = in_namespaces(3);
    net.reference_add("10.1.0.5", "ref");
    net.reference_add("10.1.0.6", "ref2");
    std::fs::remove_file(&paths[0]).unwrap();
    assert_eq!(net.add("new").unwrap(), "10.1.0.2");
}

#[test]
fn strange_files_in_the_place_of_leases_are_passed_over() {
    let net = Net::new(FIVE);
    net.write("lock", "");
    let target = net.scratch.root().join("target");
    symlink(&target, net.dir().join("10.1.0.2")).unwrap();
    std::fs::create_dir(net.dir().join("10.1.0.3")).unwrap();
    nix::unistd::mkfifo(&net.dir().join("10.1.0.4"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    net.write("10.1.0.77x", "c1\r\neth0");
    net.write("README", "c1\r\neth0");
    assert_eq!(net.add("c1").unwrap(), "10.1.0.5");
    net.check("c1").unwrap();
    assert_eq!(net.add("c2").unwrap(), "10.1.0.6");
    let error = net.add("c3").unwrap_err();
    assert!(error.code.0 == 104 && error.msg.contains("5 of 5"), "{}", error.msg);
    net.del("c1").unwrap();
    net.del("c2").unwrap();
    assert!(!target.exists() && net.dir().join("10.1.0.3").is_dir());
    assert_eq!(net.text("README"), "c1\r\neth0");
}

/// A lease that turns into something else while the index believes it to be a file.
#[test]
fn a_lease_replaced_by_a_link_is_not_followed() {
    let net = Net::new(FIVE);
    net.add("c1").unwrap();
    let target = net.scratch.root().join("target");
    std::fs::write(&target, "c1\r\neth0").unwrap();
    std::fs::remove_file(net.dir().join("10.1.0.2")).unwrap();
    symlink(&target, net.dir().join("10.1.0.2")).unwrap();
    assert_eq!(code(net.check("c1")), 100);
    net.del("c1").unwrap();
    assert!(target.exists() && net.dir().join("10.1.0.2").is_symlink());
}

#[test]
fn an_index_that_cannot_be_had_is_done_without() {
    for make in [
        |path: &Path| std::fs::create_dir(path),
        |path: &Path| symlink("/dev/full", path),
        |path: &Path| std::fs::write(path, vec![0x55; 100_000]),
    ] {
        let net = Net::new(FIVE);
        net.add("c1").unwrap();
        std::fs::remove_file(net.dir().join(".index")).unwrap();
        make(&net.dir().join(".index")).unwrap();
        assert_eq!(net.add("c2").unwrap(), "10.1.0.3");
        net.check("c1").unwrap();
        assert_eq!(code(net.add("c1")), 102);
        net.del("c1").unwrap();
        net.del("c2").unwrap();
        assert_eq!(net.shown(), "");
    }
}

/// The index lies and was made to look true: the files still count, and it is found out.
#[test]
fn an_index_that_lies_is_found_out() {
    let net = Net::new(FIVE);
    net.add("c1").unwrap();
    net.add("c2").unwrap();
    // Change the two owners' addresses in the records, and set the file's time back to the mark.
    let path = net.dir().join(".index");
    let mark = path.metadata().unwrap().modified().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    for record in bytes[4 * 4096..].as_chunks_mut::<128>().0 {
        if record[0] == 1 {
            record[32] ^= 1;
        }
    }
    std::fs::write(&path, bytes).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(mark).unwrap();
    net.check("c1").unwrap();
    net.del("c1").unwrap();
    assert_eq!(net.shown(), "10.1.0.3=c2");
    net.del("c2").unwrap();
    assert_eq!(net.shown(), "");
}
