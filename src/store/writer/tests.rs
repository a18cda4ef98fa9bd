use std::sync::mpsc;

use super::*;
use crate::store::testing::{SmallDisk, TestDir, note, notes};
use crate::store::{Store, logs, outbox};

type Work = Box<dyn FnOnce(&mut Tx<'_>) -> Result<i64, StoreError> + Send>;

fn work(work: impl FnOnce(&mut Tx<'_>) -> Result<i64, StoreError> + Send + 'static) -> Work {
    Box::new(work)
}

/// Runs all in one transaction: a first request holds the writer until the others wait in the queue.
async fn together(store: &Store, all: Vec<Work>) -> Vec<Result<i64, WriteError<StoreError>>> {
    let (open, gate) = mpsc::channel::<()>();
    let (inside, entered) = oneshot::channel();
    let first = tokio::spawn({
        let store = store.clone();
        async move {
            let held = move |_: &mut Tx<'_>| {
                let _ = inside.send(());
                gate.recv().ok();
                Ok::<_, StoreError>(())
            };
            store.write(held).await
        }
    });
    entered.await.unwrap();
    let waiting: Vec<_> = all
        .into_iter()
        .map(|work| {
            let store = store.clone();
            tokio::spawn(async move { store.write(work).await })
        })
        .collect();
    // The runtime has one thread: when this task runs again, each of the others has put its request into the queue.
    tokio::task::yield_now().await;
    open.send(()).unwrap();
    let mut results = Vec::new();
    for task in waiting {
        results.push(task.await.unwrap());
    }
    let _ = first.await.unwrap();
    results
}

fn is_unavailable<T>(result: &Result<T, WriteError<StoreError>>) -> bool {
    matches!(result, Err(WriteError::Store(StoreError::Unavailable { .. })))
}

#[tokio::test]
async fn a_bad_neighbour_is_undone_alone() {
    let place = TestDir::new();
    let store = place.store().await;
    let results = together(
        &store,
        vec![
            work(|tx| note(tx, "one")),
            work(|tx| {
                note(tx, "refused")?;
                note(tx, "refused too")?;
                Err(StoreError::Stopped)
            }),
            work(|tx| {
                note(tx, "panicked")?;
                panic!("no more tea");
            }),
            work(|tx| {
                tx.execute("INSERT INTO nowhere VALUES (1)", [])?;
                Ok(0)
            }),
            work(|tx| note(tx, "two")),
        ],
    )
    .await;
    assert_eq!(*results[0].as_ref().unwrap(), 1);
    assert!(matches!(results[1], Err(WriteError::Rolled(StoreError::Stopped))));
    assert!(matches!(&results[2], Err(WriteError::Store(StoreError::Panicked { what })) if what == "no more tea"));
    assert!(matches!(results[3], Err(WriteError::Rolled(StoreError::Sqlite(_)))));
    assert_eq!(*results[4].as_ref().unwrap(), 2);
    assert_eq!(notes(&store).await, ["one", "two"]);
    assert_eq!(store.verify(None).await.unwrap().unwrap().events, 2);
}

#[tokio::test]
async fn a_commit_that_fails_applies_nothing_and_the_chain_goes_on() {
    let place = TestDir::new();
    let store = place.store().await;
    store.write(|tx| note(tx, "before")).await.unwrap();
    let mut progress = store.progress();
    progress.mark_unchanged();
    let results = together(
        &store,
        vec![
            work(|tx| note(tx, "lost")),
            work(|_| Err(StoreError::Stopped)),
            // A broken reference that is only looked at when committing.
            work(|tx| {
                tx.execute_batch("PRAGMA defer_foreign_keys = ON; INSERT INTO replies VALUES (99)")?;
                note(tx, "also lost")
            }),
        ],
    )
    .await;
    assert!(results.iter().all(is_unavailable), "{results:?}");
    assert!(!progress.has_changed().unwrap());
    assert_eq!(notes(&store).await, ["before"]);
    assert_eq!(store.write(|tx| note(tx, "after")).await.unwrap(), 2);
    assert_eq!(store.verify(None).await.unwrap().unwrap().events, 2);
}

#[tokio::test]
async fn a_transaction_that_sqlite_gave_up_is_answered_as_lost_to_all() {
    let place = TestDir::new();
    let store = place.store().await;
    let results = together(
        &store,
        vec![
            work(|tx| note(tx, "lost")),
            // Stands for the disk errors on which SQLite itself rolls everything back.
            work(|tx| {
                tx.execute_batch("ROLLBACK")?;
                Ok(0)
            }),
            work(|tx| note(tx, "in the next transaction")),
        ],
    )
    .await;
    assert!(is_unavailable(&results[0]) && is_unavailable(&results[1]), "{results:?}");
    assert_eq!(*results[2].as_ref().unwrap(), 1);
    assert_eq!(notes(&store).await, ["in the next transaction"]);
    assert_eq!(store.verify(None).await.unwrap().unwrap().events, 1);
}

#[tokio::test]
async fn a_request_that_finds_no_room_is_lost_with_its_transaction_and_no_more() {
    let place = TestDir::new();
    let store = place.store().await;
    let limit =
        |pages: &'static str| move |tx: &mut Tx<'_>| tx.execute_batch(&format!("PRAGMA max_page_count = {pages}"));
    store.write(limit("60")).await.unwrap();
    let results = together(
        &store,
        vec![
            work(|tx| note(tx, "small")),
            work(|tx| note(tx, &"large ".repeat(100_000))),
            work(|tx| note(tx, "small again")),
        ],
    )
    .await;
    // SQLite itself rolls everything back when it is full; the neighbour before cannot be run a second time.
    for lost in &results[..2] {
        assert!(matches!(lost, Err(WriteError::Store(error)) if error.is_disk_full()), "{results:?}");
    }
    assert_eq!(results[2].as_ref().ok(), Some(&1));
    assert_eq!(notes(&store).await, ["small again"]);
    store.write(limit("1000000")).await.unwrap();
    store.write(|tx| note(tx, &"large ".repeat(100_000))).await.unwrap();
    assert_eq!(store.verify(None).await.unwrap().unwrap().events, 2);
}

#[tokio::test]
async fn a_lock_held_by_another_program_is_told_at_once() {
    let place = TestDir::new();
    let store = place.store().await;
    store.write(|tx| tx.busy_timeout(Duration::ZERO)).await.unwrap();
    let other = Connection::open(place.file("rmm.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.write(|tx| note(tx, "no")).await.unwrap_err().flatten();
    assert!(matches!(error, StoreError::Unavailable { disk_full: false, .. }) && error.is_temporary(), "{error:?}");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(store.write(|tx| note(tx, "yes")).await.unwrap(), 1);
}

#[tokio::test]
async fn only_committed_facts_are_announced() {
    let place = TestDir::new();
    let store = place.store().await;
    let mut progress = store.progress();
    let start = *progress.borrow_and_update();
    let effect = outbox::NewEffect {
        trace_id: None,
        place: None,
        kind: "SendMessage",
        payload: "{}",
        service: None,
        release_id: None,
        run_id: None,
        due_at: 0,
    };
    let refused = move |tx: &mut Tx<'_>| {
        outbox::enqueue(tx, &effect, 0)?;
        logs::append(tx, 1, 0, 3, b"abc", jiff::Timestamp::UNIX_EPOCH)?;
        note(tx, "refused")?;
        Err::<(), _>(StoreError::Stopped)
    };
    store.write(refused).await.unwrap_err();
    assert!(!progress.has_changed().unwrap());
    store.write(|tx| tx.execute("INSERT INTO notes (text) VALUES ('silent')", [])).await.unwrap();
    assert!(!progress.has_changed().unwrap());
    store.write(move |tx| outbox::enqueue(tx, &effect, 0)).await.unwrap();
    assert_ne!(progress.borrow_and_update().outbox, start.outbox);
    store.write(|tx| logs::append(tx, 1, 0, 3, b"abc", jiff::Timestamp::UNIX_EPOCH)).await.unwrap();
    let log = store.read(|conn| logs::read(conn, 1, 0, 100)).await.unwrap();
    assert_eq!(progress.borrow_and_update().last_log, log[0].id);
    store.write(|tx| note(tx, "told")).await.unwrap();
    assert_eq!(progress.borrow_and_update().last_event, 1);
    drop(store);
    let reopened = *place.store().await.progress().borrow();
    assert_eq!((reopened.last_event, reopened.last_log), (1, log[0].id));
}

#[tokio::test]
async fn dropping_the_last_handle_commits_what_waits() {
    let place = TestDir::new();
    let store = place.store().await;
    let (open, gate) = mpsc::channel::<()>();
    let first = store.clone();
    let first = tokio::spawn(async move { first.write(move |_| gate.recv()).await });
    tokio::task::yield_now().await;
    let waiting: Vec<_> = (0..50)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.write(move |tx| note(tx, &number.to_string())).await })
        })
        .collect();
    tokio::task::yield_now().await;
    // The callers are gone before the writer comes to their requests.
    for task in &waiting {
        task.abort();
    }
    first.abort();
    for task in waiting {
        assert!(task.await.unwrap_err().is_cancelled());
    }
    let _ = first.await;
    open.send(()).unwrap();
    drop(store);
    assert!(!place.file("rmm.db-wal").exists(), "the database was closed");
    assert_eq!(notes(&place.store().await).await.len(), 50);
}

