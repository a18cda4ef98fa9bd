//! The record.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;

use crate::contract::{Acknowledge, EventPage, EventView, ListAudit, ListEvents, NotedEnd, Verification};
use crate::domain::cause::Cause;
use crate::domain::event::Event;
use crate::domain::fault::record::RecordFlaw;
use crate::domain::ids::ServiceName;
use crate::domain::person::Right;
use crate::domain::refusal::Refusal;
use crate::domain::rule::{Invalid, Rule};
use crate::domain::text::prose_line;
use crate::engine::catalog::Catalog;
use crate::store::events::{EventRow, Page};
use crate::store::record::{self, Filter, Most};
use crate::store::signed::ChainHead;
use crate::store::verify::Verified;
use crate::web::Web;
use crate::web::auth::Caller;
use crate::web::body::{Asked, Sent};
use crate::web::problem::Problem;
use crate::wording::Language;

/// Events on one page at most.
pub(super) const LARGEST_PAGE: u32 = 500;
/// What the events of one page come to at most, in bytes: the answer takes a few times as much memory while it is made.
pub(in crate::web) const PAGE_BYTES: usize = 256 * 1024;

impl EventView {
    /// An event of the record, with who of the people is meant.
    pub(in crate::web) fn of(row: EventRow, catalog: &Catalog) -> Self {
        let data: serde_json::Value = serde_json::from_str(&row.data).unwrap_or_default();
        let initiator = data["initiated_by"].as_str().and_then(|given| catalog.person_meant(given));
        Self {
            initiator: initiator.map(|person| person.name.to_string()),
            seq: row.seq,
            at: Timestamp::from_millisecond(row.at).ok(),
            service: row.service,
            release: row.release,
            run: row.run,
            actor: serde_json::from_str(&row.actor).unwrap_or_default(),
            kind: row.kind,
            data,
            trace_id: row.trace_id,
        }
    }
}

/// How many at most, and the number of the event that the page before ended with.
pub(super) fn page(asked: &ListEvents, usual: u32) -> Result<(u32, Option<i64>), Invalid> {
    let limit = asked.limit.unwrap_or(usual);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(Invalid::new("limit", Rule::Between { least: 1, most: LARGEST_PAGE.into() }));
    }
    let wrong = || Invalid::new("cursor", Rule::Cursor);
    let number = |text: &str| text.strip_prefix('e')?.parse().ok();
    let last = asked.cursor.as_deref().map(|text| number(text).ok_or_else(wrong)).transpose()?;
    Ok((limit, last))
}

/// Where the next page begins.
pub(super) fn next_cursor(page: &Page) -> Option<String> {
    page.events.last().filter(|_| page.more).map(|event| format!("e{}", event.seq))
}

/// What a query asks the record for.
pub(in crate::web) fn filter(asked: &ListAudit) -> Result<Filter, Invalid> {
    let given =
        |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    Ok(Filter {
        service: given(&asked.service).map(|name| ServiceName::parse("service", name)).transpose()?,
        actor: given(&asked.actor),
        kind: given(&asked.kind),
        since: asked.since,
        until: asked.until,
        text: given(&asked.text),
    })
}

/// The record, newest first
///
/// A page can hold fewer events than were asked for, or none, and have a `next`: a look through a long record takes rests.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(ListAudit), responses((status = 200, body = EventPage)))]
pub async fn list(
    State(web): State<Web>,
    Caller(actor): Caller,
    Asked(asked): Asked<ListAudit>,
) -> Result<Json<EventPage>, Problem> {
    super::readable_by(&actor, None)?;
    let (limit, last) = page(&ListEvents { cursor: asked.cursor.clone(), limit: asked.limit }, 100)?;
    let (filter, before) = (filter(&asked)?, last.unwrap_or(i64::MAX));
    let most = Most { events: limit, bytes: PAGE_BYTES };
    let found = web.engine.read(move |conn| record::look(conn, &filter, before, most)).await?;
    let next = found.next.map(|seq| format!("e{seq}"));
    let catalog = web.engine.catalog();
    let events = found.events.into_iter().map(|event| EventView::of(event, &catalog)).collect();
    Ok(Json(EventPage { events, next }))
}

impl From<Result<Verified, RecordFlaw>> for Verification {
    fn from(found: Result<Verified, RecordFlaw>) -> Self {
        match found {
            Ok(verified) => Self {
                intact: true,
                events: verified.events,
                head_seq: verified.head.seq,
                head_mac: verified.head.mac_hex(),
                broken_at: None,
                sentence: None,
                because: None,
                alarm: None,
                alarm_because: None,
            },
            Err(flaw) => Self {
                intact: false,
                events: flaw.seq(),
                head_seq: 0,
                head_mac: String::new(),
                broken_at: Some(flaw.seq()),
                sentence: Some(Language::En.record_flaw(&flaw)),
                because: Some(flaw),
                alarm: None,
                alarm_because: None,
            },
        }
    }
}

/// Check the whole record
///
/// Finds the first row that was edited, deleted, reordered or cut off; against an earlier end of the record, if one is given.
#[utoipa::path(get, path = "/api/v1/audit/verify", tag = "audit", params(NotedEnd), responses((status = 200, body = Verification)))]
pub async fn verify(
    State(web): State<Web>,
    Caller(actor): Caller,
    Asked(asked): Asked<NotedEnd>,
) -> Result<Json<Verification>, Problem> {
    actor.may(Right::Administer, None, false)?;
    let anchor = match (asked.seq, asked.mac) {
        (Some(seq), Some(mac)) => {
            if seq < 1 {
                return Err(Invalid::new("seq", Rule::EventNumber).into());
            }
            Some(ChainHead::from_hex(seq, &mac).ok_or_else(|| Invalid::new("mac", Rule::Seal))?)
        }
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return Err(Invalid::new("seq", Rule::Together { one: "seq".to_owned(), other: "mac".to_owned() }).into());
        }
    };
    let store = web.engine.store();
    store.watch_record(web.engine.now()).await?;
    let found = Verification::from(store.check_record(anchor, web.engine.now()).await?);
    let alarm = store.alarm().borrow().clone();
    Ok(Json(found.with_alarm(alarm, |alarm| Language::En.record_alarm(alarm))))
}

/// Acknowledge that the record was changed behind RMM's back
///
/// The alarm ends, and the record says who ended it and why.
#[utoipa::path(post, path = "/api/v1/audit/acknowledge", tag = "audit", request_body = Acknowledge,
    responses((status = 204)))]
pub async fn acknowledge(
    State(web): State<Web>,
    Caller(actor): Caller,
    Sent(sent): Sent<Acknowledge>,
) -> Result<StatusCode, Problem> {
    actor.may(Right::Administer, None, false)?;
    let reason = prose_line(&sent.reason, 1000);
    if reason.is_empty() {
        return Err(Invalid::new("reason", Rule::NotEmpty).into());
    }
    let store = web.engine.store();
    let Some(alarm) = store.alarm().borrow().clone() else {
        return Err(Refusal::from(Cause::NoRecordAlarm).into());
    };
    let event = Event::RecordAlarmAcknowledged { found: Language::En.record_alarm(&alarm), reason };
    web.engine.record(&actor, move |_, _| Ok(((), Some(event)))).await?;
    store.acknowledge()?;
    Ok(StatusCode::NO_CONTENT)
}
