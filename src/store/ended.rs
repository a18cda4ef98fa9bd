//! What became of runs, in the order of their end.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};

use super::columns::{maybe_time, millis, time};
use super::error::StoreError;
use crate::domain::env::Env;
use crate::domain::ids::{ReleaseId, ServiceName};
use crate::domain::insights::EndedRun;
use crate::domain::run::{Run, RunKind, RunState};

/// Notes a run that has ended; not housekeeping, and not one whose end is unknown.
pub(super) fn note(conn: &Connection, run: &Run) -> Result<(), StoreError> {
    let Some(ended) = run.ended_at.filter(|_| !run.housekeeping && !run.state.occupies()) else { return Ok(()) };
    conn.prepare_cached(
        "INSERT OR REPLACE INTO ended_runs SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, coalesce(tagged_at, created_at) \
         FROM releases WHERE id = ?4",
    )?
    .execute((
        millis(ended),
        run.id.0,
        run.service.as_str(),
        run.release.0,
        run.environment.to_string(),
        run.kind.as_str(),
        run.state.as_str(),
        millis(run.created_at),
        run.started_at.map(millis),
    ))?;
    Ok(())
}

/// The runs that ended within a time, of one service or of all, in the order of their end.
///
/// # Errors
/// When the database cannot be read.
pub fn within(
    conn: &Connection,
    service: Option<&ServiceName>,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<EndedRun>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT service, release_id, environment, kind, state, created_at, started_at, ended_at, tagged_at FROM ended_runs \
         WHERE ended_at >= ?1 AND ended_at < ?2 ORDER BY ended_at, run_id",
    )?;
    let mut names = Names::default();
    let mut rows = statement.query((millis(from), millis(to)))?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(name) = names.get(row, service)? else { continue };
        runs.extend(ended_run(row, name)?);
    }
    Ok(runs)
}

/// The newest run that has ended, which changes with every further one.
///
/// # Errors
/// When the database cannot be read.
pub fn newest(conn: &Connection) -> Result<Option<(i64, i64)>, StoreError> {
    let sql = "SELECT ended_at, run_id FROM ended_runs ORDER BY ended_at DESC, run_id DESC LIMIT 1";
    Ok(conn.prepare_cached(sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// Names of services, each made once: there are few of them in very many rows.
#[derive(Default)]
struct Names(HashMap<String, Arc<ServiceName>>);

impl Names {
    /// The service of a row; none: it is not the wanted one.
    fn get(&mut self, row: &Row<'_>, wanted: Option<&ServiceName>) -> rusqlite::Result<Option<Arc<ServiceName>>> {
        let text = row.get_ref(0)?.as_str()?;
        if wanted.is_some_and(|wanted| wanted.as_str() != text) {
            return Ok(None);
        }
        if let Some(known) = self.0.get(text) {
            return Ok(Some(Arc::clone(known)));
        }
        let name = Arc::new(super::columns::word(row, 0)?);
        self.0.insert(text.to_owned(), Arc::clone(&name));
        Ok(Some(name))
    }
}

/// A run; none: of a kind or an environment that a newer RMM knows.
fn ended_run(row: &Row<'_>, service: Arc<ServiceName>) -> rusqlite::Result<Option<EndedRun>> {
    let text =
        |at: usize| Ok::<_, rusqlite::Error>(if let ValueRef::Text(text) = row.get_ref(at)? { text } else { b"" });
    let environment = match text(2)? {
        b"production" => Env::Production,
        b"stage" => Env::Stage,
        _ => return Ok(None),
    };
    let kind = text(3)?;
    let kinds = [RunKind::Deploy, RunKind::Rehearsal, RunKind::Rollback, RunKind::Drill];
    let Some(kind) = kinds.into_iter().find(|known| known.as_str().as_bytes() == kind) else { return Ok(None) };
    Ok(Some(EndedRun {
        service,
        release: ReleaseId(row.get(1)?),
        environment,
        kind,
        went_well: text(4)? == RunState::Succeeded.as_str().as_bytes(),
        created: time(row, 5)?,
        started: maybe_time(row, 6)?,
        ended: time(row, 7)?,
        tagged: time(row, 8)?,
    }))
}
