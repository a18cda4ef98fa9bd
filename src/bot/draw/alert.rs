//! An alert: what has happened, how often, what to do, and what a model makes of it.

use jiff::Timestamp;
use serde::Serialize;

use super::notice;
use super::pen::{Pen, tapped};
use super::scene::Then;
use crate::bot::screen::{Key, Screen, Tap};
use crate::bot::words::{facts, text};
use crate::bot::{Bot, Viewer};
use crate::clients::telegram::{Button, Text};
use crate::domain::alert::{Alert, AlertKind, Silence, Silent};
use crate::domain::backup::BackupAlarm;
use crate::domain::fault::record::RecordAlarm;
use crate::domain::ids::ReleaseId;
use crate::domain::notice::Notice;
use crate::domain::part::Part;
use crate::engine::Failure;
use crate::store::alerts::Told;
use crate::store::{events, releases};
use crate::wording::zone::read_in;
use crate::wording::{Language, russian_plural};

/// Of what went wrong, in characters.
const WHAT: usize = 1000;
/// Of where it did.
const PLACE: usize = 200;
/// Of the name of a model.
const MODEL: usize = 60;

/// The message of an alert.
///
/// # Errors
/// When the database cannot be read.
pub async fn alert(bot: &Bot, told: &Told) -> Result<Text, Failure> {
    read_in(&bot.zone, write(&super::pen(bot, &Viewer::everybody(bot.language)), told)).await
}

pub(super) async fn write(pen: &Pen<'_>, told: &Told) -> Result<Text, Failure> {
    let head = match failure(pen, &told.alert).await? {
        Some(notice) => notice,
        None => pen.html("alert", head(pen, &told.alert).await?),
    };
    let html = format!("{head}\n\n{}", pen.html("alert_foot", foot(pen, told)));
    Ok(Text { html: html.trim_end().to_owned(), buttons: buttons(pen, told).await? })
}

/// That a release has failed is told as every chat hears it.
async fn failure(pen: &Pen<'_>, alert: &Alert) -> Result<Option<String>, Failure> {
    let notice = if alert.kind == AlertKind::RollbackFailed { Notice::RollbackFailed } else { Notice::Failed };
    let Some(release) = release_of(alert).filter(|_| alert.kind.is_failure()) else { return Ok(None) };
    let seq = alert.seq.unwrap_or_default();
    let event = pen.engine.read(move |conn| events::at(conn, seq)).await?;
    let then = event.map(|event| Then::of(&event)).unwrap_or_default();
    let written = notice::write(pen, notice, release, then, &std::collections::BTreeMap::new()).await?;
    Ok(written.map(|text| text.html))
}

fn release_of(alert: &Alert) -> Option<ReleaseId> {
    alert.about.strip_prefix("release:")?.parse().ok().map(ReleaseId)
}

/// What has happened.
#[derive(Serialize)]
struct Head {
    kind: &'static str,
    /// Where: a part of RMM, a service, a folder.
    #[serde(rename = "where")]
    place: String,
    /// The first line says what, the others what is known beside it.
    lines: Vec<String>,
    /// The event that says it, in words.
    event: Option<String>,
    /// Room that is left, or how long Telegram or GitHub was away.
    amount: Option<String>,
    /// When the last backup was made.
    at: Option<String>,
    /// The number of the release that it is about.
    number: Option<i64>,
}

async fn head(pen: &Pen<'_>, alert: &Alert) -> Result<Head, Failure> {
    let seq = alert.seq;
    let event = match seq {
        Some(seq) => pen.engine.read(move |conn| events::at(conn, seq)).await?,
        None => None,
    };
    let language = pen.language();
    let number = alert.what.parse::<i64>().ok();
    let amount = match alert.kind {
        AlertKind::Disk => number.map(|bytes| language.size(bytes.unsigned_abs())),
        AlertKind::Telegram | AlertKind::Github => number.map(|seconds| pen.seconds(seconds)),
        AlertKind::Error
        | AlertKind::Broken
        | AlertKind::Failed
        | AlertKind::RollbackFailed
        | AlertKind::TagMoved
        | AlertKind::Record
        | AlertKind::Backup => None,
    };
    let made = number.filter(|_| alert.kind == AlertKind::Backup).and_then(|at| Timestamp::from_millisecond(at).ok());
    let part = Part::of(&alert.place).filter(|_| alert.kind == AlertKind::Broken).map(|part| language.part(part));
    let place = part.unwrap_or_else(|| alert.place.strip_prefix("rmm::").unwrap_or(&alert.place));
    // That a part has broken, the heading says.
    let said = usize::from(alert.kind == AlertKind::Broken && alert.what.lines().count() > 1);
    Ok(Head {
        kind: alert.kind.as_str(),
        place: text::shorten(place, PLACE),
        lines: alert.what.lines().skip(said).take(4).map(|line| text::shorten(line, WHAT)).collect(),
        event: event
            .map(|event| {
                let data = serde_json::from_str(&event.data).unwrap_or_default();
                language.event(&event.kind, &data)
            })
            .or_else(|| lasting(language, alert)),
        amount,
        at: made.map(|at| pen.time(at)),
        number: release_of(alert).map(|release| release.0),
    })
}

