//! A node of a test's own: network and mount namespaces that die with the test's thread.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::statfs::{NSFS_MAGIC, statfs};

use super::command::{self, Text};
use super::failure;

/// Where the network namespaces of a node's pods are; a tmpfs that only the node sees.
const NETNS_DIR: &str = "/run/netns";
/// Where the tests of a node put their files.
pub const WORK_DIR: &str = "/run/work";

/// Takes the whole process away from the host, before any thread runs: what a test forgets to isolate
/// meets an empty namespace.
pub fn isolate_process() {
    if !nix::unistd::geteuid().is_root() {
        let (uid, gid) = (nix::unistd::getuid(), nix::unistd::getgid());
        unshare(CloneFlags::CLONE_NEWUSER).expect("tests need root, or user namespaces");
        fs::write("/proc/self/setgroups", "deny").expect("setgroups");
        fs::write("/proc/self/uid_map", format!("0 {uid} 1")).expect("uid_map");
        fs::write("/proc/self/gid_map", format!("0 {gid} 1")).expect("gid_map");
    }
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).expect("tests need their own namespaces");
    private_mounts();
    let bridge = ["link", "add", "vlanprobe", "type", "bridge", "vlan_filtering", "1"];
    let there = command::attempt("ip", &bridge).is_some();
    command::attempt("ip", &["link", "del", "vlanprobe"]);
    VLAN_FILTERING.get_or_init(|| there);
}

fn private_mounts() {
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
        .expect("make mounts private");
}

fn tmpfs(target: &str) {
    mount(Some("tmpfs"), target, Some("tmpfs"), MsFlags::empty(), Some("mode=0755"))
        .unwrap_or_else(|e| panic!("mount tmpfs on {target}: {e}"));
}

static VLAN_FILTERING: OnceLock<bool> = OnceLock::new();

/// This kernel can filter VLANs on bridges; tried once the process has left the host.
pub fn vlan_filtering() -> bool {
    VLAN_FILTERING.get().copied().unwrap_or_default()
}

/// The node of one test. It is bound to the thread that made it: programs started by this thread run in it.
pub struct Node {
    /// Keeps it from being handed to a thread that is not in its namespaces.
    not_sync: std::marker::PhantomData<*const ()>,
}

/// Runs `work` on a node of its own and returns what it returns. Everything made on the node is gone afterwards.
///
/// # Panics
/// With the message of `work`'s panic.
pub fn on_node<T: Send>(work: impl FnOnce(&Node) -> T + Send) -> T {
    in_thread(|| {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).expect("unshare");
        private_mounts();
        for target in ["/run", "/var/lib"] {
            tmpfs(target);
        }
        fs::create_dir_all(NETNS_DIR).unwrap();
        fs::create_dir_all(WORK_DIR).unwrap();
        // /sys/class/net shows the namespace in which sysfs was mounted.
        let _ = mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), None::<&str>);
        let node = Node { not_sync: std::marker::PhantomData };
        node.ip("link set lo up");
        work(&node)
    })
}

/// Runs `work` in a thread that ends with it, so that whatever namespaces it entered are left.
fn in_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let result = std::thread::scope(|scope| {
        let body = || catch_unwind(AssertUnwindSafe(work)).map_err(|payload| failure::describe(&*payload));
        scope.spawn(body).join().expect("a caught panic does not end the thread")
    });
    result.unwrap_or_else(|message| failure::raise(message))
}

