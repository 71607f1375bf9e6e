//! The log: one line per event, one write per line, in append mode, so that a hundred processes mix
//! without torn lines. Where it goes is asked for by environment or configuration; without a file only
//! warnings are told, on stderr. A log that cannot be written fails nothing.

mod line;
mod time;
mod writer;

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Instant;

use tracing::Level;

use crate::spec::json::Json;
use crate::spec::{CniError, CniResult, Request};

use line::{Context, Format};
use writer::Writer;

/// The log of one call.
pub(super) struct Log {
    begun: Instant,
}

/// Where to, how much, in which form.
struct Settings {
    file: Option<PathBuf>,
    level: Level,
    format: Format,
}

impl Settings {
    /// The environment's word over the configuration's (`logFile`, `logLevel`, `logFormat`).
    fn read(request: &Request) -> Self {
        let setting = |variable: &str, key: &str| {
            let value = std::env::var(variable).ok().filter(|value| !value.is_empty());
            value.or_else(|| request.conf.json.get(key).and_then(Json::as_str).map(str::to_owned))
        };
        let file = setting("CNI_LOG_FILE", "logFile").map(PathBuf::from).filter(|path| path.is_absolute());
        let level =
            match setting("CNI_LOG_LEVEL", "logLevel").unwrap_or_default().to_ascii_lowercase().as_str() {
                _ if file.is_none() => Level::WARN,
                "error" => Level::ERROR,
                "warn" | "warning" => Level::WARN,
                "debug" => Level::DEBUG,
                "trace" => Level::TRACE,
                _ => Level::INFO,
            };
        let format = match setting("CNI_LOG_FORMAT", "logFormat").as_deref() {
            Some("json") => Format::Json,
            _ => Format::Text,
        };
        Settings { file, level, format }
    }
}

/// The steps of a call, with their milliseconds, and when the next one began.
struct Steps {
    begun: Option<Instant>,
    done: Vec<(&'static str, f64)>,
}

thread_local! {
    static STEPS: RefCell<Steps> = const { RefCell::new(Steps { begun: None, done: Vec::new() }) };
}

/// Says that a step of the call is over; the line at the end tells how long each took.
pub(super) fn step(name: &'static str) {
    STEPS.with_borrow_mut(|steps| {
        let now = Instant::now();
        if let Some(begun) = steps.begun {
            steps.done.push((name, now.duration_since(begun).as_secs_f64() * 1000.0));
        }
        steps.begun = Some(now);
    });
}

impl Log {
    /// Opens the log of a call.
    pub(super) fn start(plugin: &'static str, request: &Request) -> Self {
        let settings = Settings::read(request);
        let context = Context::new(plugin, request, settings.format);
        // Only the program calls this, once; a second subscriber would be refused, which does no harm.
        let _ = tracing::subscriber::set_global_default(Writer::new(settings.file, settings.level, context));
        let begun = Instant::now();
        STEPS.with_borrow_mut(|steps| *steps = Steps { begun: Some(begun), done: Vec::new() });
        Log { begun }
    }

    /// The line of the call.
    pub(super) fn finish(&self, result: &Result<Option<CniResult>, CniError>) {
        let ms = self.begun.elapsed().as_secs_f64() * 1000.0;
        let steps = STEPS.with_borrow(|steps| {
            let parts: Vec<_> = steps.done.iter().map(|(name, ms)| format!("{name}={ms:.2}")).collect();
            parts.join(" ")
        });
        let ms = format!("{ms:.2}");
        match result {
            Ok(_) => tracing::info!(ms, steps, "done"),
            Err(error) => {
                let details = error.details.as_str();
                tracing::info!(ms, steps, code = error.code.0, details, "failed: {}", error.msg);
            }
        }
    }
}
