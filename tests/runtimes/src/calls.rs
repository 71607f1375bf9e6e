//! What a runtime called, as the recorder (`tool/record.rs`) wrote it down.

use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
pub struct Call {
    pub plugin: String,
    pub verb: String,
    pub container: String,
    /// `there`, `gone`, or `empty`: what CNI_NETNS was.
    pub netns: String,
    /// From the start of the plugin's process to its end.
    pub ms: f64,
    pub exit: i32,
    /// What a plugin that failed wrote on standard output.
    pub error: String,
}

impl Call {
    pub fn failed(&self) -> bool {
        self.exit != 0
    }
}

/// The middle value; `None` of nothing.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
