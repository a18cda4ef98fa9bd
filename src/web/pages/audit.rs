//! The record: what happened, looked through by a filter, whether its chain is intact, and all of it as a file.

mod export;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{Html, Redirect};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::frame::{Frame, Looks, When};
use super::tone::{self, Tone};
use super::viewer::{Nothing, Signed, Viewer};
use super::words::audit::{self as words, Audit};
use crate::contract::ListAudit;
use crate::domain::fault::record::RecordFlaw;
use crate::domain::person::{Actor, Right};
use crate::domain::rule::{Invalid, Rule};
use crate::store::Store;
use crate::store::events::EventRow;
use crate::store::record::{self, Filter, Most};
use crate::web::Web;
use crate::web::api::audit;
use crate::wording::Language;

pub(super) use self::export::{csv, json};

/// Events on a page.
const PAGE: u32 = 50;

/// The filter as the form sends it; empty: not asked for.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub(super) struct Asked {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    service: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    by: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    kind: String,
    /// In the reader's zone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    since: String,
    /// In the reader's zone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    until: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    cursor: String,
}

impl Asked {
    fn filter(&self, zone: &TimeZone) -> Result<Filter, Invalid> {
        let given = |text: &str| Some(text.to_owned());
        audit::filter(&ListAudit {
            service: given(&self.service),
            actor: given(&self.by),
            kind: given(&self.kind),
            since: time("since", &self.since, zone)?,
            until: time("until", &self.until, zone)?,
            text: given(&self.text),
            ..ListAudit::default()
        })
    }

    /// What an address says of it, with its question mark.
    fn query(&self, cursor: Option<i64>) -> String {
        let cursor = cursor.map(|seq| seq.to_string()).unwrap_or_default();
        let query = serde_urlencoded::to_string(Self { cursor, ..self.clone() }).unwrap_or_default();
        if query.is_empty() { query } else { format!("?{query}") }
    }
}

fn time(field: &'static str, text: &str, zone: &TimeZone) -> Result<Option<Timestamp>, Invalid> {
    if text.is_empty() {
        return Ok(None);
    }
    let read = text.parse::<DateTime>().ok().and_then(|time| time.to_zoned(zone.clone()).ok());
    read.map(|time| Some(time.timestamp())).ok_or_else(|| Invalid::new(field, Rule::DateAndTime))
}

struct EventLine {
    seq: i64,
    text: String,
    by: String,
    service: Option<String>,
    release: Option<i64>,
    run: Option<i64>,
    at: When,
}

