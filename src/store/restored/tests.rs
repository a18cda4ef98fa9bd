use std::path::Path;

use super::*;
use crate::domain::fault::record::RecordFlaw;
use crate::store::signed::ChainHead;
use crate::store::testing::{TestDir, event};
use crate::store::{Store, StoreOptions, around, backup};

fn options(place: &TestDir, process: &str) -> StoreOptions {
    let services = vec![ServiceName::parse("service", "blog").unwrap()];
    let start = Start { generation: 1, process: process.into(), now: Timestamp::UNIX_EPOCH, services, unnoted: None };
    StoreOptions { start: Some(start), ..place.options() }
}

/// A start that finds nothing odd, or that does.
fn open(place: &TestDir, process: &str) -> (Store, Option<Reason>) {
    let store = Store::open(&options(place, process)).unwrap();
    let found = store.restored().map(ToOwned::to_owned);
    (store, found)
}

/// Shop runs #3 in production, and its run 5 is under way.
async fn used(store: &Store) -> ChainHead {
    let written = store.write(|tx| -> Result<(), StoreError> {
        tx.execute_batch(
            r#"INSERT INTO releases (id, service, status, list, status_since, attempt, revision, initiated_by, owner,
                 notes, artifacts, promoted, bypasses, created_at, started_at)
             VALUES (3, 'shop', 'deploying', 'active', 1, 1, 4, 'ann', 'rmm', '', '[]', 0, '[]', 1, 1);
             INSERT INTO runs (id, release_id, attempt, service, environment, kind, housekeeping, to_version, state,
                 detail, prepared, created_at, word)
             VALUES (5, 3, 1, 'shop', 'production', 'deploy', 0, '{"release":3,"tag":"v3","commit":null}', 'running',
                 '{"state":"running"}', 1, 1, 'aa');
             INSERT INTO environments (service, environment, current) VALUES ('shop', 'production',
                 '{"release":2,"tag":"v2","commit":null}');
             INSERT INTO outbox (kind, payload, run_id, created_at, due_at) VALUES ('follow_run', '{}', 5, 1, 1);"#,
        )?;
        for _ in 0..10 {
            tx.append_event(&event("Noted", "{}"))?;
        }
        Ok(())
    });
    written.await.unwrap();
    store.verify(None).await.unwrap().unwrap().head
}

/// What was done after the copy was made.
async fn goes_on(store: &Store) -> ChainHead {
    let written = store.write(|tx| -> Result<(), StoreError> {
        tx.execute_batch(
            r#"UPDATE runs SET state = 'succeeded', detail = '{"state":"succeeded"}';
             DELETE FROM outbox;
             INSERT INTO runs (id, release_id, attempt, service, environment, kind, housekeeping, to_version, state,
                 detail, prepared, created_at) VALUES (8, 3, 1, 'shop', 'stage', 'deploy', 0,
                 '{"release":3,"tag":"v3","commit":null}', 'succeeded', '{"state":"succeeded"}', 1, 1);
             UPDATE releases SET revision = 6;
             UPDATE environments SET current = '{"release":3,"tag":"v3","commit":null}';"#,
        )?;
        for _ in 0..5 {
            tx.append_event(&event("Noted", "{}"))?;
        }
        Ok(())
    });
    written.await.unwrap();
    store.note_numbers(Timestamp::UNIX_EPOCH).await.unwrap();
    store.verify(None).await.unwrap().unwrap().head
}

