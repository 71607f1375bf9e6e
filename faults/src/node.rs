//! A node of its own: network and mount namespaces that die with the thread that made them.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};

/// Where the network namespaces of a node's pods are; a tmpfs that only the node sees.
const NETNS_DIR: &str = "/run/netns";
/// A tmpfs of the node's, for what a test needs.
pub const WORK_DIR: &str = "/run/work";

/// Takes the whole process away from the host, before any thread runs: what forgets to isolate itself
/// meets an empty namespace.
pub fn isolate_process() {
    if !nix::unistd::geteuid().is_root() {
        let (uid, gid) = (nix::unistd::getuid(), nix::unistd::getgid());
        unshare(CloneFlags::CLONE_NEWUSER).expect("root, or user namespaces, are needed");
        fs::write("/proc/self/setgroups", "deny").expect("setgroups");
        fs::write("/proc/self/uid_map", format!("0 {uid} 1")).expect("uid_map");
        fs::write("/proc/self/gid_map", format!("0 {gid} 1")).expect("gid_map");
    }
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).expect("namespaces");
    private_mounts();
}

fn private_mounts() {
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
        .expect("make mounts private");
}

/// Mounts an empty tmpfs; `options` as in mount(8).
pub fn tmpfs(target: &str, options: &str) {
    mount(Some("tmpfs"), target, Some("tmpfs"), MsFlags::empty(), Some(options))
        .unwrap_or_else(|e| panic!("mount tmpfs on {target}: {e}"));
}

/// The node of one thread; programs and threads that this thread starts run on it.
pub struct Node {
    /// Keeps it from being handed to a thread that is not in its namespaces.
    not_sync: std::marker::PhantomData<*const ()>,
}

/// Runs `work` on a node of its own, in a thread of its own. Everything made on it is gone afterwards.
pub fn on_node<T: Send>(work: impl FnOnce(&Node) -> T + Send) -> T {
    in_thread(|| {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).expect("unshare");
        private_mounts();
        for target in ["/run", "/var/lib"] {
            tmpfs(target, "mode=0755");
        }
        for dir in [NETNS_DIR, WORK_DIR] {
            fs::create_dir_all(dir).unwrap();
        }
        lo_up();
        work(&Node { not_sync: std::marker::PhantomData })
    })
}

/// Runs `work` in a thread that ends with it, so that whatever namespaces it entered are left.
pub fn in_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| match scope.spawn(work).join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

fn lo_up() {
    let done = std::process::Command::new("ip").args(["link", "set", "lo", "up"]).status();
    assert!(done.is_ok_and(|status| status.success()), "ip link set lo up");
}

impl Node {
    /// Makes the network namespace of a pod.
    pub fn pod(&self, id: &str) -> Pod {
        let path = Path::new(NETNS_DIR).join(id);
        File::create_new(&path).unwrap_or_else(|e| panic!("pod {id}: {e}"));
        in_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("unshare");
            bind("/proc/thread-self/ns/net", &path);
        });
        Pod { id: id.to_owned(), ifname: "eth0".to_owned(), path }
    }
}

/// mount --bind
pub fn bind(from: &str, to: &Path) {
    mount(Some(from), to, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .unwrap_or_else(|e| panic!("bind {from} to {}: {e}", to.display()));
}

/// Makes a mounted tree read-only for this node.
pub fn read_only(target: &str) {
    bind(target, Path::new(target));
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(None::<&str>, target, None::<&str>, flags, None::<&str>)
        .unwrap_or_else(|e| panic!("read-only {target}: {e}"));
}

/// A network namespace that stands for a container, and an attachment in it.
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
    /// The same namespace under another container ID.
    #[must_use]
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

    /// The namespace dies, as after a crash of the container: name gone, links gone.
    pub fn destroy(&self) {
        umount2(&self.path, MntFlags::MNT_DETACH).unwrap_or_else(|e| panic!("{}: {e}", self.path.display()));
        fs::remove_file(&self.path).unwrap();
    }

    /// It has not been destroyed.
    pub fn lives(&self) -> bool {
        self.path.exists()
    }
}
