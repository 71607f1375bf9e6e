//! SVG by hand: shapes with classes, whose colours follow the reader's light or dark theme.

use crate::record::Who;
use std::fmt::Write;

/// Colours: blue for ours, orange and sand for the reference, grey for the floor; told apart without red and green.
const STYLE: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',Inter,'DejaVu Sans',sans-serif;font-size:13px;fill:#1f2328}\
.small{font-size:11px;fill:#59636e}.title{font-size:16px;font-weight:600}.head{font-weight:600}\
.strong{font-weight:700;fill:#0a5fc4}.card{fill:#fff;stroke:#d1d9e0}.grid{stroke:#e4e8ec}.axis{stroke:#8c959f}\
.trestle{fill:#1168d9}.reference{fill:#d9730d}.nft{fill:#eab676}.floor{fill:#98a2ad}.ack{fill:#cdd3d9}\
path{fill:none;stroke-width:2.25;stroke-linejoin:round;stroke-linecap:round}\
.trestle-line{stroke:#1168d9}.reference-line{stroke:#d9730d}.nft-line{stroke:#eab676}.floor-line{stroke:#98a2ad}\
.ack-line{stroke:#cdd3d9}\
@media (prefers-color-scheme:dark){\
text{fill:#e6edf3}.small{fill:#9aa4af}.strong{fill:#6cb0ff}.card{fill:#0d1117;stroke:#30363d}.grid{stroke:#21262d}\
.axis{stroke:#6e7681}.trestle{fill:#4c9dff}.reference{fill:#e8893a}.nft{fill:#8a6136}.floor{fill:#7d8590}\
.ack{fill:#484f58}.trestle-line{stroke:#4c9dff}.reference-line{stroke:#e8893a}.nft-line{stroke:#8a6136}\
.floor-line{stroke:#7d8590}.ack-line{stroke:#484f58}}";

/// Where a text is held.
#[derive(Clone, Copy, Debug)]
pub enum Anchor {
    /// At its beginning.
    Start,
    /// In its middle.
    Middle,
    /// At its end.
    End,
}

/// A picture while it is drawn; pixels, from the upper left.
pub struct Canvas {
    width: f64,
    height: f64,
    body: String,
}

impl Canvas {
    /// An empty card with a title, which is also what a screen reader says.
    pub fn new(width: f64, height: f64, title: &str, subtitle: &str) -> Self {
        let mut canvas = Self { width, height, body: String::new() };
        let _ = writeln!(canvas.body, "<title>{}</title>", escape(title));
        let _ = writeln!(
            canvas.body,
            "<rect class=\"card\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\"/>",
            width - 1.0,
            height - 1.0
        );
        canvas.text(24.0, 34.0, "title", Anchor::Start, title);
        canvas.text(24.0, 54.0, "small", Anchor::Start, subtitle);
        canvas
    }

    /// A line of text whose baseline is at `y`.
    pub fn text(&mut self, x: f64, y: f64, class: &str, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escape(text);
        let _ = writeln!(
            self.body,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        );
    }

    /// A filled bar with round ends.
    pub fn bar(&mut self, x: f64, y: f64, width: f64, height: f64, class: &str) {
        let _ = writeln!(
            self.body,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\" rx=\"2\"/>",
            width.max(1.5)
        );
    }

    /// A straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let _ = writeln!(
            self.body,
            "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
            from.0, from.1, to.0, to.1
        );
    }

    /// A curve through points, with a dot on each.
    pub fn curve(&mut self, points: &[(f64, f64)], class: &str) {
        let mut path = String::new();
        for (index, (x, y)) in points.iter().enumerate() {
            let _ = write!(path, "{}{x:.1} {y:.1}", if index == 0 { "M" } else { "L" });
        }
        let _ = writeln!(self.body, "<path class=\"{class}-line\" d=\"{path}\"/>");
        for (x, y) in points {
            let _ = writeln!(self.body, "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.2\"/>");
        }
    }

    /// A row of colours and names that ends near the right margin.
    pub fn legend(&mut self, whose: &[Who], y: f64) {
        let item = |who: &Who| 34.0 + text_width(who.title());
        let mut x = self.width - 10.0 - whose.iter().map(item).sum::<f64>();
        for who in whose {
            self.bar(x, y - 9.0, 10.0, 10.0, class(*who));
            self.text(x + 15.0, y, "small", Anchor::Start, who.title());
            x += item(who);
        }
    }

    /// The file.
    pub fn finish(self) -> String {
        let (width, height) = (self.width, self.height);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"img\">\n<style>{STYLE}</style>\n{}</svg>\n",
            self.body
        )
    }
}

/// The class that gives a program its colour.
pub fn class(who: Who) -> &'static str {
    match who {
        Who::Trestle => "trestle",
        Who::Reference => "reference",
        Who::ReferenceNft => "nft",
        Who::Floor => "floor",
        Who::FloorAck => "ack",
    }
}

/// About how wide a small text is: fonts differ, and 6 pixels a letter is near enough.
fn text_width(text: &str) -> f64 {
    6.0 * f64::from(u32::try_from(text.chars().count()).unwrap_or_default())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
