use super::*;
use crate::store::Store;
use crate::store::testing::{TestDir, event};

const EVENTS: i64 = 7;

/// A closed database with seven events; its head.
async fn chained() -> (TestDir, ChainHead) {
    let place = TestDir::new();
    let store = place.store().await;
    for number in 1..=EVENTS {
        store.write(move |tx| tx.append_event(&event("Noted", &format!("{{\"number\":{number}}}")))).await.unwrap();
    }
    let head = store.verify(None).await.unwrap().unwrap().head;
    assert_eq!(head.seq, EVENTS);
    (place, head)
}

fn check_with(place: &TestDir, anchor: Option<&ChainHead>) -> Result<Verified, RecordFlaw> {
    let key = AuditKey::load(&place.file("audit.key")).unwrap().unwrap();
    let conn = crate::store::schema::open_reader(&place.file("rmm.db")).unwrap();
    verify(&conn, &key, anchor).unwrap()
}

fn check(place: &TestDir) -> Result<Verified, RecordFlaw> {
    check_with(place, None)
}

/// What it is, and at which event.
fn told(flaw: &RecordFlaw) -> (String, i64) {
    (serde_json::to_value(flaw).unwrap()["code"].as_str().unwrap().to_owned(), flaw.seq())
}

async fn finds(sql: &str, code: &str, seq: i64) {
    let (place, _) = chained().await;
    place.shell(sql);
    let flaw = check(&place).expect_err(sql);
    assert_eq!(told(&flaw), (code.to_owned(), seq), "{sql}: {flaw:?}");
    // Going on with a damaged chain must not heal it.
    if let Ok(store) = Store::open(&place.options()) {
        for _ in 0..3 {
            store.write(|tx| tx.append_event(&event("Later", "{}"))).await.unwrap();
        }
        drop(store);
        let later = check(&place).expect_err(sql);
        assert!(later.seq() <= seq.max(EVENTS + 3), "{sql}: {later:?}");
    }
}

#[tokio::test]
async fn a_sound_chain_is_sound() {
    let (place, head) = chained().await;
    assert_eq!(check(&place), Ok(Verified { events: EVENTS, head }));
    assert_eq!(check_with(&place, Some(&head)), Ok(Verified { events: EVENTS, head }));
    assert_eq!(ChainHead::from_hex(head.seq, &head.mac_hex()), Some(head));
    let empty = TestDir::new();
    drop(empty.store().await);
    assert_eq!(check(&empty), Ok(Verified { events: 0, head: ChainHead::START }));
}

#[tokio::test]
async fn an_edit_of_any_column_of_any_row_shows() {
    for row in [1, 4, EVENTS] {
        for edit in [
            "at = at + 1",
            "service = NULL",
            "service = 'web'",
            "release_id = 13",
            "release_id = NULL",
            "run_id = 12, release_id = NULL",
            "run_id = 0",
            "actor = '{}'",
            "kind = 'Noted '",
            "kind = 'Note', data = 'd' || data",
            "data = replace(data, 'number', 'numbor')",
            "trace_id = ''",
            "mac = zeroblob(32)",
            "mac = x'00'",
            "data = data || char(0)",
            "data = CAST(x'ff' AS TEXT)",
        ] {
            finds(&format!("UPDATE events SET {edit} WHERE seq = {row}"), "edited", row).await;
        }
    }
}

#[tokio::test]
async fn a_removed_row_shows() {
    finds("DELETE FROM events WHERE seq = 1", "missing", 1).await;
    finds("DELETE FROM events WHERE seq = 4", "missing", 4).await;
    finds("DELETE FROM events WHERE seq IN (4, 5)", "missing", 4).await;
    finds("DELETE FROM events WHERE seq = 7", "cut_off", 7).await;
    finds("DELETE FROM events WHERE seq > 4", "cut_off", 5).await;
    finds("DELETE FROM events", "cut_off", 1).await;
    finds("DELETE FROM events WHERE seq = 4; UPDATE events SET seq = seq - 1 WHERE seq > 4", "edited", 4).await;
    finds("DELETE FROM events; DELETE FROM chain_head", "head_missing", 0).await;
}

