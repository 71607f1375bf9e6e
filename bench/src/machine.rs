//! Where and when it was measured.

use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the figures depend on. No name of the machine.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Machine {
    /// Processor, as it calls itself.
    pub processor: String,
    /// Processors that may be used.
    pub cores: usize,
    /// GiB of memory.
    pub memory: u64,
    /// Kernel release.
    pub kernel: String,
    /// Distribution.
    pub system: String,
}

impl Machine {
    /// Asks the machine; what it does not tell is "unknown".
    pub fn this() -> Self {
        let kilobytes = value_of("/proc/meminfo", "MemTotal:").and_then(|v| number(&v)).unwrap_or_default();
        Self {
            processor: value_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory: kilobytes.div_ceil(1 << 20),
            kernel: nix::sys::utsname::uname()
                .map_or_else(|_| "unknown".to_owned(), |u| u.release().to_string_lossy().into_owned()),
            system: value_of("/etc/os-release", "PRETTY_NAME=").unwrap_or_else(|| "unknown".to_owned()),
        }
    }
}

/// MiB of memory that can be used without swapping.
pub fn memory_available() -> u64 {
    value_of("/proc/meminfo", "MemAvailable:").and_then(|v| number(&v)).unwrap_or_default() >> 10
}

/// The commit of a source tree, if it is under git; with "+" if it was changed since.
pub fn commit(repository: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        // The tree may belong to another user than the one who measures.
        let mut command = Command::new("git");
        command.args(["-c", "safe.directory=*", "-C"]).arg(repository).args(arguments);
        command
            .output()
            .ok()
            .filter(|o| o.status.success())
            .map(|o| String::from_utf8_lossy(&o.stdout).into_owned())
    };
    let hash = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed =
        git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|s| !s.trim().is_empty());
    Some(format!("{}{}", hash.trim(), if changed { "+" } else { "" }))
}

/// Now, in UTC, to the minute (ISO 8601).
pub fn date() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    let minute = seconds % 86_400 / 60;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}Z", minute / 60, minute % 60)
}

/// Days since 1970 as a date of the Gregorian calendar. Counted in years that begin in March, so that the leap day
/// comes last, and in eras of 400 years, which all have 146,097 days.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

fn value_of(file: &str, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    Some(rest.trim_matches(|c: char| c.is_whitespace() || c == ':' || c == '"').to_owned())
}

fn number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(11_017), (2000, 3, 1));
        assert_eq!(civil(20_453), (2025, 12, 31));
    }

    #[test]
    fn this_machine_is_known() {
        let machine = Machine::this();
        assert!(machine.cores > 0 && machine.memory > 0 && machine.kernel != "unknown");
    }
}
