use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::store::key::AuditKey;
use crate::store::testing::{SmallDisk, TestDir, note, notes};
use crate::store::{Store, verify};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_made_while_the_writer_goes_on_is_one_sound_moment() {
    let place = TestDir::new();
    let store = place.store().await;
    for _ in 0..20 {
        store.write(|tx| (0..50).try_for_each(|_| note(tx, &"filling ".repeat(200)).map(drop))).await.unwrap();
    }
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writer = tokio::spawn({
        let (store, stop) = (store.clone(), stop.clone());
        async move {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                store.write(|tx| note(tx, "meanwhile")).await.unwrap();
            }
        }
    });
    let key = AuditKey::load(&place.file("audit.key")).unwrap().unwrap();
    let mut progress = store.progress();
    for number in 0..5 {
        progress.changed().await.unwrap();
        let report = store.backup(place.file(&format!("copy-{number}.db")), false).await.unwrap();
        let head = report.head.unwrap();
        let copy = schema::open_reader(&report.path).unwrap();
        let verified = verify::verify(&copy, &key, Some(&head)).unwrap().unwrap();
        assert_eq!(verified.head, head);
        let rows: i64 = copy.query_row("SELECT count(*) FROM notes", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, head.seq, "rows and events are of the same moment");
        assert_eq!(copy.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap(), "ok");
        assert_eq!(fs::metadata(&report.path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&report.path).unwrap().len(), report.bytes);
        // The running database is the anchored continuation of the copy.
        store.verify(Some(head)).await.unwrap().unwrap();
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    writer.await.unwrap();
    assert!(matches!(store.backup(place.file("copy-0.db"), false).await, Err(StoreError::Exists { .. })));
    store.backup(place.file("copy-0.db"), true).await.unwrap();
}

#[tokio::test]
async fn copies_of_one_name_do_not_spoil_each_other_or_other_files() {
    let place = TestDir::new();
    let store = place.store().await;
    store.write(|tx| note(tx, "one")).await.unwrap();
    fs::write(place.file("copy.db.partial"), "another file").unwrap();
    let made = futures_util::future::join_all((0..8).map(|_| store.backup(place.file("copy.db"), false))).await;
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
    assert!(made.iter().all(|made| matches!(made, Ok(_) | Err(StoreError::Exists { .. }))), "{made:?}");
    let over = futures_util::future::join_all((0..8).map(|_| store.backup(place.file("copy.db"), true))).await;
    assert!(over.iter().all(Result::is_ok), "{over:?}");
    let copy = schema::open_reader(&place.file("copy.db")).unwrap();
    assert_eq!(copy.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap(), "ok");
    drop(copy);
    assert_eq!(fs::read(place.file("copy.db.partial")).unwrap(), b"another file");
    let names = fs::read_dir(place.0.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.starts_with("copy.db.")).count(), 1);
}

#[tokio::test]
async fn a_copy_is_put_back_and_the_replaced_database_kept() {
    let place = TestDir::new();
    let store = place.store().await;
    store.write(|tx| note(tx, "one")).await.unwrap();
    let copy = place.file("copy.db");
    let head = store.backup(copy.clone(), false).await.unwrap().head;
    store.write(|tx| note(tx, "two")).await.unwrap();
    drop(store);
    let database = place.file("rmm.db");
    assert!(matches!(restore(&copy, &database, false), Err(StoreError::Exists { .. })));
    // A WAL left by a crash holds commits of the old database; it must not be read into the new one.
    fs::write(place.file("rmm.db-wal"), "left by a crash").unwrap();
    let report = restore(&copy, &database, true).unwrap();
    assert_eq!((report.head, report.schema), (head, schema::supported_version()));
    let replaced = report.replaced.unwrap();
    assert!(!with_suffix(&replaced, "-wal").exists(), "nothing in it is a commit");
    let store = Store::open(&place.options()).unwrap();
    assert_eq!(notes(&store).await, ["one"]);
    store.verify(head).await.unwrap().unwrap();
    assert_eq!(store.write(|tx| note(tx, "another two")).await.unwrap(), 2);
    drop(store);
    let old = Connection::open(&replaced).unwrap();
    assert_eq!(old.query_row("SELECT count(*) FROM notes", [], |row| row.get::<_, i64>(0)).unwrap(), 2);
}

#[tokio::test]
async fn what_is_no_sound_copy_is_not_put_back() {
    let place = TestDir::new();
    let store = place.store().await;
    for _ in 0..200 {
        store.write(|tx| note(tx, &"filling ".repeat(50))).await.unwrap();
    }
    let copy = place.file("copy.db");
    store.backup(copy.clone(), false).await.unwrap();
    drop(store);
    let target = place.file("new.db");
    let mut bytes = fs::read(&copy).unwrap();
    let sound = bytes.clone();
    for page in 8..16 {
        bytes[page * 4096..page * 4096 + 512].fill(0xa5);
    }
    fs::write(&copy, &bytes).unwrap();
    let error = restore(&copy, &target, false).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    fs::write(&copy, "no database at all ".repeat(100)).unwrap();
    assert!(matches!(restore(&copy, &target, false), Err(StoreError::Corrupt { .. })));
    fs::write(&copy, "").unwrap();
    assert!(matches!(restore(&copy, &target, false), Err(StoreError::Corrupt { .. })));
    fs::write(&copy, &sound).unwrap();
    Connection::open(&copy).unwrap().execute("UPDATE refinery_schema_history SET version = 99 WHERE version = (SELECT max(version) FROM refinery_schema_history)", []).unwrap();
    assert!(matches!(restore(&copy, &target, false), Err(StoreError::NewerDatabase { found: 99, .. })));
    assert!(matches!(restore(&place.file("none.db"), &target, false), Err(StoreError::Io { .. })));
    let names = fs::read_dir(place.0.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.starts_with("new.db")).count(), 0);
}

#[tokio::test]
async fn a_copy_that_does_not_fit_leaves_nothing_behind() {
    let Some(disk) = SmallDisk::mount("1m") else { return };
    let place = TestDir::new();
    let store = place.store().await;
    store.write(|tx| note(tx, &"large ".repeat(400_000))).await.unwrap();
    let target = disk.0.file("copy.db");
    fs::write(&target, "the copy of yesterday").unwrap();
    let error = store.backup(target.clone(), true).await.unwrap_err();
    assert!(error.is_disk_full(), "{error:?}");
    assert_eq!(fs::read(&target).unwrap(), b"the copy of yesterday");
    assert_eq!(fs::read_dir(disk.0.0.path()).unwrap().count(), 1);
}