/// How the chain stands.
struct Chain {
    tone: Tone,
    sentence: String,
    at: Option<When>,
    flaw: Option<String>,
    alarm: Option<String>,
    seal: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/audit.html")]
struct AuditPage {
    frame: Frame,
    words: &'static Audit,
    chain: Chain,
    may_check: bool,
    asked: Asked,
    is_filtered: bool,
    has_cursor: bool,
    services: Vec<(String, bool)>,
    people: Vec<String>,
    kinds: Vec<(String, String, bool)>,
    events: Vec<EventLine>,
    /// The filter, as addresses say it.
    query: String,
    /// The same with the place where the next page begins.
    next: Option<String>,
    /// How far back the look came, where it ended before the page was full.
    tired: Option<When>,
}

/// The record.
pub(super) async fn show(
    State(web): State<Web>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Fault> {
    viewer.actor.may(Right::Read, None, false)?;
    let (looks, catalog) = (&viewer.looks, web.engine.catalog());
    let filter = asked.filter(&looks.zone)?;
    let cursor = || asked.cursor.parse().map_err(|_| Invalid::new("cursor", Rule::EarlierPage));
    let before = if asked.cursor.is_empty() { i64::MAX } else { cursor()? };
    let is_filtered = filter != Filter::default();
    let most = Most { events: PAGE, bytes: audit::PAGE_BYTES };
    let shown = as_shown(looks.clone());
    let read = move |conn: &rusqlite::Connection| {
        Ok((record::look_at(conn, &filter, before, most, &shown)?, record::kinds(conn)?))
    };
    let (found, kinds) = web.engine.read(read).await?;
    let time = |at| looks.when(Timestamp::from_millisecond(at).unwrap_or_default(), viewer.now);
    let people = catalog.people().keys().map(ToString::to_string);
    let words = words::of(looks.language);
    let page = AuditPage {
        frame: Frame::inside(&viewer, "audit", words.title),
        words,
        chain: Chain::of(web.engine.store(), &viewer),
        may_check: viewer.actor.may(Right::Administer, None, false).is_ok(),
        is_filtered,
        has_cursor: !asked.cursor.is_empty(),
        services: catalog.services().map(|of| (of.name.to_string(), of.name.as_str() == asked.service)).collect(),
        people: people.chain([Actor::Operator, Actor::Machine].map(|actor| actor.label().to_owned())).collect(),
        kinds: named(kinds, &asked.kind, viewer.looks.language),
        events: found.events.into_iter().map(|event| EventLine::of(event, &viewer)).collect(),
        query: asked.query(None),
        next: found.next.map(|seq| asked.query(Some(seq))),
        tired: found.tired_at.map(time),
        asked,
    };
    Ok(Html(page.render()?))
}

/// The kinds with their names, by which they are sorted, and whether it is the one that is asked for.
fn named(kinds: Vec<String>, chosen: &str, language: Language) -> Vec<(String, String, bool)> {
    let line = |kind: String| (words::kind(language, &kind), kind == chosen, kind);
    let mut named: Vec<_> = kinds.into_iter().map(line).map(|(name, is_it, kind)| (kind, name, is_it)).collect();
    named.sort_by(|(_, one, _), (_, other, _)| one.cmp(other));
    named
}

/// What the page shows of an event, in the words of its reader.
fn as_shown(looks: Looks) -> impl Fn(&EventRow) -> String + Clone + Send + 'static {
    move |event| {
        let actor: Option<Actor> = serde_json::from_str(&event.actor).ok();
        let mut shown = vec![happened(event, &looks)];
        shown.extend(actor.map(|actor| actor.label().to_owned()));
        shown.extend(event.service.clone());
        shown.extend(event.release.map(|id| format!("#{id}")));
        shown.extend(event.run.map(|id| format!("{} {id}", words::of(looks.language).run)));
        shown.join(" ")
    }
}

/// What has happened. A service that is there no more has its name as it is, too.
fn happened(event: &EventRow, looks: &Looks) -> String {
    let said = looks.happened(&event.kind, &serde_json::from_str(&event.data).unwrap_or_default());
    let name = event.service.as_deref().unwrap_or_default();
    match said.get(..name.len()).filter(|start| !name.is_empty() && start.eq_ignore_ascii_case(name)) {
        Some(_) if !said[name.len()..].starts_with(char::is_alphanumeric) => format!("{name}{}", &said[name.len()..]),
        Some(_) | None => said,
    }
}

/// Has the whole chain checked.
pub(super) async fn verify(
    State(web): State<Web>,
    Signed(viewer, Nothing {}): Signed<Nothing>,
) -> Result<Redirect, Fault> {
    viewer.actor.may(Right::Administer, None, false)?;
    let store = web.engine.store();
    store.watch_record(web.engine.now()).await?;
    drop(store.check_record(None, web.engine.now()).await?);
    Ok(Redirect::to("/audit"))
}

impl EventLine {
    fn of(event: EventRow, viewer: &Viewer) -> Self {
        let actor: Option<Actor> = serde_json::from_str(&event.actor).ok();
        let at = Timestamp::from_millisecond(event.at).unwrap_or_default();
        Self {
            text: happened(&event, &viewer.looks),
            by: actor.map(|actor| actor.label().to_owned()).unwrap_or_default(),
            seq: event.seq,
            service: event.service,
            release: event.release,
            run: event.run,
            at: viewer.looks.when(at, viewer.now),
        }
    }
}

impl Chain {
    fn of(store: &Store, viewer: &Viewer) -> Self {
        let words = words::of(viewer.looks.language);
        let alarm = store.alarm().borrow().as_ref().map(|alarm| viewer.looks.language.record_alarm(alarm));
        let checked = store.checked();
        let at = checked.as_ref().map(|checked| viewer.looks.when(checked.at, viewer.now));
        let broken = |flaw: &RecordFlaw| {
            let sentence = format!("{} {}", words.broken_at, flaw.seq());
            (tone::FAIL, sentence, Some(viewer.looks.language.record_flaw(flaw)), None)
        };
        let (tone, sentence, flaw, seal) = match checked.map(|checked| checked.found) {
            Some(Err(flaw)) => broken(&flaw),
            Some(Ok(verified)) => (
                tone::OK,
                format!("{} {}", words.intact_up_to, verified.head.seq),
                None,
                Some(format!("{}:{}", verified.head.seq, verified.head.mac_hex())),
            ),
            None => match store.damage() {
                Some(flaw) => broken(flaw),
                None => (tone::IDLE, words.unchecked.to_owned(), None, None),
            },
        };
        match alarm {
            Some(_) => Self { tone: tone::FAIL, sentence: words.alarm.to_owned(), at, flaw, alarm, seal },
            None => Self { tone, sentence, at, flaw, alarm, seal },
        }
    }
}
