//! Databases with many releases, made once and kept between runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use rmm::store::chain::NewEvent;
use rmm::store::{Store, StoreError, StoreOptions, Tx, WriteError};
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use crate::machine;
use crate::server::Server;

/// Services that the releases belong to.
pub const SERVICES: u32 = 200;
/// Releases that are on their way.
pub const ACTIVE: u32 = 50;

/// The newest are active; one in twenty of the others has failed. Together they are five years, which end with now.
const RELEASES: &str = "
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count),
releases_to_be (n, status, list, at) AS (
    SELECT n,
           CASE WHEN n > :count - :active THEN 'initiated' WHEN n % 20 = 0 THEN 'cancelled' ELSE 'deployed' END,
           CASE WHEN n > :count - :active THEN 'active' WHEN n % 20 = 0 THEN 'failed' ELSE 'successful' END,
           :now - (:count - n) * (157680000000 / :count)
    FROM numbers)
INSERT INTO releases (id, service, tag, commit_id, status, list, status_since, reason, attempt, revision, initiated_by,
                      owner, ci_run_id, ci_run, notes, artifacts, promoted, bypasses, created_at, started_at, completed_at)
SELECT n, printf('service-%03d', (n * 7919) % :services), printf('v1.%d.%d', n / 1000, n % 1000), printf('%040x', n),
       status, list, at, NULL, 1, 6, 'gommgo', 'gommgo', printf('%d', 9000000000 + n),
       printf('{\"id\":\"%d\",\"attempt\":1,\"url\":\"https://github.com/team/app/actions/runs/%d\",\"ref\":\"refs/tags/v1.%d.%d\"}',
              9000000000 + n, 9000000000 + n, n / 1000, n % 1000),
       '', '[]', 0, '[]', at - 7200000, at - 7100000, CASE WHEN list = 'active' THEN NULL ELSE at END
FROM releases_to_be";

/// Five years.
const PERIOD_MS: i64 = 157_680_000_000;
/// Releases whose events are written in one transaction.
const BATCH: i64 = 5_000;
/// What is on the record of a release beside its creation.
const MOVES: &str = r#"[
    ["release_moved", {"from": "initiated", "to": "stage_building"}],
    ["run_started", {"environment": "stage", "kind": "deploy"}],
    ["run_ended", {"environment": "stage", "kind": "deploy", "state": "succeeded"}],
    ["release_moved", {"from": "stage_building", "to": "stage_test_rollback"}],
    ["run_ended", {"environment": "stage", "kind": "rehearsal", "state": "succeeded"}],
    ["release_moved", {"from": "stage_test_rollback", "to": "manual_testing"}],
    ["release_moved", {"from": "manual_testing", "to": "deploying"}],
    ["run_ended", {"environment": "production", "kind": "deploy", "state": "succeeded"}],
    ["release_moved", {"from": "deploying", "to": "deployed"}]
]"#;

/// What became of the runs of those that have ended; one production deploy in fifty failed and went back.
const ENDED_RUNS: &str = "
INSERT INTO ended_runs (ended_at, run_id, service, release_id, environment, kind, state, created_at, started_at, tagged_at)
SELECT completed_at - 3600000, id * 4, service, id, 'stage', 'deploy', 'succeeded', created_at, created_at, created_at
FROM releases WHERE list <> 'active'
UNION ALL
SELECT completed_at - 3000000, id * 4 + 1, service, id, 'stage', 'rehearsal', iif(list = 'failed', 'failed', 'succeeded'),
       completed_at - 3600000, completed_at - 3600000, created_at
FROM releases WHERE list <> 'active'
UNION ALL
SELECT completed_at, id * 4 + 2, service, id, 'production', 'deploy', iif(id % 50 = 7, 'failed', 'succeeded'),
       completed_at - 120000, completed_at - 120000, created_at
