//! Drawings of values over time, as numbers that a template puts into SVG.

use std::fmt::Write as _;

/// The size of a drawing, and where in it the values are. Units of the view box.
const RIGHT: f64 = 394.0;
const LEFT: f64 = 44.0;
/// Room for a character of a label beside the axis, as large as phones show it, and between label and axis.
const CHARACTER: f64 = 7.6;
const GAP: f64 = 6.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 106.0;
/// The part of its place that a bar fills.
const FILLED: f64 = 0.52;
/// Lines across, at most.
const LINES: f64 = 4.0;
/// Labels below, at most.
const LABELS: usize = 6;

/// A rectangle.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::web::pages) struct Bar {
    pub class: &'static str,
    pub x: String,
    pub y: String,
    pub width: String,
    pub height: String,
}

/// A number or a date beside an axis.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::web::pages) struct Label {
    pub at: String,
    /// Where the text stands.
    pub text_at: String,
    pub text: String,
}

/// A drawing.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::web::pages) struct Chart {
    /// What it shows, for who cannot see it.
    pub title: String,
    /// Where the axis begins, and where the labels beside it end.
    pub left: String,
    pub labels_end: String,
    pub across: Vec<Label>,
    pub below: Vec<Label>,
    pub bars: Vec<Bar>,
    /// The path of a line.
    pub line: Option<String>,
    /// The path of what lies around it.
    pub area: Option<String>,
    pub dots: Vec<(String, String)>,
}

/// Values of one kind, one for each part of the time.
pub(in crate::web::pages) enum Drawn {
    /// Bars, on each of them a hollow one.
    Stacked { solid: Vec<f64>, hollow: Vec<f64> },
    /// Bars.
    Bars { values: Vec<f64>, class: &'static str },
    /// A line through the values, with an area up to others.
    Line { values: Vec<Option<f64>>, upper: Vec<Option<f64>> },
    /// A dot for each value, on a stem.
    Dots { values: Vec<Option<f64>> },
}

/// How values are measured and named.
pub(in crate::web::pages) struct Scale {
    /// Steps between lines are multiples of one of these.
    pub steps: &'static [f64],
    /// A value beside the axis.
    pub name: Box<dyn Fn(f64) -> String>,
}

impl Drawn {
    fn highest(&self) -> f64 {
        let values: Vec<f64> = match self {
            Self::Stacked { solid, hollow } => solid.iter().zip(hollow).map(|(one, other)| one + other).collect(),
            Self::Bars { values, .. } => values.clone(),
            Self::Line { values, upper } => values.iter().chain(upper).copied().flatten().collect(),
            Self::Dots { values } => values.iter().copied().flatten().collect(),
        };
        values.into_iter().fold(0.0, f64::max)
    }

