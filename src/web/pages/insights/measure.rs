//! DORA's five, each as a figure, a drawing and a table.

use std::sync::Arc;

use jiff::SignedDuration;

use super::behind::Kind;
use super::chart::{Chart, Drawn, Scale};
use super::period::Period;
use super::{OfPhase, lasting};
use crate::domain::ids::ServiceName;
use crate::domain::insights::{Compared, Insights, Measures};
use crate::web::pages::viewer::Viewer;
use crate::web::pages::words::insights::{self, Words, day, decimal};

/// Rows of a table, at most: the services with the most.
const ROWS: usize = 8;

/// One measure.
pub(super) struct Measure {
    pub heading: &'static str,
    /// The releases behind it.
    pub kind: Kind,
    pub figure: String,
    /// What stands beside it, and whether that is of the period before.
    pub beside: Vec<(String, bool)>,
    /// The second column is of the period before.
    pub is_beside_earlier: bool,
    pub how: &'static str,
    pub chart: Chart,
    /// The heads of the columns behind that of the services.
    pub columns: [&'static str; 2],
    pub rows: Vec<Row>,
}

pub(super) struct Row {
    pub service: Arc<ServiceName>,
    pub first: String,
    pub second: String,
}

const COUNTS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];
const SHARES: &[f64] = &[0.05, 0.1, 0.25, 0.5];
const SECONDS: &[f64] = &[
    1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 14_400.0, 43_200.0, 86_400.0, 172_800.0,
    604_800.0,
];

/// What makes a drawing and a table of measures.
struct Drawing<'a> {
    found: &'a Insights,
    labels: &'static Words,
    viewer: &'a Viewer,
    days: Vec<String>,
}

/// How long a part of the way took, over the time.
pub(super) fn of_phase(name: &str, found: &Insights, of: OfPhase, period: &Period, viewer: &Viewer) -> Chart {
    let language = viewer.looks.language;
    let days: Vec<_> = period.days.iter().map(|date| day(language, *date)).collect();
    let drawn = Drawn::Dots { values: found.parts.iter().map(|part| seconds(of(&part.phases))).collect() };
    let scale = Scale { steps: SECONDS, name: Box::new(move |value| language.exact(whole(value))) };
    Chart::of(name.to_owned(), &drawn, &scale, &days)
}

/// All five.
pub(super) fn all(found: &Insights, period: &Period, viewer: &Viewer) -> Vec<Measure> {
    let language = viewer.looks.language;
    let days = period.days.iter().map(|date| day(language, *date)).collect();
    let drawing = Drawing { found, labels: insights::of(language), viewer, days };
    vec![
        drawing.frequency(period.weeks()),
        drawing.lead(),
        drawing.rate(2, Kind::Failed, "s-fail b", Measures::failure_rate, |measures| measures.failed),
        drawing.recovery(),
        drawing.rate(4, Kind::Rework, "s-back b", Measures::rework_rate, |measures| measures.rework),
    ]
}

