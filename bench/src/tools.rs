//! The programs that are measured, and where they are.

use crate::error::{Context, Error, Result};
use crate::process::Call;
use crate::record::Who;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Directories of plugins, and the floor.
#[derive(Clone, Debug)]
pub struct Tools {
    /// Where our `bridge` and `host-local` are.
    pub trestle: PathBuf,
    /// Where the reference's are.
    pub reference: PathBuf,
    /// The floor program.
    pub floor: PathBuf,
}

/// The repository this program was built from.
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

impl Tools {
    /// Finds all of them, or says which is missing and what to do.
    pub fn find() -> Result<Self> {
        let floor = std::env::current_exe().doing(|| "finding this program".to_owned())?;
        let tools = Self {
            trestle: ours()?,
            reference: directory("REFERENCE_BIN", ".cache/reference", "the reference's plugins")?,
            floor: floor.with_file_name("trestle-floor"),
        };
        if tools.floor.is_file() {
            return Ok(tools);
        }
        Err(Error(format!("no {}: run this through cargo, which builds it", tools.floor.display())))
    }

    /// The directory of a program's plugins; the floor has none.
    pub fn directory(&self, who: Who) -> &Path {
        match who {
            Who::Trestle => &self.trestle,
            _ => &self.reference,
        }
    }

    /// What each calls itself: VERSION has no version in it, but the reference says its own on standard error when
    /// started without a command. Ours is known by its commit.
    pub fn versions(&self) -> BTreeMap<String, String> {
        let mut versions = BTreeMap::new();
        let commit = crate::machine::commit(&repository());
        let ours =
            format!("{}, commit {}", env!("CARGO_PKG_VERSION"), commit.as_deref().unwrap_or("unknown"));
        versions.insert("trestle".to_owned(), ours);
        let program = self.reference.join("bridge");
        let call = Call { program, arguments: Vec::new(), environment: Vec::new(), stdin: Vec::new() };
        let said = call.run_with_stderr().map(|o| String::from_utf8_lossy(&o.stderr).into_owned());
        let version = said.ok().and_then(|s| s.lines().next()?.rsplit(' ').next().map(str::to_owned));
        versions.insert("reference".to_owned(), version.unwrap_or_else(|| "unknown".to_owned()));
        versions
    }

    /// Bytes on disk of `bridge` and `host-local` together; a file with two names counts once.
    pub fn size(&self, who: Who) -> Result<u64> {
        let mut seen = BTreeSet::new();
        let mut bytes = 0;
        for name in ["bridge", "host-local"] {
            let path = self.directory(who).join(name);
            let about = std::fs::metadata(&path).doing(|| format!("looking at {}", path.display()))?;
            if seen.insert((about.dev(), about.ino())) {
                bytes += about.len();
            }
        }
        Ok(bytes)
    }
}

/// Where our plugins are.
pub fn ours() -> Result<PathBuf> {
    directory("TRESTLE_BIN", "bin", "our plugins")
}

fn directory(variable: &str, default: &str, what: &str) -> Result<PathBuf> {
    let path = std::env::var_os(variable).map_or_else(|| repository().join(default), PathBuf::from);
    let path = std::path::absolute(&path).doing(|| format!("finding {}", path.display()))?;
    for name in ["bridge", "host-local"] {
        if !path.join(name).is_file() {
            let place = path.display();
            return Err(Error(format!(
                "{what} are not in {place} ({name} is missing): build them, or set {variable}"
            )));
        }
    }
    Ok(path)
}

/// Builds the floor beside this program, if cargo runs us. A fresh build takes a second, none takes a tenth.
pub fn build_floor() -> Result<()> {
    let Some(cargo) = std::env::var_os("CARGO") else { return Ok(()) };
    let exe = std::env::current_exe().doing(|| "finding this program".to_owned())?;
    let release = exe.parent().and_then(Path::file_name).is_some_and(|name| name == "release");
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "-p", "trestle-bench", "--bin", "trestle-floor"])
        .current_dir(repository());
    if release {
        command.arg("--release");
    }
    let status = command.status().doing(|| "building the floor".to_owned())?;
    if status.success() { Ok(()) } else { Err(Error("the floor does not build".to_owned())) }
}