FROM releases WHERE list = 'successful'
UNION ALL
SELECT completed_at + 90000, id * 4 + 3, service, id, 'production', 'rollback', 'succeeded', completed_at, completed_at, created_at
FROM releases WHERE list = 'successful' AND id % 50 = 7";

/// The services of the configuration that go with it.
pub fn services() -> String {
    (0..SERVICES).map(|number| ci_service(&format!("service-{number:03}"), "")).collect()
}

/// A service for which CI does all the work; `more` are further keys of it.
pub fn ci_service(name: &str, more: &str) -> String {
    format!(
        "[[services]]\nname = \"{name}\"\n{more}approvals.minimum = 0\nenvironments.stage.driver = \"ci\"\n\
         environments.production.driver = \"ci\"\n"
    )
}

/// A directory for [`Server::start`] whose database has `count` releases, [`ACTIVE`] of them active.
pub fn directory(count: u32) -> anyhow::Result<PathBuf> {
    // Another schema or other rows: another directory.
    let recipe = [
        RELEASES,
        ENDED_RUNS,
        MOVES,
        include_str!("../../migrations/V1__foundation.sql"),
        include_str!("../../migrations/V2__releases.sql"),
    ];
    let hash = Sha256::digest(recipe.concat());
    let name = format!("seeded-{count}-{:02x}{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2], hash[3]);
    let directory = machine::directory().join(name);
    let done = directory.join("complete");
    if done.exists() {
        return Ok(directory);
    }
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    let started = Instant::now();
    // RMM itself makes the tables.
    drop(Server::start(&directory, &services())?);
    let conn = Connection::open(directory.join("data/rmm.db"))?;
    conn.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -400000;")?;
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed()?.as_millis())?;
    conn.execute(
        RELEASES,
        rusqlite::named_params! { ":count": count, ":active": ACTIVE, ":services": SERVICES, ":now": now },
    )?;
    conn.execute(ENDED_RUNS, [])?;
    conn.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE);")?;
    drop(conn);
    record(&directory.join("data"), count, now)?;
    fs::write(done, "")?;
    eprintln!("  made a database of {count} releases in {:.1} s; it is kept", started.elapsed().as_secs_f64());
    Ok(directory)
}

/// Ten events for each release, as RMM itself writes them.
fn record(data: &Path, count: u32, now: i64) -> anyhow::Result<()> {
    let moves: Vec<(String, serde_json::Value)> = serde_json::from_str(MOVES)?;
    let moves: Arc<Vec<_>> = Arc::new(moves.into_iter().map(|(kind, data)| (kind, data.to_string())).collect());
    let options = StoreOptions::new(data.join("rmm.db"), data.join("audit.key"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = Store::open(&options)?;
        let count = i64::from(count);
        for first in (1..=count).step_by(usize::try_from(BATCH)?) {
            let (moves, last) = (moves.clone(), (first + BATCH).min(count + 1));
            let written = store.write(move |tx| {
                (first..last)
                    .try_for_each(|number| events(tx, number, now - (count - number) * (PERIOD_MS / count), &moves))
            });
            written.await.map_err(WriteError::flatten)?;
        }
        anyhow::Ok(())
    })
}

fn events(tx: &mut Tx<'_>, number: i64, at: i64, moves: &[(String, String)]) -> Result<(), StoreError> {
    let service = format!("service-{:03}", (number * 7919) % i64::from(SERVICES));
    let created = format!(
        r#"{{"commit":"{number:040x}","initiated_by":"gommgo","tag":"v1.{}.{}"}}"#,
        number / 1000,
        number % 1000
    );
    let created = [("release_created", created.as_str())];
    for (kind, data) in created.into_iter().chain(moves.iter().map(|(kind, data)| (kind.as_str(), data.as_str()))) {
        tx.append_event(&NewEvent {
            at,
            service: Some(&service),
            release_id: Some(number),
            run_id: None,
            actor: r#"{"is":"token","name":"ci","role":"ci"}"#,
            kind,
            data,
            trace_id: None,
        })?;
    }
    Ok(())
}