impl Drawing<'_> {
    fn frequency(&self, weeks: f64) -> Measure {
        let (labels, language) = (self.labels, self.viewer.looks.language);
        let a_week = |measures: &Measures| decimal(language, number(measures.deploys) / weeks);
        let parts = &self.found.parts;
        let drawn = Drawn::Stacked {
            solid: parts.iter().map(|part| number(part.deploys - part.failed)).collect(),
            hollow: parts.iter().map(|part| number(part.failed)).collect(),
        };
        Measure {
            figure: format!("{} {}", a_week(&self.found.all.now), labels.a_week),
            beside: self
                .earlier((self.found.all.before.deploys > 0).then(|| a_week(&self.found.all.before)))
                .into_iter()
                .collect(),
            chart: self.chart(0, &drawn, &Scale { steps: COUNTS, name: Box::new(|value| format!("{value:.0}")) }),
            columns: [labels.deploys, labels.earlier],
            rows: self.rows(|compared| {
                (compared.now.deploys > 0)
                    .then(|| (compared.now.deploys.to_string(), compared.before.deploys.to_string()))
            }),
            ..self.empty(0, Kind::Deploys)
        }
    }

    fn lead(&self) -> Measure {
        let labels = self.labels;
        let parts = &self.found.parts;
        let drawn = Drawn::Line {
            values: parts.iter().map(|part| seconds(part.lead)).collect(),
            upper: parts.iter().map(|part| seconds(part.slow_lead)).collect(),
        };
        let all = self.found.all;
        let slow =
            all.now.slow_lead.map(|slow| (format!("{}: {}", labels.nine_of_ten, self.lasting(Some(slow))), false));
        let before = self.earlier(all.before.lead.map(|lead| self.lasting(Some(lead))));
        Measure {
            figure: self.lasting(all.now.lead),
            beside: [before, slow].into_iter().flatten().collect(),
            chart: self.chart(1, &drawn, &self.times()),
            columns: [labels.median, labels.earlier],
            rows: self.durations(|measures| measures.lead),
            ..self.empty(1, Kind::Lead)
        }
    }

    fn recovery(&self) -> Measure {
        let labels = self.labels;
        let drawn = Drawn::Dots { values: self.found.parts.iter().map(|part| seconds(part.recovery)).collect() };
        let all = self.found.all;
        Measure {
            figure: self.lasting(all.now.recovery),
            beside: self.earlier(all.before.recovery.map(|time| self.lasting(Some(time)))).into_iter().collect(),
            chart: self.chart(3, &drawn, &self.times()),
            columns: [labels.median, labels.earlier],
            rows: self.durations(|measures| measures.recovery),
            ..self.empty(3, Kind::Recovery)
        }
    }

    fn rate(
        &self,
        at: usize,
        kind: Kind,
        class: &'static str,
        rate: fn(&Measures) -> Option<f64>,
        count: fn(&Measures) -> usize,
    ) -> Measure {
        let labels = self.labels;
        let drawn =
            Drawn::Bars { values: self.found.parts.iter().map(|part| rate(part).unwrap_or(0.0)).collect(), class };
        let Compared { now, before } = self.found.all;
        let of = self.viewer.looks.words().of(count(&now), now.deploys);
        Measure {
            figure: self.percent(rate(&now)),
            beside: [self.earlier(rate(&before).map(|rate| self.percent(Some(rate)))), Some((of, false))]
                .into_iter()
                .flatten()
                .collect(),
            is_beside_earlier: false,
            chart: self.chart(
                at,
                &drawn,
                &Scale { steps: SHARES, name: Box::new(|value| format!("{:.0} %", value * 100.0)) },
            ),
            columns: [if kind == Kind::Failed { labels.failed } else { labels.rework }, labels.rate],
            rows: self.rows(|compared| {
                (compared.now.deploys > 0)
                    .then(|| (count(&compared.now).to_string(), self.percent(rate(&compared.now))))
            }),
            ..self.empty(at, kind)
        }
    }

    fn empty(&self, at: usize, kind: Kind) -> Measure {
        Measure {
            heading: self.labels.measures[at],
            kind,
            figure: String::new(),
            beside: Vec::new(),
            is_beside_earlier: true,
            how: self.labels.how[at],
            chart: Chart::default(),
            columns: [""; 2],
            rows: Vec::new(),
        }
    }

    fn chart(&self, at: usize, drawn: &Drawn, scale: &Scale) -> Chart {
        let (first, last) = (self.days.first(), self.days.last());
        let title = format!(
            "{}, {} – {}",
            self.labels.measures[at],
            first.map(String::as_str).unwrap_or_default(),
            last.map(String::as_str).unwrap_or_default()
        );
        Chart::of(title, drawn, scale, &self.days)
    }

    fn durations(&self, of: fn(&Measures) -> Option<SignedDuration>) -> Vec<Row> {
        self.rows(|compared| of(&compared.now).map(|now| (self.lasting(Some(now)), self.lasting(of(&compared.before)))))
    }

    /// The services for which there is something to tell, those with the most deploys first.
    fn rows(&self, tell: impl Fn(&Compared) -> Option<(String, String)>) -> Vec<Row> {
        let mut services: Vec<_> = self.found.services.iter().collect();
        services.sort_by_key(|(_, compared)| std::cmp::Reverse(compared.now.deploys));
        let row = |(service, compared): (&Arc<ServiceName>, &Compared)| {
            tell(compared).map(|(first, second)| Row { service: Arc::clone(service), first, second })
        };
        services.into_iter().filter_map(row).take(ROWS).collect()
    }

    /// What it was in the period before.
    fn earlier(&self, was: Option<String>) -> Option<(String, bool)> {
        was.map(|was| (format!("{was} {}", self.labels.before), true))
    }

    fn lasting(&self, time: Option<SignedDuration>) -> String {
        lasting(time, self.viewer)
    }

    fn percent(&self, share: Option<f64>) -> String {
        let text = |share: f64| format!("{}\u{a0}%", decimal(self.viewer.looks.language, share * 100.0));
        share.map_or_else(|| "–".to_owned(), text)
    }

    fn times(&self) -> Scale {
        let language = self.viewer.looks.language;
        Scale { steps: SECONDS, name: Box::new(move |value| language.exact(whole(value))) }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "seconds of a drawing")]
fn whole(value: f64) -> i64 {
    value.round() as i64
}

#[expect(clippy::cast_precision_loss, reason = "so many there never are")]
fn number(count: usize) -> f64 {
    count as f64
}

fn seconds(time: Option<SignedDuration>) -> Option<f64> {
    time.map(|time| time.as_secs_f64())
}
