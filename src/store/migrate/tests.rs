//! Databases of every age, and files that are none.

use super::*;
use crate::store::schema::{open_reader, open_writer, supported_version};
use crate::store::{Store, StoreOptions};
use refinery::{Migration, Runner};

fn options(directory: &Path) -> StoreOptions {
    StoreOptions::new(directory.join("rmm.db"), directory.join("audit.key"))
}

#[test]
fn a_newer_database_is_refused_untouched() {
    let directory = tempfile::tempdir().unwrap();
    drop(Store::open(&options(directory.path())).unwrap());
    let conn = Connection::open(directory.path().join("rmm.db")).unwrap();
    conn.execute("INSERT INTO refinery_schema_history VALUES (999, 'future', '2030-01-01T00:00:00Z', '1')", [])
        .unwrap();
    drop(conn);
    let error = Store::open(&options(directory.path())).unwrap_err();
    assert!(matches!(error, StoreError::NewerDatabase { found: 999, .. }), "{error:?}");
    assert!(error.to_string().contains("newer RMM"), "{error}");
}

#[test]
fn a_divergent_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(Store::open(&options(directory.path())).unwrap());
    let conn = Connection::open(directory.path().join("rmm.db")).unwrap();
    conn.execute("UPDATE refinery_schema_history SET checksum = '1'", []).unwrap();
    drop(conn);
    assert!(matches!(Store::open(&options(directory.path())), Err(StoreError::DivergentDatabase { .. })));
}

#[test]
fn a_foreign_database_and_a_file_that_is_none_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rmm.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE photos (id)").unwrap();
    assert!(matches!(Store::open(&options(directory.path())), Err(StoreError::Corrupt { .. })));
    std::fs::remove_file(&path).unwrap();
    std::fs::write(
        &path,
        "this is a text, and a long one, so that it cannot be taken for an empty database".repeat(20),
    )
    .unwrap();
    assert!(matches!(Store::open(&options(directory.path())), Err(StoreError::Corrupt { .. })));
}

#[test]
fn an_older_database_is_copied_and_then_migrated_or_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rmm.db");
    let first =
        Migration::unapplied("V1__first", "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (7);").unwrap();
    let second = Migration::unapplied("V2__second", "CREATE TABLE b (x INTEGER) STRICT;").unwrap();
    let broken =
        Migration::unapplied("V3__broken", "CREATE TABLE c (x INTEGER) STRICT; SELECT * FROM nowhere;").unwrap();
    // An older RMM made it, which knew no way to give room back.
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE old (x); DROP TABLE old").unwrap();
    let mode = |conn: &Connection| conn.query_row("PRAGMA auto_vacuum", [], |row| row.get::<_, i64>(0)).unwrap();
    let mut conn = open_writer(&path).unwrap();
    let done = migrate_with(&mut conn, &path, &Runner::new(std::slice::from_ref(&first))).unwrap();
    assert_eq!(mode(&conn), 0);
    assert!(done.fresh && done.copy.is_none());
    let done = migrate_with(&mut conn, &path, &Runner::new(&[first.clone(), second.clone()])).unwrap();
    assert!(!done.fresh);
    assert_eq!(mode(&conn), INCREMENTAL);
    let copy = open_reader(&done.copy.unwrap()).unwrap();
    assert_eq!(applied_version(&copy).unwrap(), Some(1));
    assert_eq!(copy.query_row("SELECT x FROM a", [], |row| row.get::<_, i64>(0)).unwrap(), 7);
    let error = migrate_with(&mut conn, &path, &Runner::new(&[first, second, broken])).err().unwrap();
    assert!(matches!(error, StoreError::Migration { .. }), "{error:?}");
    assert_eq!(applied_version(&conn).unwrap(), Some(2));
    conn.execute("INSERT INTO b VALUES (1)", []).unwrap();
    assert!(conn.execute("INSERT INTO c VALUES (1)", []).is_err());
}

#[test]
fn only_the_newest_copies_from_before_migrations_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rmm.db");
    let mut conn = open_writer(&path).unwrap();
    let names = ["rmm.db.before-schema-x.bak", "rmm.db.bak", "other.db.before-schema-1.bak"];
    for name in names {
        std::fs::write(directory.path().join(name), "").unwrap();
    }
    let mut made = Vec::new();
    for version in 1..=supported_version() {
        made.extend(migrate_with(&mut conn, &path, &up_to(version)).unwrap().copy);
    }
    assert!(made.len() > 3);
    for (age, copy) in made.iter().rev().enumerate() {
        assert_eq!(copy.exists(), age < 3, "{}", copy.display());
    }
    assert!(names.iter().all(|name| directory.path().join(name).exists()));
}