#[tokio::test]
async fn the_last_handle_may_be_dropped_inside_a_request() {
    let place = TestDir::new();
    let store = place.store().await;
    let (open, gate) = mpsc::channel::<()>();
    let inner = store.clone();
    let task = tokio::spawn({
        let store = store.clone();
        async move {
            let last = move |tx: &mut Tx<'_>| {
                gate.recv().ok();
                let result = note(tx, "last");
                drop(inner);
                result
            };
            store.write(last).await
        }
    });
    tokio::task::yield_now().await;
    task.abort();
    let _ = task.await;
    drop(store);
    open.send(()).unwrap();
    // Opening again needs the first writer to be done, which the database's own lock sees to.
    let store = place.store().await;
    store.write(|tx| tx.execute("INSERT INTO notes (text) VALUES ('after')", [])).await.unwrap();
    assert!(notes(&store).await.contains(&"after".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_wait_when_the_queue_is_full() {
    let place = TestDir::new();
    let store = Store::open(&crate::store::StoreOptions { queue: 1, ..place.options() }).unwrap();
    store.write(|tx| tx.execute_batch("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT) STRICT")).await.unwrap();
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.write(move |tx| note(tx, &number.to_string())).await.unwrap() })
        })
        .collect();
    let mut seen = Vec::new();
    for task in tasks {
        seen.push(task.await.unwrap());
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=200).collect::<Vec<i64>>());
    assert_eq!(store.verify(None).await.unwrap().unwrap().events, 200);
}