/// What is wrong with the record, or with the backups that RMM makes by itself, as it is told everywhere.
fn lasting(language: Language, Alert { kind, what, .. }: &Alert) -> Option<String> {
    match kind {
        AlertKind::Backup => Some(language.backup_alarm(&serde_json::from_str::<BackupAlarm>(what).ok()?)),
        AlertKind::Record => Some(language.record_alarm(&serde_json::from_str::<RecordAlarm>(what).ok()?)),
        AlertKind::Error
        | AlertKind::Broken
        | AlertKind::Failed
        | AlertKind::RollbackFailed
        | AlertKind::TagMoved
        | AlertKind::Disk
        | AlertKind::Telegram
        | AlertKind::Github => None,
    }
}

/// How often, since when, and what else is known.
#[derive(Serialize)]
struct Foot {
    /// `10,000 times`; nothing where it was once.
    seen: Option<String>,
    since: String,
    last: String,
    /// It lasts until it is over.
    lasts: bool,
    over: Option<String>,
    #[serde(flatten)]
    trail: Trail,
    model: Option<String>,
    guess: Vec<String>,
    no_guess: Option<String>,
    silent: bool,
    /// Until when; nothing: until it is over.
    silent_until: Option<String>,
    silent_by: Option<String>,
}

/// Where to look further.
#[derive(Serialize)]
pub(super) struct Trail {
    pub trace: Option<String>,
    pub trace_url: Option<String>,
    pub logs_url: Option<String>,
}

impl Trail {
    /// From a trace, where one is known, and a moment.
    pub fn of(pen: &Pen<'_>, trace: Option<String>, at: Timestamp) -> Self {
        let catalog = pen.engine.catalog();
        Self {
            trace_url: trace.as_deref().and_then(|trace| catalog.trace_page(trace)),
            logs_url: catalog.logs_page(trace.as_deref(), at),
            trace,
        }
    }
}

fn foot(pen: &Pen<'_>, told: &Told) -> Foot {
    let Told { alert, seen, since, last, .. } = told;
    // It is told when it is over.
    let is_past = alert.kind == AlertKind::Telegram;
    let said = told.guess.as_ref().map(|guess| &guess.said);
    let guess = said.and_then(|said| said.as_ref().ok());
    let until = told.silent.as_ref().map(|(silent, _)| *silent);
    Foot {
        seen: (*seen > 1).then(|| times(pen.language(), *seen)),
        since: pen.time(*since),
        last: moment(pen, *since, *last),
        lasts: alert.kind.lasts() && !is_past,
        over: told.over_at.filter(|_| !is_past).map(|at| moment(pen, *since, at)),
        trail: Trail::of(pen, alert.trace.clone(), *last),
        model: told.guess.as_ref().map(|guess| text::shorten(&guess.model, MODEL)),
        guess: guess.map(|guess| guess.lines().map(ToOwned::to_owned).collect()).unwrap_or_default(),
        no_guess: said.and_then(|said| said.as_ref().err().cloned()),
        silent: until.is_some(),
        silent_until: match until {
            Some(Silent::Until(end)) => Some(pen.time(end)),
            Some(Silent::UntilOver) | None => None,
        },
        silent_by: told.silent.as_ref().map(|(_, by)| by.clone()),
    }
}

/// The time of the day, on the day that is told already.
fn moment(pen: &Pen<'_>, told: Timestamp, at: Timestamp) -> String {
    let date = |at: Timestamp| at.to_zoned(pen.zone.clone()).date();
    if date(told) == date(at) { at.to_zoned(pen.zone.clone()).strftime("%H:%M").to_string() } else { pen.time(at) }
}

/// `10,000 times`.
fn times(language: Language, count: u64) -> String {
    let digits = count.to_string();
    let separator = if language == Language::Ru { '\u{a0}' } else { ',' };
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(separator);
        }
        grouped.push(digit);
    }
    let word = match language {
        Language::En => "times",
        Language::Ru => russian_plural(count, "раз", "раза", "раз"),
    };
    format!("{grouped} {word}")
}

/// Who may press them is seen when they are pressed: a group sees one message.
async fn buttons(pen: &Pen<'_>, told: &Told) -> Result<Vec<Vec<Button>>, Failure> {
    let mut rows = Vec::new();
    if let Some(id) = release_of(&told.alert)
        && let Some(release) = pen.engine.read(move |conn| releases::get(conn, id)).await?
    {
        let label = pen.phrase("button.release", facts! { title => release.title() });
        rows.push(vec![tapped(label, &Tap::Show(Screen::Release(id)))]);
    }
    let Ok(alert) = told.key.parse::<Key>() else { return Ok(rows) };
    let button =
        |silence: Silence| pen.button(&format!("button.silent_{}", silence.as_str()), &Tap::Silence { alert, silence });
    if told.silent.is_some() {
        rows.push(vec![button(Silence::Ended)]);
    } else if told.over_at.is_none() {
        rows.push(vec![button(Silence::Hour), button(Silence::EightHours)]);
        rows.push(vec![button(Silence::UntilOver)]);
    }
    Ok(rows)
}
