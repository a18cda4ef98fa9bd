//! Something real to compare with: the same rows through the same writer, without HTTP, JSON and decisions.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use rmm::store::chain::NewEvent;
use rmm::store::outbox::{NewEffect, enqueue};
use rmm::store::{Store, StoreError, StoreOptions, Tx};

use crate::machine;

/// Writes a second with this many writers at the same time.
pub fn rate(clients: usize, time: Duration) -> anyhow::Result<f64> {
    let directory = tempfile::Builder::new().prefix("bare-").tempdir_in(machine::directory())?;
    let options = StoreOptions::new(directory.path().join("rmm.db"), directory.path().join("audit.key"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let next = Arc::new(AtomicI64::new(1));
    let store = Store::open(&options)?;
    let started = Instant::now();
    let done = runtime.block_on(async {
        let clients = (0..clients).map(|_| {
            let (store, next) = (store.clone(), next.clone());
            tokio::spawn(async move {
                let mut count = 0_u32;
                while started.elapsed() < time {
                    let next = next.clone();
                    let written = store.write(move |tx| insert(tx, next.fetch_add(1, Ordering::Relaxed))).await;
                    written.map_err(rmm::store::WriteError::flatten)?;
                    count += 1;
                }
                Ok::<_, StoreError>(count)
            })
        });
        let clients: Vec<_> = clients.collect();
        let mut done = 0;
        for client in clients {
            done += client.await??;
        }
        anyhow::Ok(done)
    })?;
    Ok(f64::from(done) / started.elapsed().as_secs_f64())
}

fn insert(tx: &mut Tx<'_>, id: i64) -> Result<(), StoreError> {
    let now = 1_700_000_000_000 + id;
    let tag = format!("v{id:010}");
    let run = (20_000_000_000 + id).to_string();
    let ci_run = format!(
        r#"{{"id":"{run}","attempt":1,"url":"https://github.com/team/app/actions/runs/{run}","ref":"refs/tags/{tag}"}}"#
    );
    tx.prepare_cached(
        "INSERT INTO releases (id, service, tag, commit_id, status, list, status_since, reason, attempt, revision, \
         initiated_by, owner, ci_run_id, ci_run, notes, artifacts, promoted, bypasses, created_at, started_at) \
         VALUES (?1, 'app', ?2, NULL, 'initiated', 'active', ?3, NULL, 1, 1, 'gommgo', 'gommgo', ?4, ?5, '', '[]', 0, \
         '[]', ?3, ?3)",
    )?
    .execute((id, &tag, now, &run, &ci_run))?;
    tx.append_event(&NewEvent {
        at: now,
        service: Some("app"),
        release_id: Some(id),
        run_id: None,
        actor: r#"{"kind":"token","name":"ci","role":"ci"}"#,
        kind: "release_created",
        data: &format!(r#"{{"commit":null,"initiated_by":"gommgo","tag":"{tag}"}}"#),
        trace_id: Some("0af7651916cd43dd8448eb211c80319c"),
    })?;
    let payload = format!(r#"{{"kind":"resolve_commit","release":{id}}}"#);
    // Due never: no worker takes it out.
    let effect = NewEffect {
        trace_id: None,
        place: None,
        kind: "resolve_commit",
        payload: &payload,
        service: Some("app"),
        release_id: Some(id),
        run_id: None,
        due_at: i64::MAX,
    };
    enqueue(tx, &effect, now).map(|_| ())
}