impl Node {
    /// Makes a network namespace under /run/netns, with its loopback up.
    pub fn pod(&self, name: &str) -> Pod {
        let path = Path::new(NETNS_DIR).join(name);
        File::create_new(&path).unwrap_or_else(|e| panic!("pod {name}: {e}"));
        in_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("unshare");
            mount(Some("/proc/thread-self/ns/net"), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>)
                .expect("bind the namespace");
            command::run(Command::new("ip").args(["link", "set", "lo", "up"]), "ip link set lo up");
        });
        Pod { id: name.to_owned(), ifname: "eth0".to_owned(), path }
    }

    /// Names of the namespaces under /run/netns, sorted.
    pub fn pod_names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(NETNS_DIR)
            .unwrap()
            .map(|entry| entry.unwrap())
            // A name whose namespace is gone, as after a reboot, is no pod.
            .filter(|entry| statfs(&entry.path()).is_ok_and(|fs| fs.filesystem_type() == NSFS_MAGIC))
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// How many ends of veth pairs the node has.
    pub fn pairs(&self) -> usize {
        self.sh("ip -o link show type veth").lines().count()
    }

    /// Waits until the node has this many ends of veth pairs: those of a dead namespace go a moment after it.
    pub fn await_pairs(&self, count: usize) {
        for _ in 0..200 {
            if self.pairs() == count {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("the links of a dead namespace stay");
    }

    /// Runs a shell command on the node; it must succeed.
    pub fn sh(&self, script: &str) -> Text {
        command::shell(script)
    }

    /// `ip ARGS` on the node; it must succeed.
    pub fn ip(&self, args: &str) -> Text {
        command::run(Command::new("ip").args(args.split_whitespace()), &format!("ip {args}"))
    }

    /// Sets a sysctl by its path below /proc/sys.
    pub fn set_sysctl(&self, key: &str, value: &str) {
        fs::write(format!("/proc/sys/{key}"), value).unwrap_or_else(|e| panic!("sysctl {key}={value}: {e}"));
    }

    /// Reads a sysctl by its path below /proc/sys.
    pub fn sysctl(&self, key: &str) -> String {
        fs::read_to_string(format!("/proc/sys/{key}")).unwrap_or_default().trim().to_owned()
    }
}

/// A network namespace that stands for a container, and the attachment that tests make in it.
#[derive(Clone, Debug)]
pub struct Pod {
    /// The container ID.
    pub id: String,
    /// The interface name.
    pub ifname: String,
    /// The namespace's path.
    pub path: PathBuf,
}

impl Pod {
    /// The path as text.
    pub fn netns(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// The same container with another interface.
    pub fn with_ifname(&self, ifname: &str) -> Pod {
        Pod { ifname: ifname.to_owned(), ..self.clone() }
    }

    /// The same namespace under another container ID.
    pub fn with_id(&self, id: &str) -> Pod {
        Pod { id: id.to_owned(), ..self.clone() }
    }

    /// Runs `work` inside.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let file = File::open(&self.path).unwrap_or_else(|e| panic!("{}: {e}", self.path.display()));
        in_thread(move || {
            setns(file.as_fd(), CloneFlags::CLONE_NEWNET).expect("setns");
            work()
        })
    }

    /// Runs a shell command inside; it must succeed.
    pub fn sh(&self, script: &str) -> Text {
        self.enter(|| command::shell(script))
    }

    /// `ip ARGS` inside; it must succeed.
    pub fn ip(&self, args: &str) -> Text {
        self.enter(|| command::run(Command::new("ip").args(args.split_whitespace()), &format!("ip {args}")))
    }

    /// The namespace dies, as after a crash of the container: name gone, links gone. The kernel takes the
    /// links away in the background, so this waits until the node's ends of its pairs are gone.
    pub fn destroy(&self) {
        let ends: Vec<String> = self
            .sh("ip -o link show type veth")
            .0
            .lines()
            .filter_map(|line| {
                line.split_once("@if")?.1.split_once(':').map(|(index, _)| format!("\n{index}: "))
            })
            .collect();
        umount2(&self.path, MntFlags::MNT_DETACH).unwrap_or_else(|e| panic!("{}: {e}", self.path.display()));
        fs::remove_file(&self.path).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let links = || format!("\n{}", command::shell("ip -o link").0);
        while ends.iter().any(|end| links().contains(end.as_str())) {
            assert!(Instant::now() < deadline, "the links of {} outlive it", self.path.display());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
