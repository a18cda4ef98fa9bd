//! Runs, their steps, and environments in the database.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::columns::{json, maybe_json, maybe_reason, maybe_time, maybe_to_json, millis, time, to_json, word};
use super::ended;
use super::error::StoreError;
use crate::domain::content::Content;
use crate::domain::env::Env;
use crate::domain::environment::{EnvironmentState, LeftHost, UnseenStep};
use crate::domain::ids::{Attempt, HostName, ReleaseId, RunId, ServiceName};
use crate::domain::run::{Run, RunKind, Step};
use crate::domain::run_name::RunName;

const COLUMNS: &str = "id, word, release_id, attempt, service, environment, kind, housekeeping, from_version, to_version, detail, \
                       content, waiting, stop, left_hosts, prepared, ci_run, dispatch, created_at, started_at, started_uptime, ended_at, heard_at, \
                       heard_uptime";

fn run(row: &Row<'_>) -> rusqlite::Result<Run> {
    Ok(Run {
        id: RunId(row.get("id")?),
        word: row.get("word")?,
        release: ReleaseId(row.get("release_id")?),
        attempt: Attempt(row.get("attempt")?),
        service: word(row, "service")?,
        environment: word(row, "environment")?,
        kind: word(row, "kind")?,
        housekeeping: row.get("housekeeping")?,
        content: row.get::<_, Option<String>>("content")?.map(Content::stored),
        from: maybe_json(row, "from_version")?,
        to: json(row, "to_version")?,
        state: json(row, "detail")?,
        waiting: maybe_reason(row, "waiting")?,
        stop: maybe_json(row, "stop")?,
        left: json(row, "left_hosts")?,
        prepared: row.get("prepared")?,
        ci_run: row.get("ci_run")?,
        dispatch: maybe_json(row, "dispatch")?,
        steps: Vec::new(),
        created_at: time(row, "created_at")?,
        started_at: maybe_time(row, "started_at")?,
        started_uptime: maybe_json(row, "started_uptime")?,
        ended_at: maybe_time(row, "ended_at")?,
        heard_at: maybe_time(row, "heard_at")?,
        heard_uptime: maybe_json(row, "heard_uptime")?,
    })
}

/// Writes a run as it is now, with those of its steps that are not as they were before.
pub(super) fn put(conn: &Connection, run: &Run, before: Option<&Run>) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO runs (id, word, release_id, attempt, service, environment, kind, housekeeping, content, from_version, to_version, \
         state, detail, waiting, stop, left_hosts, prepared, ci_run, dispatch, created_at, started_at, started_uptime, ended_at, heard_at, \
         heard_uptime) VALUES (:id, :word, :release_id, :attempt, :service, :environment, :kind, :housekeeping, :content, :from_version, :to_version, \
         :state, :detail, :waiting, :stop, :left_hosts, :prepared, :ci_run, :dispatch, :created_at, :started_at, :started_uptime, :ended_at, \
         :heard_at, :heard_uptime) \
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, content = excluded.content, detail = excluded.detail, waiting = excluded.waiting, stop = excluded.stop, \
         left_hosts = excluded.left_hosts, \
         prepared = excluded.prepared, ci_run = excluded.ci_run, dispatch = excluded.dispatch, started_at = excluded.started_at, \
         started_uptime = excluded.started_uptime, ended_at = excluded.ended_at, heard_at = excluded.heard_at, \
         heard_uptime = excluded.heard_uptime",
    )?
    .execute(named_params! {
        ":id": run.id.0,
        ":word": run.word,
        ":release_id": run.release.0,
        ":attempt": run.attempt.0,
        ":service": run.service.as_str(),
        ":environment": run.environment.to_string(),
        ":kind": run.kind.as_str(),
        ":housekeeping": run.housekeeping,
        ":content": run.content.as_ref().map(Content::as_str),
        ":from_version": maybe_to_json(run.from.as_ref())?,
        ":to_version": to_json(&run.to)?,
        ":state": run.state.as_str(),
        ":detail": to_json(&run.state)?,
        ":waiting": maybe_to_json(run.waiting.as_ref())?,
        ":stop": maybe_to_json(run.stop.as_ref())?,
        ":left_hosts": to_json(&run.left)?,
        ":prepared": run.prepared,
        ":ci_run": run.ci_run,
        ":dispatch": maybe_to_json(run.dispatch.as_ref())?,
        ":created_at": millis(run.created_at),
        ":started_at": run.started_at.map(millis),
        ":started_uptime": maybe_to_json(run.started_uptime.as_ref())?,
        ":ended_at": run.ended_at.map(millis),
        ":heard_at": run.heard_at.map(millis),
        ":heard_uptime": maybe_to_json(run.heard_uptime.as_ref())?,
    })?;
    if before.is_none_or(|before| before.ended_at != run.ended_at || before.state != run.state) {
        ended::note(conn, run)?;
    }
    let mut statement = conn.prepare_cached(
        "INSERT INTO steps (run_id, idx, kind, surface, host, wave, about, action, state, tries, started_at, \
         started_uptime, ended_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
         ON CONFLICT (run_id, idx) DO UPDATE SET state = excluded.state, tries = excluded.tries, \
         started_at = excluded.started_at, started_uptime = excluded.started_uptime, ended_at = excluded.ended_at",
    )?;
    let known = before.map(|before| before.steps.as_slice()).unwrap_or_default();
    for step in run.steps.iter().enumerate().filter(|(at, step)| known.get(*at) != Some(step)).map(|(_, step)| step) {
        statement.execute((
            run.id.0,
            step.index,
            to_json(&step.kind)?,
            step.surface.as_str(),
            step.host.as_str(),
            step.wave,
            step.about.0,
            to_json(&step.action)?,
            to_json(&step.state)?,
            step.tries,
            step.started_at.map(millis),
            maybe_to_json(step.started_uptime.as_ref())?,
            step.ended_at.map(millis),
        ))?;
    }
    Ok(())
}

