//! The IPAM plugin that a configuration names.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Plugin;
use super::exec;
use crate::spec::{CniError, CniResult, Code, Request, Verb};

/// An IPAM plugin, found.
#[derive(Debug)]
pub struct Ipam<'a> {
    name: String,
    program: PathBuf,
    /// Set when the program found is this very file: then its code is called here, which saves a process.
    here: Option<Plugin>,
    plugins: &'a [Plugin],
}

impl<'a> Ipam<'a> {
    /// Finds the program `name` in the folders of CNI_PATH, as libcni does.
    ///
    /// # Errors
    /// Code 7 for a name that is not a file name, 4 when no folder has it.
    pub fn find(name: &str, request: &Request, plugins: &'a [Plugin]) -> Result<Self, CniError> {
        if name.contains('/') || name == "." || name == ".." || name.contains('\0') {
            return Err(CniError::config(format!("\"ipam.type\": {name:?} is not the name of a plugin")));
        }
        for folder in &request.path {
            let program = folder.join(name);
            let Ok(found) = std::fs::metadata(&program) else { continue };
            if found.is_file() && found.permissions().mode() & 0o111 != 0 {
                let here = plugins.iter().find(|p| p.name == name && is_this_program(&found)).copied();
                return Ok(Ipam { name: name.to_owned(), program, here, plugins });
            }
        }
        let folders: Vec<_> = request.path.iter().map(|p| p.display().to_string()).collect();
        Err(CniError::environment(format!(
            "the IPAM plugin {name:?} (\"ipam.type\") is in no folder of CNI_PATH ({}); install it there",
            folders.join(":")
        )))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// ADD: addresses, routes, DNS.
    ///
    /// # Errors
    /// The plugin's own error unchanged; code 103 when its answer cannot be used.
    pub fn add(&self, request: &Request) -> Result<CniResult, CniError> {
        if let Some(plugin) = self.here {
            let result = (plugin.run)(request, self.plugins)?;
            return result.ok_or_else(|| self.unusable("it returned no result"));
        }
        let result = self.exec(request, Verb::Add).and_then(|answer| {
            CniResult::from_answer(&answer, request.conf.version)
                .map_err(|e| Refusal { error: self.unusable(&e.msg), is_its_own: false })
        });
        result.map_err(|refusal| match refusal {
            Refusal { error, is_its_own: true } => error,
            // It may have leased an address before it went wrong. One that hangs is not asked again: the
            // runtime gives up after two minutes.
            Refusal { error, .. } if error.code == Code::TRY_AGAIN => error,
            Refusal { error, .. } => match self.exec(request, Verb::Del) {
                Ok(_) => error.detail("rolled back: what it may have leased was given back"),
                Err(e) => error.detail(format!("not rolled back: giving back failed: {}", e.error)),
            },
        })
    }

    /// Any other verb.
    ///
    /// # Errors
    /// The plugin's own error unchanged; code 103 when its answer cannot be used.
    pub fn call(&self, request: &Request, verb: Verb) -> Result<(), CniError> {
        match self.here {
            Some(plugin) => (plugin.run)(&request.with_verb(verb), self.plugins).map(|_| ()),
            None => self.exec(request, verb).map(|_| ()).map_err(|refusal| refusal.error),
        }
    }

    fn exec(&self, request: &Request, verb: Verb) -> Result<Vec<u8>, Refusal> {
        let answer = exec::run(&self.program, verb, &request.stdin)
            .map_err(|error| Refusal { error, is_its_own: false })?;
        if answer.success {
            return Ok(answer.stdout);
        }
        if let Some(error) = CniError::from_json(&answer.stdout) {
            return Err(Refusal { error, is_its_own: true });
        }
        let error = {
            let error = self.unusable(&format!("{} without a CNI error", answer.ending));
            let text = String::from_utf8_lossy(&answer.stdout);
            let start: String = text.chars().take(200).collect();
            if start.trim().is_empty() { error } else { error.detail(format!("it printed: {start}")) }
        };
        Err(Refusal { error, is_its_own: false })
    }

    fn unusable(&self, why: &str) -> CniError {
        let path = self.program.display();
        CniError::new(Code::IPAM, format!("the answer of the IPAM plugin {path} cannot be used: {why}"))
    }
}

/// Why a plugin gave no answer.
struct Refusal {
    error: CniError,
    /// The plugin said so itself, after it had undone what it did.
    is_its_own: bool,
}

fn is_this_program(found: &std::fs::Metadata) -> bool {
    std::fs::metadata(Path::new("/proc/self/exe"))
        .is_ok_and(|own| own.dev() == found.dev() && own.ino() == found.ino())
}