#[tokio::test]
async fn rows_in_another_order_show() {
    for (one, other) in [(1, 2), (1, EVENTS), (3, 5), (EVENTS - 1, EVENTS)] {
        finds(
            &format!(
                "UPDATE events SET seq = -1 WHERE seq = {one}; UPDATE events SET seq = {one} WHERE seq = {other}; \
                 UPDATE events SET seq = {other} WHERE seq = -1"
            ),
            "swapped",
            one,
        )
        .await;
        finds(
            &format!(
                "CREATE TEMP TABLE t AS SELECT seq, data FROM events; \
                 UPDATE events SET data = (SELECT data FROM t WHERE seq = {other}) WHERE events.seq = {one}; \
                 UPDATE events SET data = (SELECT data FROM t WHERE seq = {one}) WHERE events.seq = {other}"
            ),
            "swapped",
            one,
        )
        .await;
    }
    // The whole end moved on by one.
    finds("UPDATE events SET seq = -seq - 1 WHERE seq > 3; UPDATE events SET seq = -seq WHERE seq < 0", "missing", 4)
        .await;
}

#[tokio::test]
async fn an_added_row_shows() {
    let copy = |to: i64| {
        format!(
            "INSERT INTO events SELECT {to}, at, service, release_id, run_id, actor, kind, data, trace_id, mac FROM events WHERE seq = 7"
        )
    };
    finds(&copy(0), "added", 0).await;
    finds(&copy(8), "added", 8).await;
    finds(&copy(20), "added", 20).await;
}

#[tokio::test]
async fn a_touched_head_shows() {
    finds("DELETE FROM chain_head", "head_missing", 7).await;
    finds("UPDATE chain_head SET seal = zeroblob(32)", "head_forged", 7).await;
    finds("UPDATE chain_head SET mac = zeroblob(1)", "head_forged", 7).await;
    finds(
        "DELETE FROM events WHERE seq > 5; UPDATE chain_head SET seq = 5, mac = (SELECT mac FROM events WHERE seq = 5)",
        "head_forged",
        5,
    )
    .await;
}

#[tokio::test]
async fn an_older_state_with_its_own_seal_shows_against_an_anchor() {
    let (place, head) = chained().await;
    std::fs::copy(place.file("rmm.db"), place.file("old.db")).unwrap();
    let store = Store::open(&place.options()).unwrap();
    store.write(|tx| tx.append_event(&event("Noted", "{}"))).await.unwrap();
    let newer = store.verify(Some(head)).await.unwrap().unwrap().head;
    drop(store);
    std::fs::rename(place.file("old.db"), place.file("rmm.db")).unwrap();
    assert_eq!(check(&place).unwrap().head, head);
    assert_eq!(check_with(&place, Some(&newer)), Err(RecordFlaw::CutOff { from: 8, to: 8 }));
    let other = ChainHead { mac: [9; 32], ..head };
    assert_eq!(check_with(&place, Some(&other)), Err(RecordFlaw::Rewritten { seq: 7 }));
}

#[tokio::test]
async fn the_writer_leaves_a_cut_off_end_visible() {
    let (place, _) = chained().await;
    place.shell("DELETE FROM events WHERE seq > 5");
    let store = Store::open(&place.options()).unwrap();
    assert_eq!(store.damage(), Some(&RecordFlaw::CutOff { from: 6, to: 7 }));
    assert_eq!(store.write(|tx| tx.append_event(&event("Later", "{}"))).await.unwrap(), 8);
    assert_eq!(store.verify(None).await.unwrap(), Err(RecordFlaw::Missing { from: 6, to: 7 }));
}

#[tokio::test]
async fn history_without_its_key_is_not_given_a_new_one() {
    let (place, _) = chained().await;
    let key = std::fs::read(place.file("audit.key")).unwrap();
    std::fs::remove_file(place.file("audit.key")).unwrap();
    let error = Store::open(&place.options()).unwrap_err();
    assert!(matches!(error, StoreError::KeyMissing { .. }) && error.to_string().contains("backup"), "{error}");
    assert!(!place.file("audit.key").exists());
    AuditKey::from_bytes([5; 32]).save_new(&place.file("audit.key")).unwrap();
    assert!(matches!(Store::open(&place.options()), Err(StoreError::KeyForeign { .. })));
    std::fs::write(place.file("audit.key"), key).unwrap();
    drop(Store::open(&place.options()).unwrap());
    check(&place).unwrap();
}

#[tokio::test]
async fn a_start_that_was_cut_short_before_the_first_event_is_made_good() {
    let place = TestDir::new();
    drop(place.store().await);
    std::fs::remove_file(place.file("audit.key")).unwrap();
    drop(Store::open(&place.options()).unwrap());
    check(&place).unwrap();
    // A kept key with a new database, too.
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(place.file(&format!("rmm.db{suffix}")));
    }
    drop(Store::open(&place.options()).unwrap());
    check(&place).unwrap();
}
