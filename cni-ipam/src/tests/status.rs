//! STATUS tells the truth, waits for nothing and writes nothing.

use super::*;

fn snapshot(net: &Net) -> Vec<(String, std::time::SystemTime)> {
    let stamp = |name: &String| net.dir().join(name).symlink_metadata().unwrap().modified().unwrap();
    let names = net.scratch.names();
    let mut all: Vec<_> = names.iter().map(|name| (name.clone(), stamp(name))).collect();
    all.push((".".into(), net.dir().metadata().unwrap().modified().unwrap()));
    all
}

#[test]
fn ready_before_the_first_add_and_after() {
    let net = Net::new(FIVE);
    net.status().unwrap();
    assert!(!net.scratch.place().data_dir.exists());
    for i in 0..5 {
        net.status().unwrap();
        net.add(&format!("c{i}")).unwrap();
    }
    let before = snapshot(&net);
    let error = net.status().unwrap_err();
    assert_eq!(error.code.0, 50);
    assert!(error.msg.contains("no IP addresses available") && error.msg.contains("all 5"), "{}", error.msg);
    assert_eq!(snapshot(&net), before, "nothing is written");
    net.del("c3").unwrap();
    net.status().unwrap();
}

#[test]
fn a_full_set_of_two_is_seen() {
    let net = Net::new(r#""ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00::2/128"}]]"#);
    net.status().unwrap();
    net.add("c1").unwrap();
    assert!(net.status().unwrap_err().msg.contains("fd00::2-fd00::2"));
}

#[test]
fn it_never_waits_for_the_lock() {
    let net = Net::new(FIVE);
    net.add("c1").unwrap();
    let lock = std::fs::File::open(net.dir().join("lock")).unwrap();
    lock.lock().unwrap();
    net.status().unwrap();
    net.check("c1").unwrap();
    let net = Net { host: Host { lock_timeout: Duration::from_millis(10), ..net.host.clone() }, ..net };
    assert_eq!(code(net.add("c2")), 11);
    assert_eq!(code(net.del("c1")), 11);
}

/// What ADD would free does not make a range full.
#[test]
fn what_add_would_free_counts_as_free() {
    let net = Net::new(FIVE);
    for i in 2..7 {
        net.write(&format!("10.1.0.{i}"), format!("c{i}\r\neth0"));
    }
    assert_eq!(code(net.status()), 50, "without an index, too");
    net.write("10.1.0.4", "");
    net.status().unwrap();
    assert_eq!(net.add("new").unwrap(), "10.1.0.4");
    assert_eq!(code(net.status()), 50);
    net.boot(2);
    net.status().unwrap();
    net.add("next").unwrap();
}

#[test]
fn reasons_are_told() {
    let mut net = Net::new(r#""subnet": "10.1.0.1/24", "gatway": "10.1.0.9""#);
    let error = net.status().unwrap_err();
    assert!(error.code.0 == 50 && error.msg.contains("ipam.subnet"), "{}", error.msg);
    assert!(error.details.contains("ipam.gatway"), "{}", error.details);
    net.ipam = format!(r#"{FIVE}, "resolvConf": "/nowhere""#);
    assert!(net.status().unwrap_err().msg.contains("/nowhere"));
    net.ipam = FIVE.into();
    net.status().unwrap();
    for make in [
        |net: &Net| std::os::unix::fs::symlink("/dev/null", net.dir().join("lock")),
        |net: &Net| std::fs::create_dir(net.dir().join("last_reserved_ip.0")),
    ] {
        let net = Net::new(FIVE);
        net.write("x", "");
        make(&net).unwrap();
        let (status, add) = (net.status().unwrap_err(), net.add("c1").unwrap_err());
        assert!(status.code.0 == 50 && add.code.0 == 5, "{} {}", status.msg, add.msg);
        assert!(status.msg.ends_with(add.msg.split_once(" /").unwrap().1), "{} {}", status.msg, add.msg);
    }
    let net = Net::new(FIVE);
    std::fs::write(net.scratch.place().data_dir, "a file").unwrap();
    assert_eq!(code(net.status()), 50);
}