#[test]
fn output_of_runs_can_be_deleted_in_a_database_that_is_in_use() {
    use crate::store::{bounds, logs};

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rmm.db");
    let mut conn = open_writer(&path).unwrap();
    migrate_with(&mut conn, &path, &up_to(13)).unwrap();
    conn.execute_batch(
        "INSERT INTO releases (id, service, status, list, status_since, attempt, revision, initiated_by, owner, \
             notes, artifacts, promoted, bypasses, created_at, started_at) \
         VALUES (7, 'shop', 'deployed', 'successful', 1, 1, 3, 'ann', 'rmm', '', '[]', 0, '[]', 1, 1); \
         INSERT INTO runs (id, release_id, attempt, service, environment, kind, housekeeping, to_version, state, \
             detail, prepared, created_at, ended_at) \
         VALUES (9, 7, 1, 'shop', 'production', 'deploy', 0, '{}', 'succeeded', '{}', 1, 1, 5);",
    )
    .unwrap();
    conn.execute_batch(
        "INSERT INTO log_chunks (run_id, step, size, source_end, bytes) VALUES (9, 0, 3, 3, x'6F6C64'); \
         INSERT INTO log_state (run_id, step, source_end, kept_head, kept_tail, dropped, head_last_id) \
         VALUES (9, 0, 3, 3, 0, 0, 1);",
    )
    .unwrap();
    migrate(&mut conn, &path).unwrap();
    assert_eq!(logs::read_step(&conn, 9, 0).unwrap().head, b"old");
    let later = jiff::Timestamp::from_second(60).unwrap();
    assert!(bounds::delete_old_output(&conn, later, later).unwrap());
    assert_eq!(logs::read_step(&conn, 9, 0).unwrap().head, b"");
}

/// The runner as it was when `version` was the newest schema.
fn up_to(version: i64) -> Runner {
    let all = embedded::migrations::runner();
    let older: Vec<_> = all.get_migrations().iter().filter(|m| i64::from(m.version()) <= version).cloned().collect();
    Runner::new(&older)
}