    fn len(&self) -> usize {
        match self {
            Self::Stacked { solid, .. } => solid.len(),
            Self::Bars { values, .. } => values.len(),
            Self::Line { values, .. } | Self::Dots { values } => values.len(),
        }
    }
}

/// The distance between lines: the smallest of the steps with which there are few.
fn step(highest: f64, steps: &[f64]) -> f64 {
    let fits = |step: &&f64| highest / **step <= LINES;
    steps
        .iter()
        .find(fits)
        .copied()
        .unwrap_or_else(|| steps.last().map_or(1.0, |last| (highest / LINES / last).ceil() * last))
}

#[expect(clippy::cast_precision_loss, reason = "places of a drawing")]
fn place(left: f64, at: usize, count: usize) -> f64 {
    left + (at as f64 + 0.5) * (RIGHT - left) / count.max(1) as f64
}

fn n(value: f64) -> String {
    format!("{value:.1}")
}

impl Chart {
    /// Draws values; `days` names the parts of the time.
    #[expect(clippy::cast_precision_loss, reason = "places of a drawing")]
    pub fn of(title: String, drawn: &Drawn, scale: &Scale, days: &[String]) -> Self {
        let step = step(drawn.highest(), scale.steps);
        let lines = (drawn.highest() / step).ceil().max(1.0);
        let top = lines * step;
        let y = |value: f64| BOTTOM - value / top * (BOTTOM - TOP);
        let mut chart = Self { title, ..Self::default() };
        let mut line = 0.0;
        while line <= lines {
            let at = y(line * step);
            chart.across.push(Label { at: n(at), text_at: n(at + 4.0), text: (scale.name)(line * step) });
            line += 1.0;
        }
        let longest = chart.across.iter().map(|label| label.text.chars().count()).max().unwrap_or_default();
        let left = LEFT.max(longest as f64 * CHARACTER + 2.0 * GAP);
        (chart.left, chart.labels_end) = (n(left), n(left - GAP));
        let place = |at, count| place(left, at, count);
        let count = drawn.len();
        for at in (0..count).step_by(count.div_ceil(LABELS).max(1)) {
            let x = n(place(at, count));
            chart.below.push(Label { at: x.clone(), text_at: x, text: days.get(at).cloned().unwrap_or_default() });
        }
        let width = (RIGHT - left) / count.max(1) as f64 * FILLED;
        let bar = |at: usize, from: f64, to: f64, class| Bar {
            class,
            x: n(place(at, count) - width / 2.0),
            y: n(y(to)),
            width: n(width),
            height: n(y(from) - y(to)),
        };
        match drawn {
            Drawn::Stacked { solid, hollow } => {
                for (at, (solid, hollow)) in solid.iter().zip(hollow).enumerate() {
                    chart.bars.extend((*solid > 0.0).then(|| bar(at, 0.0, *solid, "s-ok b")));
                    chart.bars.extend((*hollow > 0.0).then(|| bar(at, *solid, solid + hollow, "s-fail hollow")));
                }
            }
            Drawn::Bars { values, class } => {
                let there = values.iter().enumerate().filter(|(_, value)| **value > 0.0);
                chart.bars.extend(there.map(|(at, value)| bar(at, 0.0, *value, class)));
            }
            Drawn::Line { values, upper } => {
                let points = |of: &[Option<f64>]| -> Vec<(f64, f64)> {
                    let there = of.iter().enumerate().filter_map(|(at, value)| Some((at, (*value)?)));
                    there.map(|(at, value)| (place(at, count), y(value))).collect()
                };
                let (middle, above) = (points(values), points(upper));
                if middle.len() > 1 {
                    chart.line = Some(path(middle.iter()));
                    chart.area = Some(path(above.iter().chain(middle.iter().rev())) + "z");
                } else {
                    chart.dots.extend(middle.iter().map(|(x, y)| (n(*x), n(*y))));
                }
            }
            Drawn::Dots { values } => {
                let there = values.iter().enumerate().filter_map(|(at, value)| Some((at, (*value)?)));
                chart.dots.extend(there.map(|(at, value)| (n(place(at, count)), n(y(value)))));
            }
        }
        chart
    }
}

fn path<'p>(points: impl Iterator<Item = &'p (f64, f64)>) -> String {
    let mut path = String::from("M");
    for (x, y) in points {
        let _ = write!(path, "{x:.1} {y:.1} ");
    }
    path.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale() -> Scale {
        Scale { steps: &[1.0, 2.0, 5.0, 10.0], name: Box::new(|value| format!("{value}")) }
    }

    #[test]
    fn bars_stand_on_the_axis_and_the_highest_line_is_above_all_of_them() {
        let drawn = Drawn::Stacked { solid: vec![4.0, 0.0], hollow: vec![1.0, 0.0] };
        let chart = Chart::of(String::new(), &drawn, &scale(), &["1 Sep".into(), "8 Sep".into()]);
        assert_eq!(chart.across.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["0", "2", "4", "6"]);
        assert_eq!(chart.below.iter().map(|label| label.text.as_str()).collect::<Vec<_>>(), ["1 Sep", "8 Sep"]);
        let heights: Vec<_> = chart.bars.iter().map(|bar| (bar.class, bar.y.as_str(), bar.height.as_str())).collect();
        assert_eq!(heights, [("s-ok b", "42.0", "64.0"), ("s-fail hollow", "26.0", "16.0")]);
    }

    #[test]
    fn a_line_leaves_out_what_is_not_known_and_one_point_is_a_dot() {
        let drawn = Drawn::Line { values: vec![Some(1.0), None, Some(1.0)], upper: vec![Some(2.0), None, Some(2.0)] };
        let chart = Chart::of(String::new(), &drawn, &scale(), &[]);
        assert_eq!(chart.line.as_deref(), Some("M102.3 58.0 335.7 58.0"));
        assert_eq!(chart.area.as_deref(), Some("M102.3 10.0 335.7 10.0 335.7 58.0 102.3 58.0z"));
        let one = Drawn::Line { values: vec![Some(1.0)], upper: vec![Some(1.0)] };
        let chart = Chart::of(String::new(), &one, &scale(), &[]);
        assert_eq!((chart.line, chart.dots.len()), (None, 1));
    }

    #[test]
    fn the_longest_label_has_room_beside_the_axis() {
        let scale = Scale { steps: &[1.0], name: Box::new(|_| "1 h 30 min".to_owned()) };
        let chart = Chart::of(String::new(), &Drawn::Dots { values: vec![Some(1.0)] }, &scale, &[]);
        let room: f64 = chart.labels_end.parse().unwrap();
        assert!(room > 10.0 * CHARACTER && chart.left == n(room + GAP), "{room}");
        assert_eq!(chart.dots[0].0, n((room + GAP + RIGHT) / 2.0), "the values stand behind it");
    }

    #[test]
    fn nothing_is_a_drawing_with_an_axis() {
        let chart = Chart::of(String::new(), &Drawn::Dots { values: vec![None; 3] }, &scale(), &[]);
        assert_eq!((chart.across.len(), chart.dots.len()), (2, 0));
        assert_eq!(step(1e6, &[1.0, 1000.0]), 250_000.0);
    }
}
