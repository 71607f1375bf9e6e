//! What the plugin is told by its surroundings, gathered at the edge so that a test can give its own.

use std::path::PathBuf;
use std::time::Duration;

/// How long ADD, CHECK, DEL and GC wait for the lock unless told otherwise.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// The surroundings of one call.
#[derive(Clone, Debug)]
pub struct Host {
    /// Where proc(5) is mounted.
    pub proc: PathBuf,
    /// Longest wait for the lock of a network.
    pub lock_timeout: Duration,
}

impl Default for Host {
    fn default() -> Self {
        Host { proc: "/proc".into(), lock_timeout: LOCK_TIMEOUT }
    }
}

impl Host {
    /// Reads `CNI_LOCK_TIMEOUT`: seconds, with or without a fraction. Another value is logged and the
    /// default kept, so that a typing error does not keep DEL from freeing an address.
    pub fn from_env() -> Self {
        let text = std::env::var("CNI_LOCK_TIMEOUT").unwrap_or_default();
        let lock_timeout = seconds(&text).unwrap_or_else(|| {
            if !text.is_empty() {
                tracing::warn!(value = %text, "CNI_LOCK_TIMEOUT is not a number of seconds; using 30");
            }
            LOCK_TIMEOUT
        });
        Host { lock_timeout, ..Host::default() }
    }
}

fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_may_have_a_fraction() {
        assert_eq!(seconds("2.5"), Some(Duration::from_millis(2500)));
        assert_eq!(seconds("0"), Some(Duration::ZERO));
        for bad in ["-1", "x", "inf", "NaN", "1e300"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