/// Nothing that was given out comes again, nothing goes on blindly, and the record stays sound.
async fn is_treated(store: &Store, run_after: i64) {
    let shop = ServiceName::parse("service", "shop").unwrap();
    let blog = ServiceName::parse("service", "blog").unwrap();
    let seen = store.read(move |conn| {
        let next = runs::last_id(conn)?;
        let live: i64 =
            conn.query_row("SELECT count(*) FROM runs WHERE state IN ('queued', 'running')", [], |r| r.get(0))?;
        let effects: i64 = conn.query_row("SELECT count(*) FROM outbox", [], |r| r.get(0))?;
        let revision: i64 = conn.query_row("SELECT max(revision) FROM releases", [], |r| r.get(0))?;
        let event: i64 = conn.query_row("SELECT max(seq) FROM events", [], |r| r.get(0))?;
        let unknown = [(&shop, Env::Production), (&shop, Env::Stage), (&blog, Env::Stage)]
            .into_iter()
            .map(|(service, kind)| Ok(runs::environment(conn, service, kind)?.unknown.is_some()))
            .collect::<Result<Vec<_>, StoreError>>()?;
        Ok((next, live, effects, revision, event, unknown))
    });
    let (last, live, effects, revision, event, unknown) = seen.await.unwrap();
    assert_eq!((last, live, effects, unknown), (RunId(run_after), 0, 0, vec![true; 3]));
    assert!(revision > 6 && event > 15, "revision {revision}, event {event}");
    store.verify(None).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_ordinary_start_finds_what_it_left() {
    let place = TestDir::new();
    let (store, found) = open(&place, "one");
    assert_eq!(found, None);
    used(&store).await;
    // Killed: it did not note how far it came.
    drop(store);
    let (store, found) = open(&place, "two");
    assert_eq!(found, None);
    goes_on(&store).await;
    drop(store);
    // A start that was cut off after it wrote the file.
    let beside = Beside::read(&place.file("rmm.db")).unwrap().unwrap();
    Beside { process: Some("three".into()), before: Some("two".into()), ..beside }
        .write(&place.file("rmm.db"))
        .unwrap();
    assert_eq!(open(&place, "four").1, None);
    assert_eq!(open(&place, "five").1, None);
}

#[tokio::test]
async fn a_process_that_began_on_a_full_disk_is_noted_later() {
    let place = TestDir::new();
    drop(open(&place, "one"));
    let in_the_way = place.file("rmm.db.numbers.new");
    fs::create_dir(&in_the_way).unwrap();
    let (store, _) = open(&place, "two");
    let known = async |word| store.read(move |conn| numbers::is_own_process(conn, 1, word)).await.unwrap();
    assert!(store.note_process().await.is_err() && known("one").await && !known("two").await);
    fs::remove_dir(&in_the_way).unwrap();
    for _ in 0..2 {
        store.note_process().await.unwrap();
        assert!(known("two").await);
    }
    drop(store);
    assert_eq!(open(&place, "three").1, None);
}

#[tokio::test]
async fn a_restore_goes_on_from_what_the_replaced_database_knows() {
    let place = TestDir::new();
    let (store, _) = open(&place, "one");
    let noted = used(&store).await;
    store.backup(place.file("copy.db"), false).await.unwrap();
    let lost = goes_on(&store).await;
    drop(store);
    let database = place.file("rmm.db");
    let around = around::look(&database, &place.file("copy.db")).unwrap();
    let production = ("shop".to_owned(), "production".to_owned());
    assert_eq!(around.replaced[&production].runs.as_ref().unwrap().to_string(), "v3 (#3)");
    assert_eq!(around.copy[&production].run, Some(5));
    backup::restore(&place.file("copy.db"), &database, true).unwrap();
    around.note(&database, None).unwrap();
    let (store, found) = open(&place, "two");
    assert_eq!(found, Some(Reason::Restored { how: RestoredBy::Command { lost: None } }));
    is_treated(&store, 8).await;
    // An end of the record that was noted before the copy is there; one from after it is not, and shows.
    store.verify(Some(noted)).await.unwrap().unwrap();
    assert_eq!(store.verify(Some(lost)).await.unwrap(), Err(RecordFlaw::CutOff { from: 11, to: 15 }));
    drop(store);
    // Once.
    assert_eq!(open(&place, "three").1, None);
    // The same backup again: what was seen in between does not come again either.
    let first = revision(&database);
    let around = around::look(&database, &place.file("copy.db")).unwrap();
    backup::restore(&place.file("copy.db"), &database, true).unwrap();
    around.note(&database, None).unwrap();
    drop(open(&place, "four"));
    assert!(revision(&database) > first);
}

fn revision(database: &Path) -> i64 {
    let conn = crate::store::schema::open_reader(database).unwrap();
    conn.query_row("SELECT revision FROM releases", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_copy_put_there_by_hand_is_noticed() {
    let place = TestDir::new();
    let (store, _) = open(&place, "one");
    used(&store).await;
    store.backup(place.file("copy.db"), false).await.unwrap();
    drop(store);
    // RMM's own copy, with and without the file beside it; then a plain copy of the file.
    for (beside, by_hand) in [(true, false), (false, false), (true, true)] {
        let plain = place.file("plain.db");
        std::fs::copy(place.file("rmm.db"), &plain).unwrap();
        let (store, found) = open(&place, "two");
        assert_eq!(found, None, "{beside} {by_hand}");
        goes_on_or_not(&store).await;
        drop(store);
        let copy = if by_hand { plain } else { place.file("copy.db") };
        std::fs::copy(copy, place.file("rmm.db")).unwrap();
        if !beside {
            std::fs::remove_file(Beside::path(&place.file("rmm.db"))).unwrap();
        }
        let (store, found) = open(&place, "three");
        assert!(found.is_some(), "{beside} {by_hand}");
        let last = store.read(runs::last_id).await.unwrap();
        assert!(last.0 > 1000, "{last} {beside} {by_hand}");
        store.verify(None).await.unwrap().unwrap();
    }
}

async fn goes_on_or_not(store: &Store) {
    store.write(|tx| tx.append_event(&event("Noted", "{}"))).await.unwrap();
    store.note_numbers(Timestamp::UNIX_EPOCH).await.unwrap();
}

#[tokio::test]
async fn a_database_that_was_lost_is_not_begun_from_one() {
    let place = TestDir::new();
    let (store, _) = open(&place, "one");
    used(&store).await;
    goes_on(&store).await;
    drop(store);
    for file in ["rmm.db", "rmm.db-wal", "rmm.db-shm"] {
        let _ = std::fs::remove_file(place.file(file));
    }
    let (store, found) = open(&place, "two");
    assert_eq!(found, Some(Reason::Restored { how: RestoredBy::Lost }));
    let last = store.read(runs::last_id).await.unwrap();
    assert!(last.0 >= 8, "{last}");
    let blog = ServiceName::parse("service", "blog").unwrap();
    let state = store.read(move |conn| runs::environment(conn, &blog, Env::Production)).await.unwrap();
    assert!(state.unknown.is_some());
    store.verify(None).await.unwrap().unwrap();
}

#[test]
fn what_cannot_be_read_beside_the_database_is_not_there() {
    let place = TestDir::new();
    let database = place.file("rmm.db");
    assert_eq!(Beside::read(&database).unwrap(), None);
    std::fs::write(Beside::path(&database), "{").unwrap();
    assert_eq!(Beside::read(&database).unwrap(), None);
    let beside = Beside { process: Some("one".into()), ..Beside::default() };
    beside.write(&database).unwrap();
    assert_eq!(Beside::read(&database).unwrap(), Some(beside));
}
