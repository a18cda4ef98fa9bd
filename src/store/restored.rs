//! A database that is older than what was done with it: a backup that was put in its place, with `rmm restore` or by
//! hand, or a new one where the old one was lost. It is noticed at the start, and then numbers go on from the highest
//! that may have been seen, runs that were under way are not followed any further, and what the environments run is
//! unknown until an admin says it.
//!
//! A small file beside the database tells which process worked with it last, and how far it had come. Copies that RMM
//! makes say themselves that they are copies.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::chain::{Chain, NewEvent};
use super::columns::{millis, to_json};
use super::error::StoreError;
use super::numbers::{self, Numbers};
use super::{key, runs, watermark, with_suffix};
use crate::domain::env::Env;
use crate::domain::environment::UnknownState;
use crate::domain::event::Event;
use crate::domain::fault::store::FileAct;
use crate::domain::ids::{ReleaseId, RunId, ServiceName};
use crate::domain::person::Actor;
use crate::domain::reason::{Reason, RestoredBy};
use crate::domain::run::RunState;
use crate::wording::on_record;

/// A process that begins to work with a database.
#[derive(Debug, Clone)]
pub struct Start {
    /// Its number on hosts.
    pub generation: u64,
    /// Its word.
    pub process: String,
    /// When.
    pub now: Timestamp,
    /// The services that are configured.
    pub services: Vec<ServiceName>,
    /// The file that has to hold the number before a host hears it, where a full disk did not take it yet.
    pub unnoted: Option<PathBuf>,
}

/// The file beside the database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Beside {
    /// The highest numbers that were given out.
    pub numbers: Numbers,
    /// The word of the process that worked with the database last.
    pub process: Option<String>,
    /// The word of the one before it: the file is written before the database is.
    pub before: Option<String>,
    /// A copy was put in the place of the database.
    pub restored: Option<Reason>,
    /// The end of the record is noted beside its key, too.
    pub watched: bool,
    /// With `restored`: no number beyond these was given out, so that no room has to be left.
    pub exact: bool,
}

impl Beside {
    /// Where it is.
    #[must_use]
    pub fn path(database: &Path) -> PathBuf {
        with_suffix(database, ".numbers")
    }

    /// Reads it. What cannot be read is as good as not there.
    ///
    /// # Errors
    /// When the disk does not let it be read.
    pub fn read(database: &Path) -> Result<Option<Self>, StoreError> {
        let path = Self::path(database);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(serde_json::from_str(&text).ok()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io(FileAct::Read, &path, error)),
        }
    }

    /// Writes it, so that it is there as a whole or as it was.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn write(&self, database: &Path) -> Result<(), StoreError> {
        key::replace(&Self::path(database), to_json(self)?.as_bytes())
    }
}

/// Lets a process begin: sees whether the database is the one that was left, does what follows if it is not, and notes
/// the process. Gives back what was found, as a sentence.
pub(super) fn begin(
    conn: &Connection,
    chain: &mut Chain,
    database: &Path,
    fresh: bool,
    start: &Start,
    mark: &watermark::Found,
) -> Result<Option<Reason>, StoreError> {
    let beside = Beside::read(database)?;
    let another = mark.alarm.clone().filter(|_| mark.another);
    let found = look(conn, fresh, beside.as_ref())?
        .or_else(|| another.map(|alarm| Reason::Restored { how: RestoredBy::Another { alarm } }));
    let mut known = Numbers::of(conn)?.max(beside.as_ref().map(|beside| beside.numbers).unwrap_or_default());
    known.event = known.event.max(mark.mark.seq());
    if found.is_some() && !beside.as_ref().is_some_and(|beside| beside.exact) {
        known = known.with_gap();
    }
    // First the file, which knows both processes: whatever is cut off here, the next start finds one of them.
    let next = Beside {
        numbers: known,
        process: Some(start.process.clone()),
        before: numbers::last_start(conn)?,
        restored: found.clone(),
        watched: true,
        exact: found.is_some(),
    };
    match next.write(database) {
        Ok(()) => {}
        // A full disk is no reason not to start; the process is noted before it reaches a host.
        Err(error) if found.is_none() => {
            tracing::warn!(%error, "what this database was left with cannot be noted beside it");
            return Ok(None);
        }
        Err(error) => return Err(error),
    }
    let transaction = conn.unchecked_transaction()?;
    let before = chain.head();
    let done = note_start(&transaction, start).and_then(|()| match &found {
        Some(reason) => treat(&transaction, chain, known, reason, start),
        None => Ok(()),
    });
    if let Err(error) = done.and_then(|()| chain.seal(&transaction)) {
        chain.restore(before);
        return Err(error);
    }
    transaction.commit()?;
    chain.committed();
    if found.is_some() {
        Beside { restored: None, exact: false, ..next }.write(database)?;
    }
    Ok(found)
}

/// Notes a process that could not be noted when it began, since the disk was full.
pub(super) fn note_late(conn: &Connection, database: &Path, start: &Start) -> Result<(), StoreError> {
    if let Some(file) = &start.unnoted {
        key::replace(file, start.generation.to_string().as_bytes())?;
    }
    let before = numbers::last_start(conn)?;
    if before.as_ref() == Some(&start.process) {
        return Ok(());
    }
    let beside = Beside::read(database)?.unwrap_or_default();
    Beside { process: Some(start.process.clone()), before, ..beside }.write(database)?;
    note_start(conn, start)
}

