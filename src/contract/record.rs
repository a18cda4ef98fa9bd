//! The record.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::known;
use crate::domain::fault::record::{RecordAlarm, RecordFlaw};

/// Something that happened.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventView {
    /// Its place in the record.
    pub seq: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Option<Timestamp>,
    /// The service it is about.
    pub service: Option<String>,
    /// The release it is about.
    pub release: Option<i64>,
    /// The run it is about.
    pub run: Option<i64>,
    /// Who.
    pub actor: serde_json::Value,
    /// What happened.
    pub kind: String,
    /// The particulars.
    pub data: serde_json::Value,
    /// The person who is `initiated_by` of the particulars, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiator: Option<String>,
    /// The trace it belongs to.
    pub trace_id: Option<String>,
}

/// Which part of the record.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListEvents {
    /// `next` of the page before.
    pub cursor: Option<String>,
    /// At most this many, 1 to 500; fewer, where they are large.
    pub limit: Option<u32>,
}

/// Which part of a list that comes in pages.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListPage {
    /// That of the next page, out of the header `Link` of the page before.
    pub cursor: Option<String>,
    /// At most this many, 1 to 200.
    pub limit: Option<u32>,
}

/// Which events of the record.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListAudit {
    /// `next` of the page before.
    pub cursor: Option<String>,
    /// At most this many, 1 to 500; fewer, where they are large.
    pub limit: Option<u32>,
    /// About this service.
    pub service: Option<String>,
    /// By whoever is called so: a person, a token, `operator`, or `rmm` itself.
    pub actor: Option<String>,
    /// Of this kind, as `release_moved`.
    pub kind: Option<String>,
    /// From this time on.
    #[param(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// With this in their words.
    pub text: Option<String>,
}

/// A page of the record.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventPage {
    /// Newest first.
    pub events: Vec<EventView>,
    /// The cursor of the next page; none on the last.
    pub next: Option<String>,
}

/// An end of the record that was noted elsewhere.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NotedEnd {
    /// The number of its last event.
    pub seq: Option<i64>,
    /// Its seal, 64 hexadecimal digits.
    pub mac: Option<String>,
}

/// What the check of the record found.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Verification {
    /// Nothing was edited, deleted, reordered or cut off.
    pub intact: bool,
    /// Events checked.
    pub events: i64,
    /// The end of the record, to be noted elsewhere: number and seal of the last event.
    pub head_seq: i64,
    /// The seal.
    pub head_mac: String,
    /// The first bad row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_at: Option<i64>,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentence: Option<String>,
    /// The facts that `sentence` tells in words, with a `code`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    #[schema(value_type = Option<Object>)]
    pub because: Option<RecordFlaw>,
    /// What was found wrong with the record as a whole, wiped or put back to an older one, until an admin acknowledges it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<String>,
    /// The facts that `alarm` tells in words, with a `code`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    #[schema(value_type = Option<Object>)]
    pub alarm_because: Option<RecordAlarm>,
}

impl Verification {
    /// With what is wrong with the record as a whole; `english`: its words.
    #[must_use]
    pub fn with_alarm(self, alarm: Option<RecordAlarm>, english: impl FnOnce(&RecordAlarm) -> String) -> Self {
        Self { alarm: alarm.as_ref().map(english), alarm_because: alarm, ..self }
    }
}

/// Why an alarm may end.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {
    /// What was found; people will read it.
    pub reason: String,
}