#[tokio::test]
async fn a_read_that_panics_does_not_cost_a_connection() {
    let place = TestDir::new();
    let store = place.store().await;
    for _ in 0..9 {
        let error = store.read(|_| -> Result<(), _> { panic!("oh") }).await.unwrap_err();
        assert!(matches!(error, StoreError::Panicked { .. }));
        let refused = store.read(|conn| Ok(conn.execute("DELETE FROM events", [])?)).await.unwrap_err();
        assert!(
            matches!(refused, StoreError::Unavailable { disk_full: false, .. } | StoreError::Sqlite(_)),
            "{refused:?}"
        );
    }
    assert!(notes(&store).await.is_empty());
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_comes_back_by_itself() {
    let Some(disk) = SmallDisk::mount("4m") else { return };
    let store = disk.0.store().await;
    store.write(|tx| note(tx, "before")).await.unwrap();
    disk.fill();
    let large = "x".repeat(200_000);
    let mut refused = 0;
    for _ in 0..20 {
        let small: Vec<_> = (0..3).map(|_| work(|tx| note(tx, "small"))).collect();
        let text = large.clone();
        let results = together(&store, small.into_iter().chain([work(move |tx| note(tx, &text))]).collect()).await;
        for result in &results {
            let Err(error) = result else { continue };
            let full = match error {
                WriteError::Rolled(error) | WriteError::Store(error) => error.is_disk_full(),
            };
            assert!(full, "{error:?}");
        }
        // All in one transaction: who was answered with success is in the database, whichever others failed.
        refused += results.iter().filter(|result| result.is_err()).count();
    }
    assert!(refused >= 20, "{refused}");
    let while_full = notes(&store).await;
    assert_eq!(while_full[0], "before");
    let verified = store.verify(None).await.unwrap().unwrap();
    assert_eq!(usize::try_from(verified.events).unwrap(), while_full.len());
    disk.free();
    assert_eq!(store.write(|tx| note(tx, "after")).await.unwrap(), verified.events + 1);
    let text = large.clone();
    store.write(move |tx| note(tx, &text)).await.unwrap();
    store.verify(None).await.unwrap().unwrap();
    drop(store);
    let store = disk.0.store().await;
    assert_eq!(store.damage(), None);
    assert_eq!(notes(&store).await.len(), while_full.len() + 2);
    let checked = store
        .read(|conn| Ok(conn.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))?))
        .await
        .unwrap();
    assert_eq!(checked, "ok");
}

#[tokio::test]
async fn a_full_disk_does_not_keep_the_store_from_opening() {
    let Some(disk) = SmallDisk::mount("4m") else { return };
    drop(disk.0.store().await);
    // The shared-memory index of the WAL (32 KiB) and the WAL's header are all that opening needs.
    std::fs::write(disk.0.file("room"), vec![0; 65_536]).unwrap();
    disk.fill();
    std::fs::remove_file(disk.0.file("room")).unwrap();
    let store = Store::open(&disk.0.options()).unwrap();
    assert!(notes(&store).await.is_empty());
    let error = store.write(|tx| note(tx, &"x".repeat(500_000))).await.unwrap_err().flatten();
    assert!(error.is_disk_full(), "{error:?}");
    disk.free();
    store.write(|tx| note(tx, &"x".repeat(500_000))).await.unwrap();
}
