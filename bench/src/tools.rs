//! The programs that are measured, and where they are.

use crate::error::{Context, Error, Result};
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

    /// Ours is known by its commit. The reference is asked for nothing: Go writes the module's version into a program
    /// that `go install` made, and the plugin itself only knows it if the build was told to say it.
    pub fn versions(&self) -> BTreeMap<String, String> {
        let commit = crate::machine::commit(&repository());
        let ours =
            format!("{}, commit {}", env!("CARGO_PKG_VERSION"), commit.as_deref().unwrap_or("unknown"));
        let program = std::fs::read(self.reference.join("bridge")).unwrap_or_default();
        let reference = module_version(&program).unwrap_or_else(|| "of unknown version".to_owned());
        BTreeMap::from([("trestle".to_owned(), ours), ("reference".to_owned(), reference)])
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

/// Fails, naming the package, unless these programs of the system can be found.
pub fn need(programs: &[&str]) -> Result<()> {
    for program in programs {
        let found = crate::process::path().split(':').any(|place| Path::new(place).join(program).is_file());
        if !found {
            let package = if *program == "ip" {
                "iproute2"
            } else if *program == "nft" {
                "nftables"
            } else {
                program
            };
            return Err(Error(format!("{program} is needed: install the package {package}")));
        }
    }
    Ok(())
}

/// The version in a Go program's build information: the module's path, a tab, the version, a tab or an end of line.
fn module_version(program: &[u8]) -> Option<String> {
    let mark = b"github.com/containernetworking/plugins\tv";
    let at = program.windows(mark.len()).position(|part| part == mark)?;
    let rest = program.get(at + mark.len() - 1..)?;
    let end = rest.iter().position(u8::is_ascii_whitespace)?;
    Some(String::from_utf8_lossy(rest.get(..end)?).into_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_build_information() {
        let program = b"\x00path\tx\nmod\tgithub.com/containernetworking/plugins\tv1.9.1\th1:abc=\n";
        assert_eq!(module_version(program).as_deref(), Some("v1.9.1"));
        assert_eq!(module_version(b"nothing"), None);
    }
}