/// One run, with its steps.
///
/// # Errors
/// When the database cannot be read.
pub fn get(conn: &Connection, id: RunId) -> Result<Option<Run>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM runs WHERE id = ?1");
    let found = conn.prepare_cached(&sql)?.query_row([id.0], run).optional()?;
    found.map(|run| with_steps(conn, run)).transpose()
}

/// The runs of a release, oldest first, with their steps.
///
/// # Errors
/// When the database cannot be read.
pub fn of_release(conn: &Connection, release: ReleaseId) -> Result<Vec<Run>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM runs WHERE release_id = ?1 ORDER BY id");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([release.0], run)?;
    rows.map(|row| with_steps(conn, row?)).collect()
}

/// The runs of a release after one of them, oldest first, with their steps; so many at most.
///
/// # Errors
/// When the database cannot be read.
pub fn of_release_after(
    conn: &Connection,
    release: ReleaseId,
    after: RunId,
    limit: u32,
) -> Result<Vec<Run>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM runs WHERE release_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map((release.0, after.0, limit), run)?;
    rows.map(|row| with_steps(conn, row?)).collect()
}

/// The last runs of a release before one of them, oldest first, with their steps; so many at most.
///
/// # Errors
/// When the database cannot be read.
pub fn last_of_release(
    conn: &Connection,
    release: ReleaseId,
    before: Option<RunId>,
    limit: u32,
) -> Result<Vec<Run>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM runs WHERE release_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map((release.0, before.map_or(i64::MAX, |run| run.0), limit), run)?;
    let mut runs = rows.map(|row| with_steps(conn, row?)).collect::<Result<Vec<_>, StoreError>>()?;
    runs.reverse();
    Ok(runs)
}

/// The last run of a release in an environment.
///
/// # Errors
/// When the database cannot be read.
pub(super) fn last_of(conn: &Connection, release: ReleaseId, environment: Env) -> Result<Option<RunId>, StoreError> {
    let sql = "SELECT id FROM runs WHERE release_id = ?1 AND environment = ?2 ORDER BY id DESC LIMIT 1";
    let mut statement = conn.prepare_cached(sql)?;
    let found = statement.query_row((release.0, environment.to_string()), |row| row.get(0).map(RunId));
    Ok(found.optional()?)
}

/// The runs that occupy an environment of a service.
///
/// # Errors
/// When the database cannot be read.
pub fn occupying(conn: &Connection, service: &ServiceName) -> Result<Vec<Run>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM runs WHERE service = ?1 AND state IN ('queued', 'running', 'unknown')");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([service.as_str()], run)?;
    rows.map(|row| with_steps(conn, row?)).collect()
}

/// The names of the last runs of an environment before one of them, the newest first.
///
/// # Errors
/// When the database cannot be read.
pub fn before(
    conn: &Connection,
    service: &ServiceName,
    environment: Env,
    id: RunId,
) -> Result<Vec<RunName>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT id, word FROM runs WHERE service = ?1 AND environment = ?2 AND id < ?3 ORDER BY id DESC LIMIT 8",
    )?;
    let rows = statement.query_map((service.as_str(), environment.to_string(), id.0), |row| {
        Ok(RunName { id: RunId(row.get(0)?), word: row.get(1)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether a run of an environment is on record.
///
/// # Errors
/// When the database cannot be read.
pub fn is_known(
    conn: &Connection,
    service: &ServiceName,
    environment: Env,
    name: &RunName,
) -> Result<bool, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM runs WHERE id = ?1 AND word = ?2 AND service = ?3 AND environment = ?4)",
    )?;
    Ok(statement.query_row((name.id.0, &name.word, service.as_str(), environment.to_string()), |row| row.get(0))?)
}

/// Whether any run is on record.
///
/// # Errors
/// When the database cannot be read.
pub fn any(conn: &Connection) -> Result<bool, StoreError> {
    Ok(conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM runs)")?.query_row([], |row| row.get(0))?)
}

/// Whether any run of an environment is on record.
///
/// # Errors
/// When the database cannot be read.
pub fn any_in(conn: &Connection, service: &ServiceName, environment: Env) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM runs WHERE service = ?1 AND environment = ?2)";
    Ok(conn.prepare_cached(sql)?.query_row((service.as_str(), environment.to_string()), |row| row.get(0))?)
}

