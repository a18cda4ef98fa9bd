//! An attacker with access to the disk, and with or without RMM running.

use std::path::Path;

use super::*;
use crate::domain::ids::ServiceName;
use crate::domain::reason::{Reason, RestoredBy};
use crate::store::key::AuditKey;
use crate::store::restored::{Beside, Start};
use crate::store::testing::{TestDir, event, note, notes};
use crate::store::{Store, StoreOptions, around, backup};

fn options(place: &TestDir) -> StoreOptions {
    let services = vec![ServiceName::parse("service", "shop").unwrap()];
    let process = hex::encode(&key::random_bytes().unwrap()[..8]);
    let start = Start { generation: 1, process, now: Timestamp::UNIX_EPOCH, services, unnoted: None };
    StoreOptions { start: Some(start), ..place.options() }
}

fn alarm(store: &Store) -> Option<String> {
    store.alarm().borrow().as_ref().map(|alarm| Language::En.record_alarm(alarm))
}

/// A store that has worked and was left.
async fn left(place: &TestDir, events: usize) {
    let store = Store::open(&options(place)).unwrap();
    assert_eq!(alarm(&store), None);
    write(&store, events).await;
    store.note_numbers(Timestamp::UNIX_EPOCH).await.unwrap();
}

async fn write(store: &Store, events: usize) {
    let written = store.write(move |tx| -> Result<(), StoreError> {
        for _ in 0..events {
            tx.append_event(&event("Noted", "{}"))?;
        }
        Ok(())
    });
    written.await.unwrap();
}

async fn told(store: &Store) -> Vec<String> {
    let read = store.read(|conn| {
        let mut statement = conn.prepare("SELECT data FROM events WHERE kind = 'record_alarm_raised' ORDER BY seq")?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<_>, _>>()?)
    });
    read.await.unwrap()
}

const WIPE: &str = "DELETE FROM events; UPDATE chain_head SET seq = 0, mac = zeroblob(32);";

fn remove_database(place: &TestDir) {
    for file in ["rmm.db", "rmm.db-wal", "rmm.db-shm"] {
        let _ = fs::remove_file(place.file(file));
    }
}

#[tokio::test]
async fn what_is_done_to_the_record_is_an_alarm_until_an_admin_acknowledges_it() {
    type Attack = fn(&TestDir);
    let attacks: [(&str, Attack); 8] = [
        ("is empty", |place| place.shell(WIPE)),
        ("is empty", |place| {
            place.shell(WIPE);
            fs::remove_file(place.file("rmm.db.numbers")).unwrap();
        }),
        ("is empty", remove_database),
        ("its key is still there", |place| {
            remove_database(place);
            fs::remove_file(place.file("rmm.db.numbers")).unwrap();
            fs::remove_file(place.file("audit.key.head")).unwrap();
        }),
        ("ends at event 10", |place| {
            fs::copy(place.file("yesterday"), place.file("rmm.db")).unwrap();
        }),
        ("ends at event 14", |place| place.shell("DELETE FROM events WHERE seq = 15")),
        ("is gone", |place| fs::remove_file(place.file("audit.key.head")).unwrap()),
        ("is not what RMM wrote", |place| fs::write(place.file("audit.key.head"), b"\xff{}").unwrap()),
    ];
    for (at, (sentence, attack)) in attacks.into_iter().enumerate() {
        let place = TestDir::new();
        left(&place, 10).await;
        fs::copy(place.file("rmm.db"), place.file("yesterday")).unwrap();
        left(&place, 5).await;
        attack(&place);
        let store = Store::open(&options(&place)).unwrap();
        let found = alarm(&store).unwrap_or_else(|| panic!("attack {at} was not seen"));
        assert!(found.contains(sentence), "{at}: {found}");
        let events = told(&store).await;
        assert_eq!(events.len(), 1, "{at}: {events:?}");
        drop(store);

        // It stands, and is not told twice.
        let store = Store::open(&options(&place)).unwrap();
        write(&store, 1).await;
        store.note_numbers(Timestamp::UNIX_EPOCH).await.unwrap();
        assert_eq!(alarm(&store), Some(found));
        assert_eq!(told(&store).await.len(), events.len(), "{at}");
        store.acknowledge().unwrap();
        assert_eq!(alarm(&store), None);
        drop(store);
        let store = Store::open(&options(&place)).unwrap();
        assert_eq!(alarm(&store), None, "{at}");
    }
}