/// How it shows that the database is not the one that was left.
fn look(conn: &Connection, fresh: bool, beside: Option<&Beside>) -> Result<Option<Reason>, StoreError> {
    if let Some(reason) = beside.and_then(|beside| beside.restored.clone()) {
        return Ok(Some(reason));
    }
    if fresh {
        let lost = beside.is_some().then_some(Reason::Restored { how: RestoredBy::Lost });
        return Ok(lost);
    }
    let copy: bool = conn.query_row("SELECT copy FROM numbers", [], |row| row.get(0))?;
    if copy {
        return Ok(Some(Reason::Restored { how: RestoredBy::Backup }));
    }
    let last = numbers::last_start(conn)?;
    let Some(beside) = beside else {
        return Ok(last.map(|_| Reason::Restored { how: RestoredBy::Moved }));
    };
    let now = Numbers::of(conn)?;
    let behind = now.event < beside.numbers.event || now.run < beside.numbers.run;
    if behind || (last != beside.process && last != beside.before) {
        return Ok(Some(Reason::Restored { how: RestoredBy::Older }));
    }
    Ok(None)
}

fn note_start(conn: &Connection, start: &Start) -> Result<(), StoreError> {
    let generation = i64::try_from(start.generation).unwrap_or(i64::MAX);
    conn.execute(
        "INSERT INTO starts (generation, word, at) VALUES (?1, ?2, ?3)",
        (generation, &start.process, millis(start.now)),
    )?;
    conn.execute("DELETE FROM starts WHERE id <= (SELECT max(id) FROM starts) - 1000", [])?;
    Ok(())
}

fn treat(
    conn: &Connection,
    chain: &mut Chain,
    known: Numbers,
    reason: &Reason,
    start: &Start,
) -> Result<(), StoreError> {
    known.raise(conn)?;
    conn.execute("UPDATE numbers SET copy = 0, another_copy = NULL", [])?;
    // A button that was made for a release as it was later fits no release as it is now.
    conn.execute("UPDATE releases SET revision = revision + ?1", [known.revision])?;
    let after = chain.head().seq;
    chain.go_on_from(known.event);
    let mut record = Record { conn, chain, actor: to_json(&Actor::Machine)?, at: millis(start.now) };
    let (release, run) = (ReleaseId(known.release), RunId(known.run));
    let told = Reason::NumbersGoOn { cause: Box::new(reason.clone()), release, run };
    record.event(None, None, None, Event::DatabaseRestored { after, reason: told })?;
    end_live_runs(&mut record)?;
    let mut services: Vec<_> = known_services(conn)?;
    services.extend(start.services.iter().cloned());
    services.sort();
    services.dedup();
    for service in &services {
        for kind in [Env::Stage, Env::Production] {
            let mut state = runs::environment(conn, service, kind)?;
            let reason = reason.clone();
            state.unknown = Some(UnknownState { reason: reason.clone(), since: start.now });
            runs::put_environment(conn, service, &state)?;
            record.event(Some(service), None, None, Event::EnvironmentUnknown { environment: kind, reason })?;
        }
    }
    Ok(())
}

/// What was under way when the copy was made has ended since, or belongs to another process now.
fn end_live_runs(record: &mut Record<'_>) -> Result<(), StoreError> {
    let mut statement = record.conn.prepare("SELECT id FROM runs WHERE state IN ('queued', 'running') ORDER BY id")?;
    let live = statement.query_map([], |row| Ok(RunId(row.get(0)?)))?.collect::<Result<Vec<_>, _>>()?;
    for id in live {
        let Some(mut run) = runs::get(record.conn, id)? else { continue };
        let reason = Reason::UnderWayWhenCopied;
        let before = run.clone();
        run.state = RunState::Unknown { reason: reason.clone() };
        run.waiting = None;
        runs::put(record.conn, &run, Some(&before))?;
        record.conn.execute("DELETE FROM outbox WHERE kind = 'follow_run' AND run_id = ?1", [id.0])?;
        if !run.housekeeping {
            record.conn.execute("UPDATE releases SET reason = ?2 WHERE id = ?1", (run.release.0, to_json(&reason)?))?;
        }
        let (environment, kind) = (run.environment, run.kind);
        let event = Event::RunEnded { environment, kind, state: "unknown".into(), reason: Some(reason) };
        record.event(Some(&run.service), Some(run.release), Some(id), event)?;
    }
    Ok(())
}

/// The services that the database knows, configured or not.
fn known_services(conn: &Connection) -> Result<Vec<ServiceName>, StoreError> {
    let mut statement = conn.prepare(
        "SELECT service FROM environments UNION SELECT service FROM releases UNION SELECT service FROM dashboard_services",
    )?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(names.into_iter().filter_map(|name| ServiceName::parse("service", name).ok()).collect())
}

struct Record<'a> {
    conn: &'a Connection,
    chain: &'a mut Chain,
    actor: String,
    at: i64,
}

impl Record<'_> {
    fn event(
        &mut self,
        service: Option<&ServiceName>,
        release: Option<ReleaseId>,
        run: Option<RunId>,
        event: Event,
    ) -> Result<(), StoreError> {
        let (kind, data) = event.into_record(on_record);
        let new = NewEvent {
            at: self.at,
            service: service.map(ServiceName::as_str),
            release_id: release.map(|id| id.0),
            run_id: run.map(|id| id.0),
            actor: &self.actor,
            kind: &kind,
            data: &data,
            trace_id: None,
        };
        self.chain.append(self.conn, &new).map(|_| ())
    }
}

#[cfg(test)]
mod tests;