#[test]
fn hosts_come_to_a_database_that_is_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rmm.db");
    let mut conn = open_writer(&path).unwrap();
    migrate_with(&mut conn, &path, &up_to(2)).unwrap();
    conn.execute_batch(
        "INSERT INTO releases (id, service, status, list, status_since, attempt, revision, initiated_by, owner, \
             notes, artifacts, promoted, bypasses, created_at, started_at) \
         VALUES (7, 'shop', 'deployed', 'deployed', 1, 1, 3, 'ann', 'rmm', '', '[]', 0, '[]', 1, 1); \
         INSERT INTO runs (id, release_id, attempt, service, environment, kind, housekeeping, to_version, state, \
             detail, prepared, created_at) \
         VALUES (9, 7, 1, 'shop', 'production', 'deploy', 0, '{}', 'succeeded', '{}', 1, 1);",
    )
    .unwrap();
    let done = migrate_with(&mut conn, &path, &up_to(3)).unwrap();
    assert!(done.copy.is_some_and(|copy| copy.ends_with("rmm.db.before-schema-3.bak")));
    assert_eq!(applied_version(&conn).unwrap(), Some(3));
    let run: (i64, String) =
        conn.query_row("SELECT release_id, state FROM runs", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(run, (7, "succeeded".to_owned()));
    assert_eq!(conn.query_row("SELECT count(*) FROM hosts", [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[test]
fn steps_and_half_way_environments_learn_their_host() {
    use crate::domain::env::Env;
    use crate::domain::ids::{HostName, RunId, ServiceName};
    use crate::domain::run::{Action, Ask};
    use crate::store::runs;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rmm.db");
    let mut conn = open_writer(&path).unwrap();
    migrate_with(&mut conn, &path, &up_to(3)).unwrap();
    conn.execute_batch(
        r#"INSERT INTO releases (id, service, status, list, status_since, attempt, revision, initiated_by, owner,
             notes, artifacts, promoted, bypasses, created_at, started_at)
         VALUES (7, 'shop', 'deploying', 'active', 1, 1, 3, 'ann', 'rmm', '', '[]', 0, '[]', 1, 1);
         INSERT INTO runs (id, release_id, attempt, service, environment, kind, housekeeping, to_version, state,
             detail, prepared, created_at)
         VALUES (9, 7, 1, 'shop', 'production', 'deploy', 0, '{"release":7,"tag":"v1","commit":null}', 'running',
             '{"state":"running"}', 1, 1);
         INSERT INTO steps (run_id, idx, kind, surface, about, action, state, tries) VALUES
             (9, 0, '"health"', 'api', 7, '{"do":"get","url":"http://h/","schedule":{"wait":{"secs":1,"nanos":0},
               "attempts":5,"interval":{"secs":1,"nanos":0},"timeout":{"secs":1,"nanos":0}}}', '{"state":"pending"}', 0),
             (9, 1, '"health"', 'api', 7, '{"do":"check","command":"ok","directory":"/srv","schedule":{"wait":
               {"secs":1,"nanos":0},"attempts":5,"interval":{"secs":1,"nanos":0},"timeout":{"secs":1,"nanos":0}}}',
               '{"state":"pending"}', 0);
         INSERT INTO environments (service, environment, mixed) VALUES ('shop', 'production',
             '{"newer":{"release":7,"tag":"v1","commit":null},"older":{"release":6,"tag":"v0","commit":null},
               "surfaces":{"api":{"newer_code":true,"newer_schema":false}}}');"#,
    )
    .unwrap();
    migrate_with(&mut conn, &path, &up_to(4)).unwrap();
    migrate(&mut conn, &path).unwrap();
    let run = runs::get(&conn, RunId(9)).unwrap().unwrap();
    assert_eq!((run.waiting, run.left.len()), (None, 0));
    assert!(run.steps.iter().all(|step| step.host == HostName::local()));
    assert_eq!(run.steps.iter().map(|step| step.wave).collect::<Vec<_>>(), [0, 1]);
    assert!(matches!(&run.steps[0].action, Action::Health { ask: Ask::Http { url, .. }, .. } if url == "http://h/"));
    assert!(matches!(&run.steps[1].action, Action::Health { ask: Ask::Command(script), schedule, .. }
        if script.command == "ok" && script.directory.as_deref() == Some("/srv") && schedule.attempts == 5));
    let shop = ServiceName::parse("service", "shop").unwrap();
    let state = runs::environment(&conn, &shop, Env::Production).unwrap();
    assert!(state.left.is_empty());
    let position = &state.mixed.unwrap().surfaces.into_values().next().unwrap();
    assert!(!position.newer_schema && position.hosts[&HostName::local()]);
}

#[test]
fn a_run_under_way_keeps_its_name_on_hosts_and_numbers_go_on() {
    use crate::domain::env::Env;
    use crate::domain::ids::{RunId, ServiceName};
    use crate::domain::run::RunState;
    use crate::store::numbers::Numbers;
    use crate::store::runs;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rmm.db");
    let mut conn = open_writer(&path).unwrap();
    migrate_with(&mut conn, &path, &up_to(6)).unwrap();
    conn.execute_batch(
        r#"INSERT INTO releases (id, service, status, list, status_since, attempt, revision, initiated_by, owner,
             notes, artifacts, promoted, bypasses, created_at, started_at)
         VALUES (7, 'shop', 'deploying', 'active', 1, 1, 3, 'ann', 'rmm', '', '[]', 0, '[]', 1, 1);
         INSERT INTO runs (id, release_id, attempt, service, environment, kind, housekeeping, to_version, state,
             detail, prepared, created_at, started_at)
         VALUES (9, 7, 1, 'shop', 'production', 'deploy', 0, '{"release":7,"tag":"v1","commit":null}', 'running',
             '{"state":"running"}', 1, 1, 1);
         INSERT INTO environments (service, environment, lock) VALUES ('shop', 'production',
             '{"reason":"sale","by":"ann","at":"2025-01-01T00:00:00Z"}');"#,
    )
    .unwrap();
    migrate(&mut conn, &path).unwrap();
    let run = runs::get(&conn, RunId(9)).unwrap().unwrap();
    assert_eq!((run.token("here").as_str(), &run.state), ("here-9", &RunState::Running));
    let release = crate::store::releases::get(&conn, run.release).unwrap().unwrap();
    assert_eq!((run.dispatch, release.held), (None, false));
    assert_eq!((run.started_uptime, run.heard_uptime), (None, None));
    let shop = ServiceName::parse("service", "shop").unwrap();
    let state = runs::environment(&conn, &shop, Env::Production).unwrap();
    assert!(state.lock.is_some() && state.unknown.is_none() && state.vouched_below == RunId(0));
    let numbers = Numbers::of(&conn).unwrap();
    assert_eq!((numbers.release, numbers.run, numbers.revision), (7, 9, 3));
    assert_eq!(crate::store::numbers::another_copy(&conn).unwrap(), None);
}

