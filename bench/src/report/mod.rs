//! The report: one set of tables, shown on the terminal and in Markdown; JSON; pictures.

mod lines;
mod markdown;
mod pictures;
mod svg;
mod tables;
mod terminal;

use crate::error::{Context, Result};
use crate::record::Results;
use std::path::Path;

pub use tables::title;

/// For the terminal, ratios first; with colour if standard output is one.
pub fn terminal(results: &Results) -> String {
    terminal::render(results)
}

/// Writes Markdown, JSON and pictures into a directory. Each file appears whole: an interrupted run leaves what was
/// there.
pub fn write(results: &Results, out: &Path) -> Result<()> {
    std::fs::create_dir_all(out).doing(|| format!("making {}", out.display()))?;
    let json = serde_json::to_string(results).doing(|| "writing JSON".to_owned())?;
    let mut files = vec![
        ("README.md".to_owned(), markdown::render(results)),
        // One series a line: a difference between two commits can be read.
        (
            "results.json".to_owned(),
            json.replace("},{\"work\"", "},\n{\"work\"").replace("\":[{", "\":[\n{") + "\n",
        ),
    ];
    files.extend(pictures::all(results).into_iter().map(|(name, svg)| (format!("{name}.svg"), svg)));
    for (name, text) in files {
        let (new, path) = (out.join(format!(".{name}.new")), out.join(&name));
        std::fs::write(&new, text).doing(|| format!("writing {}", new.display()))?;
        std::fs::rename(&new, &path).doing(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}