#[tokio::test]
async fn a_record_that_is_wiped_while_rmm_runs_is_seen_at_the_next_look() {
    let place = TestDir::new();
    let store = Store::open(&options(&place)).unwrap();
    write(&store, 3).await;
    store.watch_record(Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(alarm(&store), None);
    place.shell(WIPE);
    store.watch_record(Timestamp::UNIX_EPOCH).await.unwrap();
    assert!(alarm(&store).unwrap().contains("is empty"));
    store.watch_record(Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(told(&store).await.len(), 1);
}

#[tokio::test]
async fn a_record_written_anew_with_the_key_is_seen() {
    let (place, other) = (TestDir::new(), TestDir::new());
    left(&place, 10).await;
    fs::copy(place.file("audit.key"), other.file("audit.key")).unwrap();
    let forged = other.store().await;
    forged.write(|tx| note(tx, "another past")).await.unwrap();
    write(&forged, 20).await;
    drop(forged);
    fs::copy(other.file("rmm.db"), place.file("rmm.db")).unwrap();
    let store = Store::open(&options(&place)).unwrap();
    assert!(alarm(&store).unwrap().contains("event 10 of the record is not the one"));
}

#[tokio::test]
async fn what_was_written_after_the_last_note_is_no_alarm_and_neither_is_an_older_installation() {
    let place = TestDir::new();
    left(&place, 3).await;
    let store = Store::open(&options(&place)).unwrap();
    write(&store, 4).await;
    drop(store);
    left(&place, 1).await;
    fs::remove_file(place.file("audit.key.head")).unwrap();
    let beside = Beside::read(&place.file("rmm.db")).unwrap().unwrap();
    Beside { watched: false, ..beside }.write(&place.file("rmm.db")).unwrap();
    left(&place, 1).await;
    assert!(Watermark::read(&place.file("audit.key")).unwrap().is_some());
}

/// As `rmm restore` does it.
fn restore(place: &TestDir, from: &Path) -> Option<LostEvents> {
    let database = place.file("rmm.db");
    let around = around::look(&database, from).unwrap();
    let report = backup::restore(from, &database, true).unwrap();
    let (mark, lost) = Watermark::of_copy(&place.file("audit.key"), report.head).unwrap();
    around.note(&database, lost.clone()).unwrap();
    mark.write(&place.file("audit.key")).unwrap();
    lost
}

#[tokio::test]
async fn a_restore_is_no_alarm_and_says_what_is_lost() {
    let place = TestDir::new();
    left(&place, 10).await;
    let store = Store::open(&options(&place)).unwrap();
    store.backup(place.file("copy"), false).await.unwrap();
    drop(store);
    left(&place, 5).await;
    let lost = restore(&place, &place.file("copy")).unwrap();
    assert_eq!(lost, LostEvents::Range { from: 11, to: 15 });
    let store = Store::open(&options(&place)).unwrap();
    assert_eq!(alarm(&store), None);
    let how = RestoredBy::Command { lost: Some(lost) };
    assert_eq!(store.restored(), Some(&Reason::Restored { how }));
    assert!(store.verify(None).await.unwrap().is_ok());
}

#[tokio::test]
async fn after_a_new_key_all_rows_are_verifiable_and_the_old_key_adds_none() {
    let place = TestDir::new();
    left(&place, 5).await;
    let file = place.file("audit.key");
    let first = AuditKey::load(&file).unwrap().unwrap();
    first.rotated(5).unwrap().save(&file).unwrap();
    // Killed before the event is written.
    left(&place, 3).await;
    let second = AuditKey::load(&file).unwrap().unwrap();
    second.rotated(8).unwrap().save(&file).unwrap();
    left(&place, 2).await;
    let store = Store::open(&options(&place)).unwrap();
    assert_eq!(store.damage(), None);
    assert_eq!(store.verify(None).await.unwrap().unwrap().events, 10);
    drop(store);

    // An attacker with only the first key edits a row of its time, or adds one of today.
    let (copy, forged) = (TestDir::new(), TestDir::new());
    fs::copy(place.file("rmm.db"), copy.file("rmm.db")).unwrap();
    copy.shell("UPDATE events SET data = '{\"x\":1}' WHERE seq = 3");
    fs::copy(&file, copy.file("audit.key")).unwrap();
    let store = Store::open(&copy.options()).unwrap();
    assert_eq!(store.verify(None).await.unwrap().unwrap_err().seq(), 3);
    fs::copy(place.file("rmm.db"), forged.file("rmm.db")).unwrap();
    first.save_new(&forged.file("audit.key")).unwrap();
    assert!(matches!(Store::open(&forged.options()), Err(StoreError::KeyForeign { .. })));
    let store = place.store().await;
    store.write(|tx| note(tx, "a")).await.unwrap();
    assert_eq!(notes(&store).await, ["a"]);
}

#[test]
fn an_alarm_that_an_earlier_version_noted_is_told_in_its_words() {
    let place = TestDir::new();
    let (key, file) = (place.file("audit.key"), place.file("audit.key.head"));
    fs::write(&file, r#"{"seq":3,"mac":"ab","alarm":"the record is empty"}"#).unwrap();
    let mark = Watermark::read(&key).unwrap().unwrap();
    assert_eq!(mark.alarm, Some(RecordAlarm::Told { text: "the record is empty".into() }));
    // An earlier version reads what this one writes.
    Watermark { alarm: Some(RecordAlarm::DatabaseGone), ..mark }.write(&key).unwrap();
    let kept: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(kept["alarm"], "the database is gone, and its key is still there: a new record was begun");
    assert_eq!(Watermark::read(&key).unwrap().unwrap().alarm, Some(RecordAlarm::DatabaseGone));
}
