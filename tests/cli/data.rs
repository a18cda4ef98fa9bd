//! The record, copies of the database, and a whole installation that moves.

use super::*;

#[test]
fn the_record_is_checked_with_and_without_a_server() {
    let mut place = Sandbox::new();
    place.token(&["ci", "--role", "ci"]);
    let before = place.data();
    let verified = place.run(&["audit", "verify"]).ends(0).says("intact");
    assert_eq!(place.data(), before, "the check leaves no trace");
    let anchor = verified.out.lines().last().unwrap().trim().to_owned();
    place.serve();
    place.run(&["audit", "verify", "--anchor", &anchor]).ends(0);
    assert_eq!(place.run(&["audit", "verify", "--json"]).json()["intact"], true);
    place.stop();
    let other = format!("1:{}", "0".repeat(64));
    place.run(&["audit", "verify", "--anchor", &other]).ends(1).says("BROKEN");
    let forge = "UPDATE events SET data = '{\"name\":\"ci\",\"role\":\"admin\"}' WHERE kind = 'token_created'";
    let conn = rusqlite::Connection::open(place.path("data/rmm.db")).unwrap();
    // The table defends itself against plain edits; a forger takes the defence away first.
    let defences: Vec<String> = conn
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for name in defences {
        conn.execute_batch(&format!("DROP TRIGGER \"{name}\"")).unwrap();
    }
    assert_eq!(conn.execute(forge, []).unwrap(), 1);
    drop(conn);
    place.run(&["audit", "verify"]).ends(1).says("row 1");
    let json = place.run(&["audit", "verify", "--json"]).ends(1);
    assert_eq!(serde_json::from_str::<Value>(&json.out).unwrap()["broken_at"], 1);
    let russian = ["--lang", "ru", "audit", "verify"];
    let flaw = "ЖУРНАЛ АУДИТА НАРУШЕН, строка 1: Событие 1 не такое, каким было записано";
    place.run(&russian).ends(1).says(flaw).says_not("Event");
    place
        .run(&["--lang", "ru", "audit", "rotate-key"])
        .ends(3)
        .says("отказано: Событие 1 не такое")
        .says("Новый ключ этого не исправит");
    place.serve();
    place.run(&["audit", "verify"]).ends(1).says("row 1");
    place.run(&russian).ends(1).says(flaw).says_not("Event");
}

#[test]
fn copies_are_made_and_put_back() {
    let mut place = Sandbox::new();
    place.token(&["first", "--role", "viewer"]);
    place.serve();
    place.run(&["backup", "copy.db"]).ends(0).says("copy.db").says("audit.key");
    place.run(&["backup", "copy.db"]).ends(3);
    place.run(&["backup", "copy.db", "--overwrite", "--with-key"]).ends(0);
    assert!(place.path("copy.db.key").exists());
    place.token(&["second", "--role", "viewer"]);
    place.run(&["token", "revoke", "first"]).ends(0);
    place.run(&["restore", "copy.db", "--force"]).ends(3).says("Stop RMM first");
    place.stop();
    place.run(&["restore", "copy.db"]).ends(3).says("--force");
    place.run(&["restore", "missing.db", "--force"]).ends(1);
    place.run(&["restore", "copy.db", "--force"]).ends(0).says("restored").says("before-restore").says(
        "These tokens were revoked after the backup was made and are valid again:\n  first (viewer), never used\n",
    );
    let restored = place.run(&["restore", "copy.db", "--force"]).ends(0);
    assert!(!restored.err.contains("valid again"), "{}", restored.err);
    let list = place.run(&["token", "list"]).ends(0).says("first");
    assert!(!list.out.contains("second"));
    place.run(&["audit", "verify"]).ends(0);

    let fresh = Sandbox::new();
    let copy = place.path("copy.db");
    let without_key = fresh.path("copy.db");
    fs::copy(&copy, &without_key).unwrap();
    fresh.run(&["restore", "copy.db"]).ends(3).says("audit.key");
    assert!(!fresh.path("data/rmm.db").exists());
    fs::write(fresh.path("copy.db.key"), format!("{}\n", "0".repeat(64))).unwrap();
    fresh.run(&["restore", "copy.db"]).ends(3).says("does not fit the key");
    fresh.run(&["restore", copy.to_str().unwrap()]).ends(0);
    assert_eq!(mode(&fresh.path("data/audit.key")), 0o600);
    fresh.run(&["token", "list"]).ends(0).says("first");
}

