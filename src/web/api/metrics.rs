//! `/metrics`: figures for Prometheus. What stands is read for each answer; what happens is counted elsewhere (`telemetry`).

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use rusqlite::Connection;

use super::meta::ready;
use super::readable_by;
use crate::engine::catalog::Catalog;
use crate::store::figures::{self, Place, Waiting};
use crate::store::space::Space;
use crate::store::{StoreError, news, outbox};
use crate::telemetry::exposition::{Exposition, Format, Labels, precise};
use crate::telemetry::metrics::{self, RETIRED};
use crate::web::Web;
use crate::web::auth::Caller;
use crate::web::problem::Problem;

/// Figures for Prometheus
///
/// In OpenMetrics where the caller accepts that, else in the text format of Prometheus. `docs/watch.md` tells each.
#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = 200, content_type = "text/plain", body = String)))]
pub async fn show(State(web): State<Web>, Caller(actor): Caller, headers: HeaderMap) -> Result<Response, Problem> {
    readable_by(&actor, None)?;
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = Format::of(accept);
    let catalog = web.engine.catalog();
    let mut all = Exposition::of(metrics::of_process());
    itself(&mut all, &web).await;
    match web.engine.read(Stands::read).await {
        Ok(stands) => stands.show(&mut all, &catalog, web.engine.now().as_millisecond()),
        // The other figures say so: an answer without these is worth more than none.
        Err(error) => tracing::warn!(%error, "how things stand could not be read for the figures"),
    }
    Ok(([(header::CONTENT_TYPE, format.content_type())], all.text(format)).into_response())
}

/// RMM itself.
async fn itself(all: &mut Exposition, web: &Web) {
    let store = web.engine.store();
    all.gauge("rmm_ready", "Whether the database can be written: 1, or 0", flag(ready(web).await.is_ok()));
    let space = Space::of(store.path());
    all.gauge("rmm_database_size_bytes", "The database", space.database.map(precise));
    all.gauge("rmm_database_wal_size_bytes", "What is still to be taken into the database", space.log.map(precise));
    all.gauge("rmm_disk_free_bytes", "Room on the disk of the data directory", space.free.map(precise));
    all.gauge("rmm_database_queued_writes", "Writes that wait for the writer", Some(precise(store.queued() as u64)));
    let events = store.progress().borrow().last_event;
    all.gauge("rmm_record_events", "Events in the record", Some(precise(events.unsigned_abs())));
    let alarm = store.alarm().borrow().is_some();
    all.gauge(
        "rmm_record_alarm",
        "The record was changed behind RMM's back, and no admin has acknowledged it",
        flag(alarm),
    );
    let broken = store.damage().is_some() || store.checked().is_some_and(|checked| checked.found.is_err());
    all.gauge("rmm_record_broken", "The chain of the record does not hold", flag(broken));
    backups(all, web).await;
    let limits = &web.limits;
    all.gauge("rmm_http_connections", "Connections from the network", Some(precise(limits.connections.held() as u64)));
    all.gauge("rmm_http_streams", "Live viewers: open streams", Some(precise(limits.open_streams() as u64)));
}

/// The backups that RMM makes by itself.
async fn backups(all: &mut Exposition, web: &Web) {
    let Ok(backups) = web.engine.backups().await else { return };
    let help = "The backups that RMM makes by itself fail, are too old, or cannot be relied on: 1, or 0";
    all.gauge("rmm_backup_alarm", help, flag(backups.alarm.is_some()));
    let tested = backups.state.tested.as_ref();
    let sound = tested.and_then(|tested| flag(tested.fault.is_none()));
    all.gauge("rmm_backup_test_sound", "The backup that was restored on trial last is sound: 1, or 0", sound);
    let at = tested.map_or(0.0, |tested| seconds(tested.when.at.as_millisecond()));
    let help = "When a backup was last restored on trial, since 1970; 0: never";
    all.gauge("rmm_backup_test_timestamp_seconds", help, Some(at));
}

/// How things stand in the database.
struct Stands {
    active: Vec<Waiting>,
    places: Vec<Place>,
    occupying: Vec<(String, u64)>,
    effects: u64,
    next_due: Option<i64>,
    untold: (u64, Option<i64>),
    refusing_chats: usize,
    backup: Option<i64>,
}

