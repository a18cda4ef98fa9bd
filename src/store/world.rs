//! Opens the world of a decision over what is stored, and writes what the decision changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::chain::NewEvent;
use super::columns::{millis, to_json};
use super::error::StoreError;
use super::outbox::{self, NewEffect};
use super::snapshot::Stored;
use super::writer::Tx;
use super::{numbers, releases, runs, spans};
use crate::domain::effect::Effect;
use crate::domain::ids::{ReleaseId, RunId};
use crate::domain::moment::Moment;
use crate::domain::person::Actor;
use crate::domain::service::Service;
use crate::domain::world::{Beginning, People, World, Written};
use crate::telemetry::traces;
use crate::wording::on_record;

/// Opens the world around a service. What else a decision needs, it asks `stored` for.
///
/// # Errors
/// When the database cannot be read.
pub fn open<'s>(
    stored: &'s Stored<'_>,
    service: Arc<Service>,
    people: Arc<People>,
    moment: Moment,
) -> Result<World<'s>, StoreError> {
    let conn = stored.conn();
    let mut environments = BTreeMap::new();
    for env in service.environments.keys() {
        environments.insert(*env, runs::environment(conn, &service.name, *env)?);
    }
    let beginning = Beginning {
        service,
        people,
        moment,
        environments,
        another_copy: numbers::another_copy(conn)?,
        next_release: ReleaseId(releases::last_id(conn)?.0 + 1),
        next_run: RunId(runs::last_id(conn)?.0 + 1),
    };
    Ok(World::of(stored, beginning))
}

/// Who caused a change, for the record.
#[derive(Debug, Clone)]
pub struct Cause<'a> {
    /// Who.
    pub actor: &'a Actor,
    /// The trace of the request.
    pub trace_id: Option<&'a str>,
}

/// Writes what a decision changed: state, history and effects in one transaction.
///
/// # Errors
/// When the database cannot be written.
pub fn save(tx: &mut Tx<'_>, written: &Written, cause: &Cause<'_>) -> Result<(), StoreError> {
    let now = millis(written.now);
    for release in &written.releases {
        releases::put(tx, release)?;
    }
    for vote in &written.votes {
        releases::put_vote(tx, vote)?;
    }
    // A run that has ended makes room for the one that follows it.
    let mut changed: Vec<_> = written.runs.iter().collect();
    changed.sort_by_key(|(run, _)| (run.state.occupies(), run.id));
    for (run, before) in changed {
        runs::put(tx, run, before.as_deref())?;
    }
    for state in &written.environments {
        runs::put_environment(tx, &written.service, state)?;
    }
    if let Some(met) = &written.another_copy {
        numbers::put_another_copy(tx, met.as_ref())?;
    }
    if written.events.is_empty() && written.effects.is_empty() {
        return Ok(());
    }
    let service = written.service.as_str();
    let place = traces::here();
    let actor = to_json(cause.actor)?;
    for happened in &written.events {
        let (kind, data) = happened.event.clone().into_record(on_record);
        let seq = tx.append_event(&NewEvent {
            at: now,
            service: Some(service),
            release_id: happened.release.map(|id| id.0),
            run_id: happened.run.map(|id| id.0),
            actor: &actor,
            kind: &kind,
            data: &data,
            trace_id: cause.trace_id,
        })?;
        if let Some(place) = place.filter(traces::Position::is_sampled) {
            spans::note(tx, seq, place)?;
        }
    }
    for effect in &written.effects {
        // A question that is asked anew is not asked later once more.
        if let Effect::ResolveCommit { release } = effect {
            outbox::withdraw(tx, effect.kind(), *release)?;
        }
        let new = NewEffect {
            kind: effect.kind(),
            payload: &to_json(effect)?,
            service: Some(service),
            release_id: effect.release().map(|id| id.0),
            run_id: effect.run().map(|id| id.0),
            due_at: now,
            trace_id: cause.trace_id,
            place,
        };
        outbox::enqueue(tx, &new, now)?;
    }
    Ok(())
}
