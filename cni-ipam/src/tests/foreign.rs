//! The reference, or an operator, changes the directory between our calls.

use super::*;

#[test]
fn their_lease_is_seen_at_once() {
    let net = Net::new(FIVE);
    net.add("c1").unwrap();
    net.reference_add("10.1.0.3", "ref");
    assert_eq!(net.add("c2").unwrap(), "10.1.0.4");
    assert_eq!(code(net.add("ref")), 102);
    net.check("ref").unwrap();
    net.del("ref").unwrap();
    assert_eq!(net.shown(), "10.1.0.2=c1 10.1.0.4=c2");
}

#[test]
fn their_del_is_seen_at_once() {
    let net = Net::new(r#""subnet": "10.1.0.0/30""#);
    net.add("c1").unwrap();
    std::fs::remove_file(net.dir().join("10.1.0.2")).unwrap();
    assert_eq!(code(net.check("c1")), 100);
    net.del("c1").unwrap();
    assert_eq!(net.add("c1").unwrap(), "10.1.0.2");
}

/// Each of these happens within one tick of the kernel's clock after our own change: a time stamp alone
/// would not show it.
#[test]
fn nothing_is_missed_within_one_tick() {
    for round in 0..100 {
        let net = Net::new(r#""subnet": "10.1.0.0/24""#);
        net.add("c1").unwrap();
        net.reference_add("10.1.0.9", "ref");
        net.del("ref").unwrap();
        assert_eq!(net.shown(), "10.1.0.2=c1", "round {round}");
        net.add("c2").unwrap();
        std::fs::remove_file(net.dir().join("10.1.0.10")).unwrap();
        net.reference_add("10.1.0.10", "ref");
        net.del("c2").unwrap();
        assert_eq!(net.shown(), "10.1.0.10=ref 10.1.0.2=c1", "the same address and inode, another owner");
        net.del("ref").unwrap();
        assert_eq!(net.shown(), "10.1.0.2=c1");
    }
}

#[test]
fn their_cursor_is_followed() {
    let net = Net::new(r#""subnet": "10.1.0.0/24""#);
    net.add("c1").unwrap();
    net.write("last_reserved_ip.0", "10.1.0.100");
    assert_eq!(net.add("c2").unwrap(), "10.1.0.101");
    std::fs::remove_file(net.dir().join("last_reserved_ip.0")).unwrap();
    assert_eq!(net.add("c3").unwrap(), "10.1.0.3");
}

/// The directory is copied with everything in it, time stamps too: the index describes other files.
#[test]
fn a_copy_is_not_taken_for_the_original() {
    let net = Net::new(FIVE);
    net.add("c1").unwrap();
    net.add("c2").unwrap();
    let copy = net.scratch.place().data_dir.join("copy");
    let copied = std::process::Command::new("cp").arg("-a").arg(net.dir()).arg(&copy).status().unwrap();
    assert!(copied.success());
    std::fs::remove_dir_all(net.dir()).unwrap();
    std::fs::rename(&copy, net.dir()).unwrap();
    net.check("c1").unwrap();
    assert_eq!(net.add("c3").unwrap(), "10.1.0.4");
    net.boot(2);
    net.del("c3").unwrap();
    assert_eq!(net.shown(), "", "noted after it was copied, so void after the boot");
}

#[test]
fn a_directory_that_goes_away_comes_back() {
    let net = Net::new(FIVE);
    net.add("c1").unwrap();
    std::fs::remove_dir_all(net.scratch.place().data_dir).unwrap();
    net.del("c1").unwrap();
    assert_eq!(code(net.check("c1")), 100);
    assert_eq!(net.add("c2").unwrap(), "10.1.0.2");
}

/// A file that is not older than the last mark may have been made anew since, within the same tick; here the
/// tick is stretched by a time stamp in the future.
#[test]
fn a_lease_as_new_as_the_mark_is_read_again() {
    let net = Net::new(FIVE);
    let future = std::time::SystemTime::now() + Duration::from_hours(1);
    let lease = |text: &str| {
        net.write("10.1.0.5", text);
        let file = std::fs::File::options().write(true).open(net.dir().join("10.1.0.5")).unwrap();
        file.set_modified(future).unwrap();
        net.write("touch", "");
        std::fs::remove_file(net.dir().join("touch")).unwrap();
    };
    lease("old\r\neth0");
    net.add("c1").unwrap();
    lease("new\r\neth0");
    net.check("new").unwrap();
    assert_eq!(code(net.check("old")), 100);
    net.del("old").unwrap();
    assert_eq!(net.shown(), "10.1.0.2=c1 10.1.0.5=new");
    net.del("new").unwrap();
    assert_eq!(net.shown(), "10.1.0.2=c1");
}

/// Written over in place, which does not show in the directory: the file counts, not what was noted of it.
#[test]
fn a_lease_that_was_written_over_is_the_new_owners() {
    let net = Net::new(FIVE);
    net.add("c1").unwrap();
    net.write("10.1.0.2", "c9\r\neth0");
    assert_eq!(code(net.check("c1")), 100);
    net.check("c9").unwrap();
    net.del("c1").unwrap();
    assert_eq!(net.shown(), "10.1.0.2=c9");
    net.del("c9").unwrap();
    assert_eq!(net.shown(), "");
}

/// Files that come while the lock is held, from somebody who does not know of it.
#[test]
fn files_that_come_in_the_middle_are_met() {
    let net = Net::new(FIVE);
    let request = Request::new(&Net::env("ADD", "c1"), net.conf().into_bytes()).unwrap();
    let attachment = request.attachment().unwrap();
    let mut store = crate::store::Store::create(&net.scratch.place(), &net.host).unwrap();
    net.write("10.1.0.2", "");
    net.write("10.1.0.3", "c9\r\neth0");
    let addr = |text| crate::address::Addr::parse(text).unwrap();
    assert!(store.reserve(addr("10.1.0.2"), attachment, None).unwrap().is_some(), "nobody's file gives way");
    assert!(store.reserve(addr("10.1.0.3"), attachment, None).unwrap().is_none(), "another's lease does not");
    assert!(store.reserve(addr("10.1.0.4"), attachment, None).unwrap().is_some());
    drop(store);
    net.del("c9").unwrap();
    assert_eq!(net.shown(), "10.1.0.2=c1 10.1.0.4=c1", "and was seen by the next call");
    net.del("c1").unwrap();
    assert_eq!(net.shown(), "");
}