#[test]
fn data_is_copied_and_put_back_without_the_secrets_of_the_service() {
    let mut place = Sandbox::new();
    place.token(&["first", "--role", "viewer"]);
    place.serve();
    place.stop();
    fs::write(place.path("rmm.toml"), format!("{CONFIG}\n[github]\ntoken = \"env:TOKEN_OF_THE_UNIT\"\n")).unwrap();
    place.run(&["token", "list"]).ends(2).says("TOKEN_OF_THE_UNIT");
    place.run(&["backup", "copy.db"]).ends(0).says("copy.db").says_not("TOKEN_OF_THE_UNIT");
    place.run(&["audit", "list"]).ends(2);
    place.run(&["audit", "verify"]).ends(0);
    place.run(&["audit", "rotate-key"]).ends(0);
    place.run(&["export", "all.tar"]).ends(0);
    place.run(&["import", "all.tar", "--force"]).ends(0);
    place.run(&["backup", "later.db"]).ends(0);
    place.run(&["restore", "later.db", "--force"]).ends(0);
    fs::write(place.path("rmm.toml"), CONFIG).unwrap();
    place.run(&["audit", "list"]).ends(0).says("copy.db");
    place.run(&["token", "list"]).ends(0).says("first");
}

#[test]
fn a_file_in_another_form_is_named_with_the_way_to_open_it() {
    let mut place = Sandbox::new();
    place.token(&["first", "--role", "viewer"]);
    place.serve();
    place.run(&["backup", "copy.db"]).ends(0);
    place.stop();
    let gzip = std::process::Command::new("gzip").arg(place.path("copy.db")).status().unwrap();
    assert!(gzip.success());
    place
        .run(&["restore", "copy.db.gz", "--force"])
        .ends(3)
        .says("compressed with gzip")
        .says("gzip -dc copy.db.gz > rmm.db");
    fs::write(place.path("sealed"), "age-encryption.org/v1\n-> X25519 …").unwrap();
    place.run(&["restore", "sealed", "--force"]).ends(3).says("encrypted with age").says("age --decrypt");
    fs::write(place.path("noise"), "no database").unwrap();
    place.run(&["restore", "noise", "--force"]).ends(1).says("not a database");
    place.run(&["audit", "verify"]).ends(0);
}

#[test]
fn a_whole_installation_moves_in_one_file() {
    let mut place = Sandbox::new();
    place.token(&["first", "--role", "viewer"]);
    place.serve();
    place.run(&["export", "all.tar"]).ends(3).says("Stop RMM first");
    place.stop();
    place.run(&["export", "all.tar"]).ends(0).says("do not start it here again");
    place.run(&["export", "all.tar"]).ends(1).says("exists already");
    assert_eq!(mode(&place.path("all.tar")), 0o600);
    place.run(&["restore", "all.tar", "--force"]).ends(3).says("rmm import");
    place.run(&["import", "all.tar"]).ends(3).says("--force");
    let archive = place.path("all.tar");
    let archive = archive.to_str().unwrap();

    let mut fresh = Sandbox::empty();
    let whole = fs::read(archive).unwrap();
    fs::write(fresh.path("cut.tar"), &whole[..whole.len() / 2]).unwrap();
    fresh.run(&["import", "cut.tar"]).ends(3).says("the export");
    assert!(!fresh.path("data").exists() && !fresh.path("rmm.toml").exists());
    fresh.run(&["import", archive]).ends(0).says("rmm check");
    for (file, at_most) in [("rmm.toml", 0o644), ("data/rmm.db", 0o600), ("data/audit.key", 0o600)] {
        assert_eq!(mode(&fresh.path(file)) & !at_most, 0, "{file}");
    }
    let same = |file: &str| fs::read(fresh.path(file)).unwrap() == fs::read(place.path(file)).unwrap();
    assert!(["rmm.toml", "data/audit.key", "data/instance", "data/rmm.db.numbers"].into_iter().all(same));
    fresh.run(&["token", "list"]).ends(0).says("first");
    fresh.run(&["audit", "verify"]).ends(0);
    fresh.serve();
    let told = fresh.run(&["service", "list"]).ends(0);
    assert!(!told.out.contains("unknown"), "it goes on where it ended: {}", told.out);
    fresh.stop();
    let left = fs::read_dir(fresh.path("data")).unwrap().filter_map(Result::ok);
    assert!(left.into_iter().all(|file| !file.file_name().to_string_lossy().contains("moving")));
}