#[test]
fn the_bot_comes_to_a_database_with_work_in_hand() {
    use crate::domain::notice::Notice;
    use crate::store::{news, outbox};

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rmm.db");
    let mut conn = open_writer(&path).unwrap();
    migrate_with(&mut conn, &path, &up_to(4)).unwrap();
    conn.execute_batch(
        r#"INSERT INTO outbox (kind, payload, service, run_id, created_at, due_at, attempts, lease_owner, leased_at)
         VALUES ('follow_run', '{"effect":"follow_run","run":9}', 'shop', 9, 1, 1, 1, 'dead', 1);"#,
    )
    .unwrap();
    migrate_with(&mut conn, &path, &up_to(5)).unwrap();
    assert_eq!(outbox::release_foreign_leases(&conn, "alive").unwrap(), 1);

    // What chats had still to hear is not lost by the next version.
    conn.execute_batch(
        "INSERT INTO telegram_news (chat, about, notice, since) VALUES (-1, 'release:7', 'waits', 3), (-2, 'run:9', NULL, 4);",
    )
    .unwrap();
    migrate(&mut conn, &path).unwrap();
    let effects = outbox::lease_due(&conn, "", "alive", 2, 10).unwrap();
    let [effect] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!((effect.run_id, effect.trace_id.as_deref()), (Some(9), None));
    assert_eq!(news::noted(&conn).unwrap(), None);
    let due = news::Due { chat: -1, topic: None, seq: 3, about: "release:7".into(), notice: Notice::Waits };
    assert_eq!([-1, -2].map(|chat| news::notices(&conn, chat, 9, |_| true).unwrap()), [vec![due], vec![]]);
    assert_eq!(news::changes(&conn, -2).unwrap().len(), 1);
}

#[test]
fn tokens_learn_who_vouches_for_them() {
    use crate::store::tokens;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rmm.db");
    let mut conn = open_writer(&path).unwrap();
    migrate_with(&mut conn, &path, &up_to(8)).unwrap();
    let made = [
        ("root", None, "ann", None),
        ("build", None, "operator", None),
        ("hidden", None, "root", Some(50)),
        ("hidden", None, "build", None),
        ("deeper", None, "hidden", None),
        ("bob", Some("bob"), "ann", None),
        ("of bob", None, "bob", None),
    ];
    for (at, (name, person, by, revoked)) in (1..).zip(made) {
        conn.execute(
            "INSERT INTO tokens (hash, name, role, person, services, created_at, created_by, revoked_at) \
             VALUES (?1, ?2, 'admin', ?3, '[]', ?4, ?5, ?6)",
            (vec![u8::try_from(at).unwrap(); 32], name, person, at, by, revoked),
        )
        .unwrap();
    }
    migrate(&mut conn, &path).unwrap();
    let mut tokens = tokens::list(&conn).unwrap();
    tokens.reverse();
    let vouchers: Vec<_> = tokens.iter().map(|token| token.vouched_by.as_deref()).collect();
    assert_eq!(vouchers, [Some("ann"), None, Some("ann"), None, None, Some("ann"), Some("bob")]);
}

