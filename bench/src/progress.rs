//! What is being done, on standard error: one line that changes on a terminal, one line per part elsewhere.

use std::io::{IsTerminal, Write};
use std::time::Instant;

/// Says how far a run has come.
pub struct Progress {
    begin: Instant,
    parts: usize,
    part: usize,
    name: String,
    terminal: bool,
}

impl Progress {
    /// For a run of so many parts.
    pub fn new(parts: usize) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { begin: Instant::now(), parts, part: 0, name: String::new(), terminal }
    }

    /// The next part begins.
    pub fn part(&mut self, name: &str) {
        self.part += 1;
        name.clone_into(&mut self.name);
        if !self.terminal {
            self.line("");
        }
    }

    /// How far the part has come.
    pub fn at(&self, what: &str) {
        if self.terminal {
            self.line(what);
        }
    }

    /// Something worth keeping on the screen.
    pub fn note(&self, text: &str) {
        let clear = if self.terminal { "\r\x1b[K" } else { "" };
        let _ = writeln!(std::io::stderr(), "{clear}{text}");
    }

    /// Takes the changing line away.
    pub fn end(&self) {
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }

    fn line(&self, what: &str) {
        let seconds = self.begin.elapsed().as_secs();
        let (start, end) = if self.terminal { ("\r\x1b[K", "") } else { ("", "\n") };
        let text =
            format!("[{}/{} {}:{:02}] {}", self.part, self.parts, seconds / 60, seconds % 60, self.name);
        let gap = if what.is_empty() { "" } else { ": " };
        let mut out = std::io::stderr();
        let _ = write!(out, "{start}{text}{gap}{what}{end}");
        let _ = out.flush();
    }
}
