//! A network configuration list for the runtime's folder.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Trouble;
use crate::staged::{self, Staged};
use crate::trouble::io;

/// A list that a runtime can load.
#[derive(Debug)]
pub struct Conflist {
    bytes: Vec<u8>,
    types: Vec<String>,
}

/// Reads one.
///
/// # Errors
/// When it is no list: a runtime would be not ready, and say so only in its log.
pub fn read(path: &Path) -> Result<Conflist, Trouble> {
    let bytes = fs::read(path).map_err(io("read", path))?;
    match types(&bytes) {
        Ok(types) => Ok(Conflist { bytes, types }),
        Err(why) => Err(Trouble::Configuration { path: path.to_owned(), why }),
    }
}

/// The programs that the list names, those that lease addresses among them.
fn types(bytes: &[u8]) -> Result<Vec<String>, String> {
    let conf: Value = serde_json::from_slice(bytes).map_err(|e| format!("not JSON: {e}"))?;
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    if text(&conf, "name").is_none_or(|name| name.is_empty()) {
        return Err("\"name\" is missing: the network's name".to_owned());
    }
    let plugins = conf.get("plugins").and_then(Value::as_array).filter(|plugins| !plugins.is_empty());
    let plugins = plugins.ok_or("\"plugins\" is missing or empty: a list is needed, not one plugin")?;
    let mut types = Vec::new();
    for (index, plugin) in plugins.iter().enumerate() {
        types.push(text(plugin, "type").ok_or(format!("\"plugins\", entry {index}: \"type\" is missing"))?);
        types.extend(plugin.get("ipam").and_then(|ipam| text(ipam, "type")));
    }
    Ok(types)
}

impl Conflist {
    /// The programs that no folder has. The runtime will not be ready without them.
    pub fn programs_missing_in<'a>(&'a self, dirs: &'a [PathBuf]) -> impl Iterator<Item = &'a str> {
        let missing = |name: &&String| !dirs.iter().any(|dir| dir.join(name).exists());
        self.types.iter().filter(missing).map(String::as_str)
    }

    /// Puts it in place by rename, unless it is there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, to: &Path, say: &mut dyn FnMut(&str)) -> Result<(), Trouble> {
        if fs::read(to).is_ok_and(|there| there == self.bytes) {
            say(&format!("{}: there already", to.display()));
            return Ok(());
        }
        let dir = to.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(dir).map_err(io("make", dir))?;
        // No runtime loads a name without .conf, .conflist or .json.
        Staged::write(&self.bytes, dir.join(".trestle-new"), 0o644)?.rename(to)?;
        say(&format!("installed {}", to.display()));
        Ok(())
    }
}

/// Removes it.
///
/// # Errors
/// When it stays.
pub fn remove(path: &Path, say: &mut dyn FnMut(&str)) -> Result<(), Trouble> {
    if staged::remove(path)? {
        say(&format!("removed {}", path.display()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_its_programs() {
        let conf = r#"{ "name": "n", "plugins": [{ "type": "bridge", "ipam": { "type": "host-local" } }, { "type": "portmap" }] }"#;
        assert_eq!(types(conf.as_bytes()).unwrap(), ["bridge", "host-local", "portmap"]);
    }

    #[test]
    fn what_no_runtime_loads_is_refused() {
        for (conf, word) in [
            ("{", "not JSON"),
            (r#"{ "plugins": [{ "type": "bridge" }] }"#, "name"),
            (r#"{ "name": "n", "type": "bridge" }"#, "plugins"),
            (r#"{ "name": "n", "plugins": [] }"#, "plugins"),
            (r#"{ "name": "n", "plugins": [{ "bridge": "cni0" }] }"#, "entry 0"),
        ] {
            let why = types(conf.as_bytes()).unwrap_err();
            assert!(why.contains(word), "{conf}: {why}");
        }
    }
}