#[test]
fn runs_that_wait_for_a_rule_come_to_a_database_with_releases() {
    use crate::domain::ids::{Commit, ReleaseId, ServiceName, Tag};
    use crate::store::{protection, releases};

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rmm.db");
    let mut conn = open_writer(&path).unwrap();
    migrate_with(&mut conn, &path, &up_to(20)).unwrap();
    let commit = Commit::parse("commit", "a".repeat(40)).unwrap();
    for (id, tag, status, list) in [(1, Some("v1"), "cancelled", "failed"), (2, None, "deployed", "successful")] {
        conn.execute(
            "INSERT INTO releases (id, service, tag, commit_id, status, list, status_since, attempt, revision, initiated_by, owner, \
             notes, artifacts, promoted, bypasses, created_at, started_at) \
             VALUES (?1, 'shop', ?2, ?3, ?4, ?5, 1, 1, 1, 'ann', 'ann', '', '[]', 0, '[]', 1, 1)",
            (id, tag, commit.as_str(), status, list),
        )
        .unwrap();
    }
    migrate(&mut conn, &path).unwrap();
    let (shop, v1) = (ServiceName::parse("service", "shop").unwrap(), Tag::parse("tag", "v1").unwrap());
    let newest = |tag, commit| releases::meant_by(&conn, &shop, "7", tag, commit).unwrap();
    assert_eq!(newest(Some(&v1), Some(&commit)), Some(ReleaseId(1)));
    assert_eq!(newest(None, Some(&commit)), Some(ReleaseId(2)));
    // A branch is no tag, and a tag that was moved is not the same version.
    let (main, other) = (Tag::parse("tag", "main").unwrap(), Commit::parse("commit", "b".repeat(40)).unwrap());
    assert_eq!((newest(Some(&main), Some(&commit)), newest(Some(&v1), Some(&other))), (Some(ReleaseId(2)), None));
    assert!(protection::of(&conn, &shop).unwrap().is_empty());
}

#[test]
fn what_github_brings_comes_to_a_database_that_is_in_use() {
    use crate::store::{identities, telegram};

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rmm.db");
    let mut conn = open_writer(&path).unwrap();
    migrate_with(&mut conn, &path, &up_to(19)).unwrap();
    let now = jiff::Timestamp::from_second(60).unwrap();
    telegram::receive(&conn, &[(1, "{}".into())], now).unwrap();
    migrate_with(&mut conn, &path, &up_to(20)).unwrap();
    assert_eq!(telegram::open_updates(&conn, 0, 9).unwrap().len(), 1);
    let token = identities::name("https://issuer", "abc");
    assert!(identities::show(&conn, &token, now, now).unwrap());
    assert!(crate::store::deliveries::receive(&conn, "d1", now, now).unwrap());
    assert!(crate::store::tags::watched(&conn).unwrap().is_empty());
    // A start anew finds it.
    drop(conn);
    let conn = open_writer(&path).unwrap();
    assert!(!identities::show(&conn, &token, now, now).unwrap());
}

#[test]
fn what_is_left_on_github_comes_to_a_database_with_releases() {
    use crate::domain::ids::{RunId, ServiceName};
    use crate::domain::mark::MarkKind;
    use crate::store::marks::{self, Due, Mark};
    use crate::store::runs;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rmm.db");
    let mut conn = open_writer(&path).unwrap();
    migrate_with(&mut conn, &path, &up_to(20)).unwrap();
    conn.execute_batch(
        r#"INSERT INTO releases (id, service, status, list, status_since, attempt, revision, initiated_by, owner,
             notes, artifacts, promoted, bypasses, created_at, started_at, commit_id)
         VALUES (7, 'shop', 'deployed', 'successful', 1, 1, 3, 'ann', 'rmm', '', '[]', 0, '[]', 1, 1, 'a'),
                (8, 'shop', 'deploying', 'active', 1, 1, 4, 'ann', 'rmm', '', '[]', 0, '[]', 1, 1, 'b');
         INSERT INTO runs (id, release_id, attempt, service, environment, kind, housekeeping, to_version, state,
             detail, prepared, created_at, started_at)
         VALUES (3, 7, 1, 'shop', 'production', 'deploy', 0, '{"release":7,"tag":"v1","commit":null}', 'succeeded',
             '{"state":"succeeded"}', 1, 1, 1),
                (4, 8, 1, 'shop', 'production', 'deploy', 0, '{"release":8,"tag":"v2","commit":null}', 'succeeded',
             '{"state":"succeeded"}', 1, 1, 1);"#,
    )
    .unwrap();
    migrate(&mut conn, &path).unwrap();
    // What was before is not left afterwards.
    let shop = ServiceName::parse("service", "shop").unwrap();
    assert_eq!(marks::noted(&conn).unwrap(), None);
    assert!(MarkKind::ALL.iter().all(|kind| marks::next_due(&conn, &shop, *kind, None).unwrap().is_none()));
    let (first, second) = (runs::get(&conn, RunId(3)).unwrap().unwrap(), runs::get(&conn, RunId(4)).unwrap().unwrap());
    assert!(marks::is_replaced(&conn, &first).unwrap() && !marks::is_replaced(&conn, &second).unwrap());
    let mark =
        Mark { repository: "acme/shop".into(), given_up: false, number: Some(1), shown: String::new(), stands: true };
    marks::put(&conn, MarkKind::Deployment, 3, &mark).unwrap();
    assert_eq!(marks::standing_before(&conn, &second).unwrap(), [RunId(3)]);
    assert_eq!(marks::standing_before(&conn, &first).unwrap(), []);
    marks::put(&conn, MarkKind::Status, 8, &mark).unwrap();
    marks::put(&conn, MarkKind::Status, 7, &mark).unwrap();
    assert_eq!(marks::active(&conn, MarkKind::Status).unwrap(), [(crate::domain::ids::ReleaseId(8), shop.clone())]);
    let at = jiff::Timestamp::UNIX_EPOCH;
    marks::note_due(&conn, &Due { kind: MarkKind::Status, about: 8, service: shop, since: 1, at }).unwrap();
}