/// Runs a command that is killed at its nth call of a kind: whether it came that far. None where processes cannot be traced.
fn killed_at(place: &Sandbox, call: &str, nth: usize, arguments: &[&str]) -> Option<bool> {
    let rmm = place.command(arguments);
    let inject = format!("inject={call}:signal=KILL:when={nth}");
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject]);
    traced.arg(rmm.get_program()).args(rmm.get_args()).current_dir(place.folder.path()).stdin(Stdio::null());
    traced.env_clear().envs(rmm.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let Ok(output) = traced.stdout(Stdio::null()).stderr(Stdio::piped()).output() else {
        eprintln!("skipped: there is no strace here");
        return None;
    };
    if output.status.success() {
        return Some(false);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code().is_some() {
        assert!(said.contains("trace"), "{said}");
        eprintln!("skipped: processes cannot be traced here");
        return None;
    }
    Some(true)
}

/// Kills a command wherever it changes which files there are, each time in a copy of the same place.
fn killed_everywhere(was: &Sandbox, arguments: &[&str], so: impl Fn(&Sandbox, &str)) {
    for call in ["rename", "unlink", "linkat", "fsync"] {
        for nth in 1.. {
            let place = Sandbox::new();
            let mut copying = Command::new("cp");
            copying.args(["-a", "data", "copy.db", "all.tar"]).arg(place.folder.path());
            assert!(copying.current_dir(was.folder.path()).status().unwrap().success());
            match killed_at(&place, call, nth, arguments) {
                None => return,
                Some(false) => break,
                Some(true) => so(&place, &format!("{call} {nth}")),
            }
        }
    }
}

/// A place whose database knows the tokens `first`, `second` and more, with a copy and an export that know the first alone. It was killed, so
/// that not all of it is in the database itself.
fn with_something_to_lose() -> Sandbox {
    let mut place = Sandbox::new();
    place.token(&["first", "--role", "viewer"]);
    place.run(&["backup", "copy.db"]).ends(0);
    place.run(&["export", "all.tar"]).ends(0);
    place.serve();
    place.token(&["second", "--role", "viewer"]);
    for number in 0..12 {
        place.token(&[&format!("more-{number}"), "--role", "viewer"]);
    }
    let mut server = place.server.take().unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(place.path("data/rmm.db-wal").exists());
    place
}

/// Whether one of the databases that were kept knows the token `second`.
fn keeps_the_second(place: &Sandbox) -> bool {
    place.data().into_iter().any(|(path, _)| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.contains("before-restore")
            && !name.ends_with("-wal")
            && !name.ends_with("-shm")
            && rusqlite::Connection::open(&path)
                .unwrap()
                .query_row("SELECT EXISTS (SELECT 1 FROM tokens WHERE name = 'second')", [], |row| row.get(0))
                .unwrap()
    })
}

fn nothing_is_left_half_done(place: &Sandbox) {
    let names: Vec<_> = place.data().into_iter().map(|(path, _)| path.display().to_string()).collect();
    assert!(!names.iter().any(|name| name.contains("partial") || name.contains("moving")), "{names:?}");
}

#[test]
fn a_restore_that_is_killed_leaves_one_database_or_the_other() {
    let was = with_something_to_lose();
    killed_everywhere(&was, &["restore", "copy.db", "--force"], |place, at| {
        let list = place.run(&["token", "list"]).ends(0).says("first");
        assert!(list.out.contains("second") || keeps_the_second(place), "{at}: {list:?}");
        place.run(&["restore", "copy.db", "--force"]).ends(0);
        place.run(&["token", "list"]).ends(0).says("first").says_not("second");
        assert!(keeps_the_second(place), "{at}: {:?}", place.data());
        nothing_is_left_half_done(place);
    });
}

#[test]
fn an_import_that_is_killed_leaves_one_installation_or_says_what_to_do() {
    let was = with_something_to_lose();
    killed_everywhere(&was, &["import", "all.tar", "--force"], |place, at| {
        let list = place.run(&["token", "list"]);
        let is_whole = list.status == 0 && list.out.contains("first");
        assert!(is_whole || list.err.contains("an import was broken off"), "{at}: {list:?}");
        assert!(list.out.contains("second") || keeps_the_second(place), "{at}: {list:?}");
        place.run(&["import", "all.tar", "--force"]).ends(0);
        place.run(&["token", "list"]).ends(0).says("first").says_not("second");
        assert!(keeps_the_second(place), "{at}: {:?}", place.data());
        nothing_is_left_half_done(place);
    });
}

#[test]
fn a_database_that_was_moved_away_is_not_taken_for_none() {
    let place = Sandbox::new();
    place.token(&["first", "--role", "viewer"]);
    fs::rename(place.path("data/rmm.db"), place.path("data/rmm.db.before-restore")).unwrap();
    place.run(&["serve"]).ends(1).says("was broken off").says("rmm.db.before-restore");
    fs::rename(place.path("data/rmm.db.before-restore"), place.path("data/rmm.db")).unwrap();
    place.run(&["token", "list"]).ends(0).says("first");
}

#[test]
fn a_copy_of_a_backup_that_was_killed_is_cleared_away() {
    let place = Sandbox::new();
    place.token(&["first", "--role", "viewer"]);
    fs::write(place.path("copy.db.0123456789abcdef.partial"), "the beginning of a copy").unwrap();
    fs::write(place.path("copy.db.mine.partial"), "no copy of RMM's").unwrap();
    place.run(&["backup", "copy.db"]).ends(0);
    assert!(!place.path("copy.db.0123456789abcdef.partial").exists());
    assert!(place.path("copy.db.mine.partial").exists());
}
