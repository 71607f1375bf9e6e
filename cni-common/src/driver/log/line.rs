//! One event as one line. Pure.

use std::fmt;

use serde_json::{Map, Value};
use tracing::Level;
use tracing::field::{Field, Visit};

use crate::spec::Request;

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Json,
}

/// What every line of a call tells.
pub(super) struct Context {
    plugin: &'static str,
    verb: &'static str,
    network: String,
    attachment: String,
    trace: Option<(String, String)>,
    format: Format,
}

impl Context {
    pub(super) fn new(plugin: &'static str, request: &Request, format: Format) -> Self {
        let attachment = request.attachment().map(|a| format!("{}/{}", a.container_id, a.ifname));
        Context {
            plugin,
            verb: request.verb.as_str(),
            network: request.conf.name.to_string(),
            attachment: attachment.unwrap_or_default(),
            trace: std::env::var("TRACEPARENT").ok().as_deref().and_then(trace),
            format,
        }
    }

    /// The whole line, with its end.
    pub(super) fn line(&self, time: &str, level: Level, event: &Fields) -> String {
        match self.format {
            Format::Text => self.text(time, level, event),
            Format::Json => self.json(time, level, event),
        }
    }

    fn text(&self, time: &str, level: Level, event: &Fields) -> String {
        let Context { plugin, verb, network, attachment, .. } = self;
        let mut words = vec![format!("{time} {level} {plugin} {verb} {network}")];
        words.extend(Some(attachment.clone()).filter(|a| !a.is_empty()));
        let head = words.join(" ");
        let mut words = vec![format!("{head}: {}", event.message)];
        for (name, value) in event.fields.iter().filter(|(_, value)| !value.is_empty()) {
            let quoted = value.contains(char::is_whitespace);
            words.push(if quoted { format!("{name}={value:?}") } else { format!("{name}={value}") });
        }
        if let Some((trace, span)) = &self.trace {
            words.push(format!("trace_id={trace} span_id={span}"));
        }
        // One event, one line.
        words.join(" ").replace('\n', "; ") + "\n"
    }

    fn json(&self, time: &str, level: Level, event: &Fields) -> String {
        let mut map = Map::new();
        let mut put = |key: &str, value: &str| {
            if !value.is_empty() {
                map.insert(key.to_owned(), Value::from(value));
            }
        };
        put("time", time);
        put("level", &level.as_str().to_lowercase());
        put("plugin", self.plugin);
        put("verb", self.verb);
        put("network", &self.network);
        put("attachment", &self.attachment);
        put("message", &event.message);
        event.fields.iter().for_each(|(name, value)| put(name, value));
        if let Some((trace, span)) = &self.trace {
            put("trace_id", trace);
            put("span_id", span);
        }
        Value::Object(map).to_string() + "\n"
    }
}

/// Trace and span of a W3C `traceparent` (libcni passes it on since 2026, cni#1173).
fn trace(text: &str) -> Option<(String, String)> {
    let mut parts = text.split('-');
    let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit());
    (is_hex(version, 2) && is_hex(trace, 32) && is_hex(span, 16)).then(|| (trace.to_owned(), span.to_owned()))
}

/// The message and the fields of an event.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) message: String,
    pub(super) fields: Vec<(&'static str, String)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            name => self.fields.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(format: Format) -> Context {
        Context {
            plugin: "bridge",
            verb: "ADD",
            network: "n1".into(),
            attachment: "c1/eth0".into(),
            trace: trace("00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"),
            format,
        }
    }

    #[test]
    fn an_event_is_one_line_in_either_form() {
        let event = Fields {
            message: "failed: two\nlines".into(),
            fields: vec![("ms", "2.10".into()), ("steps", "ipam=0.1 plan=2".into()), ("none", String::new())],
        };
        assert_eq!(
            context(Format::Text).line("T", Level::INFO, &event),
            "T INFO bridge ADD n1 c1/eth0: failed: two; lines ms=2.10 steps=\"ipam=0.1 plan=2\" \
             trace_id=0123456789abcdef0123456789abcdef span_id=0123456789abcdef\n"
        );
        let json = context(Format::Json).line("T", Level::INFO, &event);
        assert_eq!(json.lines().count(), 1);
        let value: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["message"], "failed: two\nlines");
        assert_eq!(value["span_id"], "0123456789abcdef");
    }

    #[test]
    fn a_bad_traceparent_is_none() {
        for bad in ["", "00-xyz-1-01", "00-0123456789abcdef0123456789abcdef", "-----"] {
            assert_eq!(trace(bad), None);
        }
    }
}