/// How long the last good run of a kind took in an environment of a service, in milliseconds.
///
/// # Errors
/// When the database cannot be read.
pub fn last_duration(
    conn: &Connection,
    release: ReleaseId,
    environment: Env,
    kind: RunKind,
) -> Result<Option<i64>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT ended_at - started_at FROM runs WHERE release_id = ?1 AND environment = ?2 AND kind = ?3 \
         AND state = 'succeeded' AND started_at IS NOT NULL ORDER BY id DESC LIMIT 1",
    )?;
    Ok(statement.query_row((release.0, environment.to_string(), kind.as_str()), |row| row.get(0)).optional()?)
}

fn with_steps(conn: &Connection, mut run: Run) -> Result<Run, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT idx, kind, surface, host, wave, about, action, state, tries, started_at, started_uptime, ended_at \
         FROM steps WHERE run_id = ?1 ORDER BY idx",
    )?;
    let rows = statement.query_map([run.id.0], |row| {
        Ok(Step {
            index: row.get("idx")?,
            kind: json(row, "kind")?,
            surface: word(row, "surface")?,
            host: word(row, "host")?,
            wave: row.get("wave")?,
            about: ReleaseId(row.get("about")?),
            action: json(row, "action")?,
            state: json(row, "state")?,
            tries: row.get("tries")?,
            started_at: maybe_time(row, "started_at")?,
            started_uptime: maybe_json(row, "started_uptime")?,
            ended_at: maybe_time(row, "ended_at")?,
        })
    })?;
    run.steps = rows.collect::<Result<_, _>>()?;
    Ok(run)
}

/// The highest run number that was ever given out, 0 when there is none.
pub(super) fn last_id(conn: &Connection) -> Result<RunId, StoreError> {
    let mut statement = conn.prepare_cached("SELECT max(run, (SELECT coalesce(max(id), 0) FROM runs)) FROM numbers")?;
    Ok(RunId(statement.query_row([], |row| row.get(0))?))
}

/// The facts about an environment of a service.
///
/// # Errors
/// When the database cannot be read.
pub fn environment(conn: &Connection, service: &ServiceName, kind: Env) -> Result<EnvironmentState, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT current, since, mixed, left_hosts, unseen, dirty, lock, unknown, vouched_below, others FROM environments WHERE service = ?1 AND environment = ?2",
    )?;
    let found = statement
        .query_row((service.as_str(), kind.to_string()), |row| {
            let mut left: BTreeMap<HostName, LeftHost> = json(row, "left_hosts")?;
            let mut unseen: Vec<UnseenStep> = json(row, "unseen")?;
            for (host, left) in &mut left {
                let noted = left.unseen.drain(..).map(|(run, step)| UnseenStep { host: host.clone(), run, step });
                unseen.extend(noted);
            }
            Ok(EnvironmentState {
                kind,
                current: maybe_json(row, "current")?,
                since: maybe_time(row, "since")?,
                mixed: maybe_json(row, "mixed")?,
                left,
                unseen,
                dirty: maybe_json(row, "dirty")?,
                lock: maybe_json(row, "lock")?,
                unknown: maybe_json(row, "unknown")?,
                vouched_below: RunId(row.get("vouched_below")?),
                others: json(row, "others")?,
            })
        })
        .optional()?;
    Ok(found.unwrap_or(EnvironmentState::new(kind)))
}

/// The hosts that were left behind, everywhere: the service, the environment, and the host.
///
/// # Errors
/// When the database cannot be read.
pub fn left_hosts(conn: &Connection) -> Result<Vec<(ServiceName, Env, HostName)>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT service, environment, each.key AS host FROM environments, json_each(left_hosts) AS each \
         WHERE NOT coalesce(json_extract(each.value, '$.given_up'), 0)",
    )?;
    let rows =
        statement.query_map([], |row| Ok((word(row, "service")?, word(row, "environment")?, word(row, "host")?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Writes the facts about an environment.
pub(super) fn put_environment(
    conn: &Connection,
    service: &ServiceName,
    state: &EnvironmentState,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO environments (service, environment, current, since, mixed, left_hosts, unseen, dirty, lock, unknown, vouched_below, others) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute((
        service.as_str(),
        state.kind.to_string(),
        maybe_to_json(state.current.as_ref())?,
        state.since.map(millis),
        maybe_to_json(state.mixed.as_ref())?,
        to_json(&state.left)?,
        to_json(&state.unseen)?,
        maybe_to_json(state.dirty.as_ref())?,
        maybe_to_json(state.lock.as_ref())?,
        maybe_to_json(state.unknown.as_ref())?,
        state.vouched_below.0,
        to_json(&state.others)?,
    ))?;
    Ok(())
}
