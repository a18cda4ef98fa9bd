//! How long runs and their steps took that ended well.

use jiff::SignedDuration;
use rusqlite::Connection;

use super::columns::{json, word};
use super::error::StoreError;
use crate::domain::env::Env;
use crate::domain::ids::{ServiceName, SurfaceName};
use crate::domain::run::{RunKind, StepKind};

/// A run that ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodRun {
    /// How long it took.
    pub took: SignedDuration,
    /// Its steps that ended well.
    pub steps: Vec<GoodStep>,
}

/// A step that ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodStep {
    /// What it did.
    pub kind: StepKind,
    /// To which surface.
    pub surface: SurfaceName,
    /// It was about the release of the run, and not about the one before.
    pub is_about_release: bool,
    /// How long it took.
    pub took: SignedDuration,
}

/// The last runs of a kind in an environment of a service that ended well, newest first.
///
/// # Errors
/// When the database cannot be read.
pub fn last_good(
    conn: &Connection,
    service: &ServiceName,
    environment: Env,
    kind: RunKind,
    limit: u32,
) -> Result<Vec<GoodRun>, StoreError> {
    let mut runs = conn.prepare_cached(
        "SELECT id, release_id, ended_at - started_at FROM runs WHERE service = ?1 AND environment = ?2 AND kind = ?3 \
         AND state = 'succeeded' AND housekeeping = 0 AND started_at IS NOT NULL AND ended_at IS NOT NULL \
         ORDER BY id DESC LIMIT ?4",
    )?;
    let mut steps = conn.prepare_cached(
        "SELECT kind, surface, about = ?2, ended_at - started_at FROM steps WHERE run_id = ?1 \
         AND started_at IS NOT NULL AND ended_at IS NOT NULL ORDER BY idx",
    )?;
    let mut rows = runs.query((service.as_str(), environment.to_string(), kind.as_str(), limit))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, release): (i64, i64) = (row.get(0)?, row.get(1)?);
        let of_run = steps.query_map((id, release), |row| {
            Ok(GoodStep {
                kind: json(row, 0)?,
                surface: word(row, 1)?,
                is_about_release: row.get(2)?,
                took: SignedDuration::from_millis(row.get(3)?),
            })
        })?;
        found
            .push(GoodRun { took: SignedDuration::from_millis(row.get(2)?), steps: of_run.collect::<Result<_, _>>()? });
    }
    Ok(found)
}
