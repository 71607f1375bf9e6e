//! The subscriber: hands every event of the wanted levels to a file or to stderr.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::OnceLock;

use nix::libc;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::line::{Context, Fields};
use super::time;

pub(super) struct Writer {
    path: Option<PathBuf>,
    level: Level,
    context: Context,
    file: OnceLock<Option<File>>,
}

impl Writer {
    pub(super) fn new(path: Option<PathBuf>, level: Level, context: Context) -> Self {
        Writer { path, level, context, file: OnceLock::new() }
    }

    /// Opened at the first event. Not followed if it is a link, not waited for if it is a pipe.
    fn file(&self) -> Option<&File> {
        let open = || {
            let mut options = OpenOptions::new();
            options.append(true).create(true).mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
            options.open(self.path.as_ref()?).ok()
        };
        self.file.get_or_init(open).as_ref()
    }
}

impl Subscriber for Writer {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(self.level.into())
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = self.context.line(&time::now(), *event.metadata().level(), &fields);
        // One write in append mode is one whole line. Failing is allowed: a log must not fail an ADD.
        let _ = match (self.file(), &self.path) {
            (Some(mut file), _) => file.write_all(line.as_bytes()),
            (None, Some(_)) => Ok(()),
            (None, None) => std::io::stderr().lock().write_all(line.as_bytes()),
        };
    }

    // Spans are not used: a call is one thing after the other.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
