//! Errors in the log of RMM become alerts. A database that takes no writes is told of all the same.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use crate::bot::Bot;
use crate::bot::draw;
use crate::bot::queue::{Job, What};
use crate::domain::alert::{Alert, AlertKind};
use crate::engine::redact::Redactor;
use crate::store::StoreError;
use crate::store::alerts::Told;
use crate::telemetry::errors::Line;

/// Between two looks: a storm is counted meanwhile.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// Of what cannot be noted, each kind is said once in this time.
const UNNOTED: Duration = Duration::from_hours(1);
const MOST_UNNOTED: u64 = 20;
/// So many kinds are counted until they can be noted.
const MOST_KINDS: usize = 256;

/// Follows the errors of RMM until the bot stops.
pub(super) async fn follow(bot: Arc<Bot>) {
    let unnoted = Cache::builder().max_capacity(MOST_UNNOTED).time_to_live(UNNOTED).build();
    // What could not be noted yet counts as soon as the database takes writes again.
    let mut raised: Vec<(Alert, u64)> = Vec::new();
    loop {
        tokio::select! {
            () = bot.stop.cancelled() => return,
            () = bot.errors.news() => {}
            () = bot.engine.sleep(LOOK_INTERVAL), if !raised.is_empty() => {}
        }
        let redactor = bot.engine.catalog().redactor().clone();
        for (line, times) in bot.errors.take() {
            add(&mut raised, of(&line, &redactor), times);
        }
        match super::raise(&bot, raised.clone()).await {
            Ok(()) => raised.clear(),
            Err(error) => {
                tracing::warn!(%error, "alerts could not be noted; they are told without being counted");
                say(&bot, &raised, &unnoted).await;
            }
        }
        tokio::select! {
            () = bot.stop.cancelled() => return,
            () = bot.engine.sleep(LOOK_INTERVAL) => {}
        }
    }
}

/// Counts an alert with those of its kind; the last one says how it was.
fn add(raised: &mut Vec<(Alert, u64)>, alert: Alert, times: u64) {
    let key = super::key(&alert);
    if let Some((known, seen)) = raised.iter_mut().find(|(known, _)| super::key(known) == key) {
        *known = alert;
        *seen = seen.saturating_add(times);
    } else if raised.len() < MOST_KINDS {
        raised.push((alert, times));
    }
}

/// The alert of a line.
fn of(line: &Line, redactor: &Redactor) -> Alert {
    let kind = if line.part.is_some() { AlertKind::Broken } else { AlertKind::Error };
    let place = line.part.as_deref().unwrap_or(&line.target);
    // The fingerprint is made of the first line alone.
    let what = [line.message.as_str(), &line.fields].map(|text| redactor.text(text)).join("\n");
    Alert {
        kind,
        place: redactor.text(place),
        what: what.trim_end().to_owned(),
        about: String::new(),
        seq: None,
        trace: line.trace.clone(),
    }
}

/// Says what cannot be noted, each kind once in a while.
async fn say(bot: &Arc<Bot>, raised: &[(Alert, u64)], unnoted: &Cache<String, ()>) {
    let place = match super::place(bot).await {
        Ok(Some(place)) => place,
        Ok(None) => return,
        Err(error) => return unreadable(&error),
    };
    let now = bot.engine.now();
    for (alert, seen) in raised {
        let key = super::key(alert);
        if unnoted.contains_key(&key) || unnoted.entry_count() >= MOST_UNNOTED {
            continue;
        }
        unnoted.insert(key.clone(), ());
        let told = Told {
            key,
            alert: alert.clone(),
            seen: *seen,
            since: now,
            last: now,
            over_at: None,
            silent: None,
            guess: None,
            message: None,
            revision: 1,
            shown_at: None,
        };
        match draw::alert::alert(bot, &told).await {
            Ok(mut text) => {
                // Nothing can be noted about it, so no tap can make it silent.
                text.buttons.clear();
                let what = What::Say { topic: place.topic, reply_to: None, text, asks: None };
                bot.post(place.chat, Job { what, updates: Vec::new(), asked: now, place: None });
            }
            Err(error) => tracing::warn!(%error, "an alert could not be drawn"),
        }
    }
}

fn unreadable(error: &StoreError) {
    tracing::warn!(%error, "where alerts are told could not be read");
}
