//! Where the programs are that scenarios run.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The image that every pod runs; `scripts/runtimes` makes it.
pub const IMAGE: &str = "trestle.test/pod:1";
/// The plugins that a runtime starts itself, and whose calls are recorded.
pub const RECORDED: [&str; 5] = ["bridge", "loopback", "portmap", "firewall", "tuning"];

/// Whose `bridge`, `host-local` and `loopback` a node has. The others are always the reference's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    Ours,
    Reference,
}

impl Side {
    pub const BOTH: [Side; 2] = [Side::Ours, Side::Reference];

    pub fn name(self) -> &'static str {
        match self {
            Side::Ours => "trestle",
            Side::Reference => "reference",
        }
    }
}

/// Folders of programs, as the host sees them. On a node the runtimes are in /run/programs.
pub struct Programs {
    /// `.cache/runtimes`
    pub runtimes: PathBuf,
    /// `tests/runtimes/node`: the scripts that make nodes.
    pub scripts: PathBuf,
    ours: PathBuf,
    reference: PathBuf,
    /// `trestle-node-tool`, which cargo puts beside us.
    pub tool: PathBuf,
}

/// The one set of programs of this run.
pub fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let folder = |variable: &str| {
            let path = env::var_os(variable)
                .unwrap_or_else(|| panic!("{variable} is not set; see scripts/runtimes"));
            fs::canonicalize(&path)
                .unwrap_or_else(|e| panic!("{variable}={}: {e}", Path::new(&path).display()))
        };
        Programs {
            runtimes: folder("RUNTIMES"),
            scripts: folder("RUNTIMES_SOURCE").join("node"),
            ours: folder("TRESTLE_BIN"),
            reference: folder("REFERENCE_BIN"),
            tool: env::current_exe().unwrap().with_file_name("trestle-node-tool"),
        }
    })
}

impl Programs {
    /// Puts a side's plugins into `folder`: ours as one file with three names, as `make install` does.
    pub fn install(&self, side: Side, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        for entry in fs::read_dir(&self.reference).unwrap() {
            let path = entry.unwrap().path();
            put(&path, &folder.join(path.file_name().unwrap()));
        }
        if side == Side::Ours {
            put(&self.ours.join("bridge"), &folder.join("bridge"));
            for name in ["host-local", "loopback"] {
                fs::remove_file(folder.join(name)).unwrap();
                fs::hard_link(folder.join("bridge"), folder.join(name)).unwrap();
            }
        }
    }

    /// Puts the recorder under the names of the plugins that a runtime starts, and the delegated ones as
    /// links of what is in `real`: bridge must find the very file that it is itself.
    pub fn record(&self, real: &Path, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        for entry in fs::read_dir(real).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap();
            let target = folder.join(name);
            let _ = fs::remove_file(&target);
            if RECORDED.iter().any(|recorded| name == *recorded) {
                put(&self.tool, &target);
            } else {
                fs::hard_link(&path, &target).unwrap();
            }
        }
    }
}

/// Copies a program; one that runs under that name is replaced, not written into.
pub fn put(from: &Path, to: &Path) {
    let _ = fs::remove_file(to);
    fs::copy(from, to).unwrap_or_else(|e| panic!("{} to {}: {e}", from.display(), to.display()));
}
