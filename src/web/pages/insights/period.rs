//! The time that is looked at, in parts, in the time zone of who looks.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde::Deserialize;

use crate::domain::ids::ServiceName;
use crate::web::pages::fault::Fault;
use crate::web::pages::named;
use crate::web::pages::viewer::Viewer;
use crate::web::pages::words::insights::{self, day};
use crate::web::pages::words::missing::Missing;

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
pub(in crate::web::pages) struct Asked {
    /// One service; empty: all.
    #[serde(default)]
    pub service: String,
    /// `30d`, `12w` or `1y`.
    #[serde(default)]
    pub period: String,
    /// The period before it.
    pub before: Option<u8>,
}

/// A choice of periods: its word, how many parts, and how many days each.
const CHOICES: [(&str, i64, i64); 3] = [("30d", 30, 1), ("12w", 12, 7), ("1y", 52, 7)];
/// The one without a choice.
const USUAL: usize = 1;

/// The time that is looked at; it ends with today.
pub(in crate::web::pages) struct Period {
    pub service: Option<ServiceName>,
    /// Which of the choices.
    pub chosen: usize,
    /// Where its parts begin and end.
    pub bounds: Vec<Timestamp>,
    /// The first day of each part.
    pub days: Vec<Date>,
    last: Date,
}

impl Period {
    pub fn of(asked: &Asked, services: &[ServiceName], viewer: &Viewer) -> Result<Self, Fault> {
        let chosen = match asked.period.as_str() {
            "" => USUAL,
            period => {
                let known = CHOICES.iter().position(|(word, ..)| *word == period);
                known.ok_or_else(|| Missing::Period(period.to_owned()))?
            }
        };
        let (_, parts, days) = CHOICES[chosen];
        let zone = &viewer.looks.zone;
        let earlier = if asked.before.is_some() { parts * days } else { 0 };
        let tomorrow = viewer.now.to_zoned(zone.clone()).date().saturating_add((1 - earlier).days());
        let first = |part: i64| tomorrow.saturating_sub(((parts - part) * days).days());
        let begins: Vec<Date> = (0..=parts).map(first).collect();
        let bound = |date: &Date| date.to_zoned(zone.clone()).map_or(viewer.now, |zoned| zoned.timestamp());
        Ok(Self {
            service: named::service(services, &asked.service)?,
            chosen,
            bounds: begins.iter().map(bound).collect(),
            last: tomorrow.saturating_sub(1.day()),
            days: begins[..begins.len() - 1].to_vec(),
        })
    }

    /// Its word in an address.
    pub fn word(&self) -> &'static str {
        CHOICES[self.chosen].0
    }

    /// The choices: the word of each, and whether it is this one.
    pub fn choices(&self) -> impl Iterator<Item = (&'static str, bool)> {
        CHOICES.iter().enumerate().map(|(at, (word, ..))| (*word, at == self.chosen))
    }

    /// The name of the service in an address; empty: all.
    pub fn service_word(&self) -> &str {
        self.service.as_ref().map_or("", ServiceName::as_str)
    }

    /// How many weeks it has.
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    pub fn weeks(&self) -> f64 {
        (CHOICES[self.chosen].1 * CHOICES[self.chosen].2) as f64 / 7.0
    }

    /// Its first and last day, and what there was.
    pub fn summary(&self, viewer: &Viewer, deploys: usize) -> String {
        let language = viewer.looks.language;
        let first = self.days.first().copied().unwrap_or_default();
        let last = self.last;
        let (first_day, last_day) = (day(language, first), day(language, last));
        format!(
            "{first_day} {} – {last_day} {} · {}: {deploys}",
            first.year(),
            last.year(),
            insights::of(language).deploys.to_lowercase(),
        )
    }
}