#[test]
fn releases_learn_what_the_repository_says_of_their_commits() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rmm.db");
    let mut conn = open_writer(&path).unwrap();
    migrate_with(&mut conn, &path, &up_to(20)).unwrap();
    conn.execute_batch(
        "INSERT INTO releases (id, service, tag, commit_id, status, list, status_since, attempt, revision, initiated_by, owner, \
         notes, artifacts, promoted, bypasses, created_at, started_at) VALUES \
         (7, 'shop', 'v1', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'manual_testing', 'active', 1, 1, 1, 'ann', 'ann', \
         '', '[]', 0, '[]', 1, 1);",
    )
    .unwrap();
    migrate(&mut conn, &path).unwrap();
    let release = crate::store::releases::get(&conn, crate::domain::ids::ReleaseId(7)).unwrap().unwrap();
    // Of what was there before, nothing is asked: its tag counts as it did.
    assert!(release.commit_check.is_none() && release.is_confirmed() && release.denied().is_none());
}

#[test]
fn a_record_that_is_there_can_be_looked_through_whatever_stands_in_it() {
    use crate::store::record::{self, Filter, Most};
    use crate::store::{definitions, hosts};

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rmm.db");
    let mut conn = open_writer(&path).unwrap();
    migrate_with(&mut conn, &path, &up_to(24)).unwrap();
    conn.execute_batch(
        r#"INSERT INTO events (seq, at, actor, kind, data, mac) VALUES
             (1, 1, '{"is":"person","name":"ann","role":"admin","door":"api"}', 'token_revoked', '{}', x'00'),
             (2, 2, 'not JSON', 'token_revoked', 'nor this', x'00'),
             (3, 3, '{"is":"operator"}', 'backup_made', '{}', x'00');"#,
    )
    .unwrap();
    migrate(&mut conn, &path).unwrap();
    let most = Most { events: 9, bytes: usize::MAX };
    let seqs = |filter: Filter| {
        let found = record::look(&conn, &filter, i64::MAX, most).unwrap();
        found.events.iter().map(|event| event.seq).collect::<Vec<_>>()
    };
    let by = |name: &str| Filter { actor: Some(name.to_owned()), ..Filter::default() };
    assert_eq!((seqs(by("ann")), seqs(by("operator")), seqs(Filter::default())), (vec![1], vec![3], vec![3, 2, 1]));
    assert_eq!(seqs(Filter { text: Some("NOR".into()), ..Filter::default() }), [2]);
    assert!(hosts::checks(&conn).unwrap().is_empty());
    let shop = crate::domain::ids::ServiceName::parse("service", "shop").unwrap();
    assert!(definitions::revisions(&conn, &shop, 9).unwrap().is_empty());
}