impl Stands {
    fn read(conn: &Connection) -> Result<Self, StoreError> {
        Ok(Self {
            active: figures::active(conn)?,
            places: figures::places(conn)?,
            occupying: figures::occupying(conn)?,
            effects: outbox::depth(conn)?,
            next_due: figures::next_due(conn)?,
            untold: figures::untold(conn)?,
            refusing_chats: news::refusals(conn)?.len(),
            backup: figures::last_backup(conn)?,
        })
    }

    fn show(self, all: &mut Exposition, catalog: &Catalog, now: i64) {
        let age = |since: i64| seconds((now - since).max(0));
        self.releases(all, catalog, &age);
        self.environments(all, catalog);
        let states = self.occupying.into_iter().map(|(state, runs)| (vec![("state", state)], precise(runs)));
        all.gauges("rmm_runs_in_progress", "Runs that occupy an environment", states);
        all.gauge(
            "rmm_outbox_effects",
            "What RMM has still to do outside, runs under way included",
            Some(precise(self.effects)),
        );
        let late = self.next_due.filter(|due| *due < now).map_or(0.0, age);
        all.gauge("rmm_outbox_overdue_seconds", "How long the first of it has been due", Some(late));
        let (untold, since) = self.untold;
        all.gauge("rmm_telegram_waiting_messages", "What chats have still to be told", Some(precise(untold)));
        let waited = since.map_or(0.0, age);
        all.gauge("rmm_telegram_oldest_message_seconds", "How long the first of it has waited", Some(waited));
        let refusing = precise(self.refusing_chats as u64);
        all.gauge("rmm_telegram_refusing_chats", "Chats that refuse the bot's messages", Some(refusing));
        let backup = self.backup.map_or(0.0, seconds);
        all.gauge(
            "rmm_backup_last_timestamp_seconds",
            "When the database was last backed up, since 1970; 0: never",
            Some(backup),
        );
    }

    fn releases(&self, all: &mut Exposition, catalog: &Catalog, age: &impl Fn(i64) -> f64) {
        let mut counts: BTreeMap<Labels, (u64, i64)> = BTreeMap::new();
        for Waiting { service, status, releases, since } in &self.active {
            let labels = vec![
                ("service", catalog.counted_as(service).unwrap_or(RETIRED).to_owned()),
                ("status", status.clone()),
            ];
            let (count, oldest) = counts.entry(labels).or_insert((0, *since));
            *count += releases;
            *oldest = (*oldest).min(*since);
        }
        let releases = counts.iter().map(|(labels, (count, _))| (labels.clone(), precise(*count)));
        all.gauges("rmm_releases_active", "Releases that are on their way, by where they stand", releases);
        let oldest = counts.into_iter().map(|(labels, (_, since))| (labels, age(since)));
        all.gauges("rmm_release_oldest_seconds", "How long the first of them has stood there", oldest);
    }

    fn environments(&self, all: &mut Exposition, catalog: &Catalog) {
        let mut figure = |name, help, of: &dyn Fn(&Place) -> Option<f64>| {
            let places = self.places.iter().filter(|place| catalog.counted_as(&place.service).is_some());
            let values = places.filter_map(|place| {
                let labels = vec![("service", place.service.clone()), ("environment", place.environment.clone())];
                Some((labels, of(place)?))
            });
            all.gauges(name, help, values);
        };
        figure("rmm_environment_locked", "Nothing new comes there: 1, or 0", &|place| flag(place.locked));
        figure("rmm_environment_needs_repair", "A run has left it half-way: 1, or 0", &|place| flag(place.dirty));
        figure("rmm_environment_unknown", "What it has is not known: 1, or 0", &|place| flag(place.unknown));
        figure("rmm_environment_left_hosts", "Hosts of it were left behind: 1, or 0", &|place| flag(place.left_hosts));
        figure("rmm_environment_changed_timestamp_seconds", "Since when it has what it has, since 1970", &|place| {
            place.since.map(seconds)
        });
    }
}

const fn flag(is_so: bool) -> Option<f64> {
    Some(if is_so { 1.0 } else { 0.0 })
}

fn seconds(milliseconds: i64) -> f64 {
    precise(milliseconds.max(0).unsigned_abs()) / 1000.0
}
