//! Versions of the specification.

use std::fmt;

use super::CniError;
use super::error::Code;

/// A version of the CNI specification that these plugins speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpecVersion {
    /// 0.1.0
    V010,
    /// 0.2.0
    V020,
    /// 0.3.0
    V030,
    /// 0.3.1
    V031,
    /// 0.4.0, the first with CHECK
    V040,
    /// 1.0.0
    V100,
    /// 1.1.0, the first with GC and STATUS
    V110,
}

impl SpecVersion {
    /// All of them, oldest first.
    pub const ALL: [SpecVersion; 7] = [
        SpecVersion::V010,
        SpecVersion::V020,
        SpecVersion::V030,
        SpecVersion::V031,
        SpecVersion::V040,
        SpecVersion::V100,
        SpecVersion::V110,
    ];

    /// The newest.
    pub const LATEST: SpecVersion = SpecVersion::V110;

    /// As written in `cniVersion`.
    pub fn as_str(self) -> &'static str {
        match self {
            SpecVersion::V010 => "0.1.0",
            SpecVersion::V020 => "0.2.0",
            SpecVersion::V030 => "0.3.0",
            SpecVersion::V031 => "0.3.1",
            SpecVersion::V040 => "0.4.0",
            SpecVersion::V100 => "1.0.0",
            SpecVersion::V110 => "1.1.0",
        }
    }

    /// Reads `cniVersion`. An empty or absent one means 0.1.0, as in the reference.
    ///
    /// # Errors
    /// Code 1 for a version that is not in [`SpecVersion::ALL`].
    pub fn parse(text: &str) -> Result<Self, CniError> {
        let text = if text.is_empty() { "0.1.0" } else { text };
        Self::ALL.into_iter().find(|v| v.as_str() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|v| v.as_str()).collect();
            CniError::new(
                Code::INCOMPATIBLE_VERSION,
                format!(
                    "incompatible CNI versions: cniVersion is {text:?}; set it to one of {}",
                    known.join(", ")
                ),
            )
        })
    }
}

impl fmt::Display for SpecVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
