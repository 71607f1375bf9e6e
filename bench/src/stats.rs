//! Medians and their spread: two shared cores are noisy, and a mean would follow the noise.

use serde::{Deserialize, Serialize};

/// A set of samples in short. All in the samples' own unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How many samples.
    pub n: usize,
    /// Half are below.
    pub median: f64,
    /// A tenth are below.
    pub p10: f64,
    /// A quarter are below.
    pub p25: f64,
    /// Three quarters are below.
    pub p75: f64,
    /// Nine tenths are below.
    pub p90: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

impl Summary {
    /// Nothing for no samples.
    pub fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            n: sorted.len(),
            median: quantile(&sorted, 0.5)?,
            p10: quantile(&sorted, 0.1)?,
            p25: quantile(&sorted, 0.25)?,
            p75: quantile(&sorted, 0.75)?,
            p90: quantile(&sorted, 0.9)?,
            min: *sorted.first()?,
            max: *sorted.last()?,
        })
    }

    /// Standard error of the median relative to it, taken from the quartiles: 1.2533 times that of a mean, whose
    /// standard deviation the quartiles give as their distance over 1.349 (both for a normal distribution).
    pub fn relative_error(&self) -> f64 {
        let deviation = (self.p75 - self.p25) / 1.349;
        let root = f64::from(u32::try_from(self.n).unwrap_or(u32::MAX)).sqrt();
        if self.median > 0.0 { 1.2533 * deviation / root / self.median } else { 0.0 }
    }
}

/// Linear between the two nearest samples, which must be sorted.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn quantile(sorted: &[f64], at: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = at * last as f64;
    let below = *sorted.get(place.floor() as usize)?;
    let above = *sorted.get(place.ceil() as usize)?;
    Some(below + (above - below) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_samples() {
        let summary = Summary::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        assert!((summary.median - 2.5).abs() < 1e-9);
        assert!((summary.p25 - 1.75).abs() < 1e-9);
        assert!((summary.min - 1.0).abs() < 1e-9 && (summary.max - 4.0).abs() < 1e-9);
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn more_samples_make_a_surer_median() {
        let few = Summary::of(&[8.0, 9.0, 10.0, 11.0, 12.0]).unwrap();
        let many = Summary::of(&[8.0, 9.0, 10.0, 11.0, 12.0].repeat(30)).unwrap();
        assert!(many.relative_error() < few.relative_error() / 3.0);
    }
}
