//! `CNI_ARGS`: `KEY=VALUE` pairs with `;` between them.

use super::CniError;

/// The pairs of `CNI_ARGS` that a plugin knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CniArgs {
    pairs: Vec<(String, String)>,
}

impl CniArgs {
    /// Reads the pairs whose key is in `known`. The others are an error unless `IgnoreUnknown=1` (or
    /// `true`) stands among the pairs; `K8S_...` keys are always tolerated.
    ///
    /// # Errors
    /// Code 4 for a pair without exactly one `=`, a bad `IgnoreUnknown`, or an unknown key.
    pub fn parse(text: &str, known: &[&str]) -> Result<Self, CniError> {
        let mut args = CniArgs::default();
        let mut unknown = Vec::new();
        let mut ignore_unknown = false;
        for pair in text.split(';').filter(|_| !text.is_empty()) {
            let (key, value) = match pair.split_once('=') {
                Some((key, value)) if !value.contains('=') => (key, value),
                _ => {
                    return Err(CniError::environment(format!(
                        "invalid CNI_ARGS: {pair:?} is not KEY=VALUE"
                    )));
                }
            };
            if key == "IgnoreUnknown" {
                ignore_unknown = match value.to_ascii_lowercase().as_str() {
                    "1" | "true" => true,
                    "0" | "false" => false,
                    _ => {
                        return Err(CniError::environment(format!(
                            "invalid CNI_ARGS: IgnoreUnknown is {value:?}; write 1 or 0"
                        )));
                    }
                };
            } else if known.contains(&key) {
                args.pairs.push((key.to_owned(), value.to_owned()));
            } else if !key.starts_with("K8S_") {
                unknown.push(pair);
            }
        }
        if unknown.is_empty() || ignore_unknown {
            return Ok(args);
        }
        Err(CniError::environment(format!(
            "CNI_ARGS has keys that this plugin does not know: {}; add IgnoreUnknown=1 to have them ignored",
            unknown.join(";")
        )))
    }

    /// The value of `key`; the last one wins. An empty value counts as absent, as in the reference.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs.iter().rev().find(|(k, _)| k == key).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_need_ignore_unknown() {
        assert!(CniArgs::parse("FOO=bar", &["MAC"]).is_err());
        let args = CniArgs::parse("FOO=bar;MAC=x;IgnoreUnknown=TRUE", &["MAC"]).unwrap();
        assert_eq!(args.get("MAC"), Some("x"));
        assert_eq!(args.get("FOO"), None);
        assert!(CniArgs::parse("K8S_POD_NAME=web", &[]).is_ok());
        assert!(CniArgs::parse("", &[]).is_ok());
        assert!(CniArgs::parse("MAC=a=b", &["MAC"]).is_err());
        assert!(CniArgs::parse("IgnoreUnknown=maybe", &[]).is_err());
    }
}