#[test]
fn output_that_is_there_is_found_by_its_lines_and_goes_on() {
    use crate::store::logs::{self, lines};

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rmm.db");
    let mut conn = open_writer(&path).unwrap();
    migrate_with(&mut conn, &path, &up_to(24)).unwrap();
    conn.execute_batch(
        "INSERT INTO log_chunks (run_id, step, size, source_end, bytes) VALUES (9, 0, 4, 4, x'610A620A'), (9, 0, 3, 7, x'630A64'); \
         INSERT INTO log_state (run_id, step, source_end, kept_head, kept_tail, dropped, head_last_id) \
         VALUES (9, 0, 7, 7, 0, 0, 2);",
    )
    .unwrap();
    migrate(&mut conn, &path).unwrap();
    let before = lines::extent(&conn, 9, 0).unwrap();
    assert_eq!((before.last, before.is_open), (4, true));
    assert_eq!(lines::of_run(&conn, 9).unwrap(), [(0, None)]);
    logs::append(&conn, 9, 0, 10, b"!\ne", jiff::Timestamp::from_second(1).unwrap()).unwrap();
    assert_eq!(lines::of_run(&conn, 9).unwrap(), [(0, Some(4))]);
    let pieces = lines::from(&conn, 9, 0, 5, 1).unwrap();
    assert_eq!((pieces[0].line, pieces[0].bytes.as_slice()), (3, b"!\ne".as_slice()));
    assert!(pieces[0].received_at.is_some());
    let pieces = lines::from(&conn, 9, 0, 2, 1 << 20).unwrap();
    assert_eq!((pieces[0].line, pieces[0].received_at, pieces.len()), (0, None, 3));
}

#[test]
fn effects_that_wait_know_their_trace_and_no_span() {
    use crate::store::outbox;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rmm.db");
    let mut conn = open_writer(&path).unwrap();
    migrate_with(&mut conn, &path, &up_to(30)).unwrap();
    conn.execute_batch(
        r#"INSERT INTO outbox (kind, payload, service, run_id, created_at, due_at, trace_id)
         VALUES ('follow_run', '{"effect":"follow_run","run":9}', 'shop', 9, 1, 1, '0af7651916cd43dd8448eb211c80319c');"#,
    )
    .unwrap();
    migrate(&mut conn, &path).unwrap();
    let effect = outbox::lease_due(&conn, "", "alive", 2, 10).unwrap().pop().unwrap();
    assert_eq!(effect.trace_id.as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
    assert_eq!(effect.traceparent, None);
}

#[test]
fn revisions_that_are_there_are_those_of_the_file() {
    use crate::store::{dashboard, definitions};

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rmm.db");
    let mut conn = open_writer(&path).unwrap();
    migrate_with(&mut conn, &path, &up_to(29)).unwrap();
    conn.execute_batch("INSERT INTO definition_revisions (service, number, at, text) VALUES ('shop', 1, 1, 'a')")
        .unwrap();
    assert!(dashboard::all_if_any(&conn).unwrap().is_empty(), "of an earlier RMM");
    migrate(&mut conn, &path).unwrap();
    let shop = crate::domain::ids::ServiceName::parse("service", "shop").unwrap();
    let revisions = definitions::revisions(&conn, &shop, 9).unwrap();
    assert_eq!((revisions.len(), &revisions[0].by, &revisions[0].written), (1, &None, &None));
    assert!(dashboard::all_if_any(&conn).unwrap().is_empty());
}

#[test]
fn hosts_go_on_knowing_renamed_services_by_their_first_names() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rmm.db");
    let mut conn = open_writer(&path).unwrap();
    migrate_with(&mut conn, &path, &up_to(34)).unwrap();
    let renamed = [("shop", "store"), ("blog", "log"), ("store", "market"), ("wiki", "docs"), ("docs", "wiki")];
    for (seq, (from, to)) in (1..).zip(renamed) {
        let data = format!(r#"{{"from":"{from}","to":"{to}"}}"#);
        let event = "INSERT INTO events (seq, at, service, actor, kind, data, mac) VALUES (?1, 0, ?2, '{}', 'service_renamed', ?3, x'00')";
        conn.execute(event, (seq, to, data)).unwrap();
    }
    migrate(&mut conn, &path).unwrap();
    let mut names = conn.prepare("SELECT service || ': ' || name FROM names_on_hosts ORDER BY service").unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(names, ["log: blog", "market: shop", "wiki: wiki"]);
}
