//! What can go wrong, with the file and the remedy.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

/// Why the call failed.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The system refused.
    #[error("cannot {doing} {}: {source}{}", path.display(), remedy(source))]
    Io {
        /// A verb.
        doing: &'static str,
        /// To what it was to be done.
        path: PathBuf,
        /// The system's answer; its errno is kept.
        source: Error,
    },
    /// What stands on the disk is not what was written.
    #[error("{} was written but reads back differently: the disk or its file system is faulty", .0.display())]
    Differs(PathBuf),
    /// A thing that no plugin can replace.
    #[error("{} is a directory; move it away", .0.display())]
    Directory(PathBuf),
    /// The configuration is none.
    #[error("{}: {why}", path.display())]
    Configuration {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        why: String,
    },
}

fn remedy(source: &Error) -> &'static str {
    match source.kind() {
        ErrorKind::PermissionDenied => {
            " (it takes root, and in a container DAC_OVERRIDE if the folder belongs to somebody else)"
        }
        ErrorKind::ReadOnlyFilesystem => " (is the node's folder mounted read-only?)",
        _ => "",
    }
}

/// For `map_err`.
pub fn io(doing: &'static str, path: &Path) -> impl FnOnce(Error) -> Trouble {
    move |source| Trouble::Io { doing, path: path.to_owned(), source }
}
