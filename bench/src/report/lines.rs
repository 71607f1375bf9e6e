//! A chart of lines: axes, linear or logarithmic, and one curve for each program.

use super::svg::{Anchor, Canvas, class};
use super::tables::{count, figure};
use crate::record::Who;

/// How a value becomes a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// From zero.
    Linear,
    /// By powers of ten.
    Log,
}

/// One chart in a picture.
pub struct Chart {
    /// Above it.
    pub title: String,
    /// Along the axes.
    pub labels: (&'static str, &'static str),
    /// Of x and y.
    pub scales: (Scale, Scale),
    /// Each program's points.
    pub curves: Vec<(Who, Vec<(f64, f64)>)>,
    /// The least that the y axis reaches to, so that noise on a flat line does not look like hills.
    pub reach: f64,
}

/// Left, top, width and height of the area within the axes.
pub type Area = (f64, f64, f64, f64);

impl Chart {
    /// Draws it.
    pub fn draw(&self, canvas: &mut Canvas, area: Area) {
        let (left, top, width, height) = area;
        let xs = || self.curves.iter().flat_map(|(_, points)| points.iter().map(|(x, _)| *x));
        let ys = || self.curves.iter().flat_map(|(_, points)| points.iter().map(|(_, y)| *y));
        let x_axis = Axis::over(xs(), self.scales.0, 0.0).tight(xs());
        let y_axis = Axis::over(ys(), self.scales.1, self.reach);
        canvas.text(left, top - 30.0, "head", Anchor::Start, &self.title);
        canvas.text(left - 8.0, top - 12.0, "small", Anchor::Start, self.labels.1);
        for tick in y_axis.ticks() {
            let y = top + height * (1.0 - y_axis.place(tick));
            canvas.line((left, y), (left + width, y), "grid");
            canvas.text(left - 8.0, y + 4.0, "small", Anchor::End, &short(tick));
        }
        canvas.line((left, top + height), (left + width, top + height), "axis");
        // On a linear axis the measured places themselves are the ticks, where there is room.
        let mut free = f64::NEG_INFINITY;
        for tick in x_axis.ticks() {
            let x = left + width * x_axis.place(tick);
            if x < free {
                continue;
            }
            free = x + 44.0;
            canvas.line((x, top + height), (x, top + height + 4.0), "axis");
            canvas.text(x, top + height + 18.0, "small", Anchor::Middle, &short(tick));
        }
        canvas.text(left + width / 2.0, top + height + 36.0, "small", Anchor::Middle, self.labels.0);
        let mut ends = Vec::new();
        for (who, points) in &self.curves {
            let placed: Vec<_> = points
                .iter()
                .map(|(x, y)| (left + width * x_axis.place(*x), top + height * (1.0 - y_axis.place(*y))))
                .collect();
            canvas.curve(&placed, class(*who));
            if let (Some((x, y)), Some((_, value))) = (placed.last(), points.last()) {
                ends.push((*who, *x, *y, *value));
            }
        }
        label(canvas, &mut ends);
    }
}

/// The last point of each curve says its value, which is what the chart is about; above it, or below where another
/// label is in the way.
fn label(canvas: &mut Canvas, ends: &mut [(Who, f64, f64, f64)]) {
    ends.sort_by(|a, b| a.2.total_cmp(&b.2));
    let mut above: Option<f64> = None;
    for (who, x, y, value) in ends {
        let class = if *who == Who::Trestle { "small strong" } else { "small" };
        let crowded = above.is_some_and(|above| *y - above < 24.0);
        let place = if crowded { *y + 16.0 } else { *y - 8.0 };
        canvas.text(*x, place, class, Anchor::End, &figure(*value));
        above = Some(*y);
    }
}

/// One axis.
struct Axis {
    from: f64,
    to: f64,
    scale: Scale,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>, scale: Scale, reach: f64) -> Self {
        let (least, most) =
            values.fold((f64::INFINITY, reach), |(least, most), v| (least.min(v), most.max(v)));
        let (from, to) = match scale {
            Scale::Linear => (0.0, round_up(most)),
            Scale::Log => (10_f64.powf(least.log10().floor()), 10_f64.powf(most.log10().ceil())),
        };
        Self { from, to, scale }
    }

    /// A logarithmic axis that ends where its values do.
    fn tight(self, values: impl Iterator<Item = f64>) -> Self {
        if self.scale == Scale::Linear {
            return self;
        }
        let (from, to) =
            values.fold((f64::INFINITY, 0.0), |(from, to): (f64, f64), v| (from.min(v), to.max(v)));
        Self { from, to, scale: self.scale }
    }

    /// From 0 to 1.
    fn place(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => (value - self.from) / (self.to - self.from),
            Scale::Log => (value / self.from).log10() / (self.to / self.from).log10(),
        }
    }

    fn ticks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => (0..=4).map(|part| self.to * f64::from(part) / 4.0).collect(),
            Scale::Log => {
                let powers = (-6..12).map(|power| 10_f64.powi(power));
                powers.filter(|tick| *tick >= self.from * 0.999 && *tick <= self.to * 1.001).collect()
            }
        }
    }
}

/// The next number whose quarters are easy to read.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(1e-9).log10().floor());
    let steps = [1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|step| *step >= value).unwrap_or(power * 10.0)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn short(tick: f64) -> String {
    if tick >= 1_000.0 {
        return count(tick.round() as u64);
    }
    let text = format!("{tick:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_hold_their_values() {
        let axis = Axis::over([3.0, 47.0].into_iter(), Scale::Linear, 0.0);
        assert!((axis.to - 60.0).abs() < 1e-9 && axis.place(30.0) > 0.49 && axis.place(30.0) < 0.51);
        let axis = Axis::over([0.7, 620.0].into_iter(), Scale::Log, 0.0);
        assert_eq!(axis.ticks().len(), 5, "0.1 to 1000");
        assert!((axis.place(10.0) - 0.5).abs() < 1e-9);
        assert_eq!(short(0.5), "0.5");
        assert_eq!(short(200_000.0), "200,000");
        assert_eq!(short(0.0), "0");
    }
}
