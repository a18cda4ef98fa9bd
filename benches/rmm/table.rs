//! The table that is printed, and the numbers in it.

use std::fmt;
use std::time::Duration;

/// What was measured, what should have been, line by line.
#[derive(Default)]
pub struct Table(Vec<[String; 4]>);

impl Table {
    /// A line with a target.
    pub fn target(&mut self, what: &str, measured: String, target: &str, met: bool) {
        self.0.push([what.into(), measured, target.into(), if met { "ok" } else { "NOT MET" }.into()]);
    }

    /// A line that only informs.
    pub fn note(&mut self, what: &str, measured: String) {
        self.0.push([what.into(), measured, String::new(), String::new()]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heading = ["", "measured", "target", ""].map(ToOwned::to_owned);
        let width = |column: usize| {
            let lines = self.0.iter().chain([&heading]);
            lines.map(|line| line[column].chars().count()).max().unwrap_or(0)
        };
        let widths = [width(0), width(1), width(2)];
        for line in [&heading].into_iter().chain(&self.0) {
            let [what, measured, target, met] = line;
            let text = format!("{what:<0$}  {measured:<1$}  {target:<2$}  {met}", widths[0], widths[1], widths[2]);
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

/// Every latency that was measured, in microseconds: exact percentiles, no buckets.
#[derive(Default)]
pub struct Latencies(Vec<u32>);

impl Latencies {
    pub fn add(&mut self, latency: Duration) {
        self.0.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The latency that `share` of all did not exceed, in milliseconds.
    pub fn percentile(&mut self, share: f64) -> f64 {
        self.0.sort_unstable();
        let last = self.0.len().saturating_sub(1);
        let at = (last as f64 * share).ceil() as usize;
        self.0.get(at).map_or(f64::NAN, |micros| f64::from(*micros) / 1000.0)
    }

    /// p50, p99 and the longest, for people.
    pub fn text(&mut self) -> String {
        format!(
            "p50 {:.2} ms, p99 {:.2} ms, longest {:.1} ms",
            self.percentile(0.5),
            self.percentile(0.99),
            self.percentile(1.0)
        )
    }
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
