//! Full and read-only file systems, in a mount namespace of the test's own thread.

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use super::*;

/// Unmounts when dropped, also after a failed assertion, so that the test's directory can be removed.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

/// Runs `test` with a small file system of its own in the place of the data directory. Says so and passes
/// where mounting is not allowed.
fn on_tmpfs(options: &'static str, test: impl FnOnce(&Net) + Send + 'static) {
    let thread = std::thread::spawn(move || {
        let none = None::<&str>;
        if let Err(errno) = unshare(CloneFlags::CLONE_NEWNS) {
            eprintln!("skipped: no mount namespace: {errno}");
            return;
        }
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        let net = Net::new(r#""subnet": "10.1.0.0/24""#);
        let data = net.scratch.place().data_dir;
        std::fs::create_dir(&data).unwrap();
        mount(Some("tmpfs"), &data, Some("tmpfs"), MsFlags::empty(), Some(options)).unwrap();
        let _mounted = Mounted(data);
        test(&net);
    });
    thread.join().unwrap();
}

fn remount(net: &Net, flags: MsFlags) {
    let data = net.scratch.place().data_dir;
    mount(None::<&str>, &data, None::<&str>, MsFlags::MS_REMOUNT | flags, None::<&str>).unwrap();
}

/// As much as the file system takes.
fn fill(net: &Net) {
    for name in ["fill1", "fill2"] {
        let mut file = std::fs::File::create(net.scratch.place().data_dir.join(name)).unwrap();
        while std::io::Write::write_all(&mut file, &[7; 512]).is_ok() {}
    }
}

#[test]
fn on_a_full_disk_add_fails_clean_and_del_frees() {
    on_tmpfs("size=256k", |net| {
        net.add("c1").unwrap();
        fill(net);
        let before = net.scratch.names();
        let error = net.add("c2").unwrap_err();
        assert!(error.code.0 == 5 && error.msg.contains("make room"), "{}", error.msg);
        assert_eq!(net.scratch.names(), before);
        let status = net.status().unwrap_err();
        assert!(status.code.0 == 50 && status.msg.contains("make room"), "{}", status.msg);
        net.check("c1").unwrap();
        // Not even the index can be made anew.
        std::fs::File::open(net.dir()).unwrap().set_modified(std::time::SystemTime::now()).unwrap();
        net.check("c1").unwrap();
        net.del("c1").unwrap();
        assert_eq!(net.shown(), "");
        std::fs::remove_file(net.scratch.place().data_dir.join("fill1")).unwrap();
        net.status().unwrap();
        net.add("c2").unwrap();
    });
}

#[test]
fn without_inodes_add_fails_clean() {
    on_tmpfs("size=1m,nr_inodes=6", |net| {
        // The root, the directory, lock, index, cursor: one lease fits.
        net.add("c1").unwrap();
        let before = net.scratch.names();
        assert_eq!(code(net.add("c2")), 5);
        assert_eq!(net.scratch.names(), before);
        assert_eq!(code(net.status()), 50);
        net.del("c1").unwrap();
        net.add("c2").unwrap();
    });
}

#[test]
fn a_read_only_place_is_named_and_can_be_looked_at() {
    on_tmpfs("size=256k", |net| {
        remount(net, MsFlags::MS_RDONLY);
        let error = net.status().unwrap_err();
        assert!(error.code.0 == 50 && error.msg.contains("mount it writable"), "{}", error.msg);
        assert_eq!(code(net.add("c1")), 5);
        remount(net, MsFlags::empty());
        net.add("c1").unwrap();
        remount(net, MsFlags::MS_RDONLY);
        net.check("c1").unwrap();
        assert_eq!(code(net.check("c2")), 100);
        for error in [net.add("c2").unwrap_err(), net.del("c1").unwrap_err()] {
            assert!(error.code.0 == 5 && error.msg.contains("mount it writable"), "{}", error.msg);
        }
        net.del("c2").unwrap();
        assert_eq!(code(net.status()), 50);
        remount(net, MsFlags::empty());
        net.del("c1").unwrap();
    });
}
