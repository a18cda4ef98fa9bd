//! Asks SQLite how it carries out every statement that any test of the library runs on a database of RMM: nothing may scan or
//! sort what grows. Statements are taken from the connections themselves, so that none has to be listed here.
//!
//! Must not: be part of the program.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{LazyLock, Mutex, PoisonError};

use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};

use super::migrate;

/// Statements that may scan or sort, by a part of their text, and why.
const REVIEWED: &[(&str, &str)] = &[
    ("FROM events ORDER BY seq DESC LIMIT", "the last one or two rows"),
    ("trace_id, mac FROM events ORDER BY seq", "the whole record is checked, on request"),
    ("FROM ended_runs ORDER BY ended_at DESC, run_id DESC LIMIT 1", "the last row"),
    ("FROM votes WHERE release_id = ?1 AND attempt = ?2 ORDER BY at", "sorts as many votes as a release has approvers"),
    ("FROM releases WHERE list = 'active' GROUP BY service, status", "active releases are few: for each scrape"),
    ("SELECT state FROM runs WHERE state IN ('queued', 'running', 'unknown')", "one in each environment at most"),
    ("SELECT count(*), min(since) FROM telegram_news", "what is still to be told is little"),
    ("SELECT count(*), min(seq) FILTER", "what is still to be told is little"),
    ("SELECT service, count(*) FROM releases GROUP BY service", "at the start, from an index"),
    ("SELECT EXISTS (SELECT 1 FROM events)", "ends at the first row"),
    ("SELECT count(*) FROM events", "on a restore, which copies all of it"),
    ("FROM tokens ORDER BY id DESC", "people make tokens by hand, and see all of them"),
    ("SELECT chat FROM telegram_news UNION", "at the start: what an earlier process has not told"),
    (
        "SELECT due_at FROM outbox WHERE lease_owner IS NULL AND kind <> ?1",
        "ends at the first run, which is among the first due",
    ),
    ("FROM outbox WHERE lease_owner IS NULL AND kind = ?1 AND release_id", "what is still to be done is little"),
    ("SELECT count(*) FROM outbox", "what is still to be done is little"),
    ("UPDATE outbox SET due_at = ?1 + iif", "at the start, and after the clock was set"),
    ("DELETE FROM outbox WHERE kind = 'follow_run' AND run_id", "once after a restore"),
    ("SELECT id FROM runs WHERE state IN ('queued', 'running') ORDER BY id", "once after a restore"),
    ("UPDATE releases SET revision = revision +", "once after a restore"),
    ("SELECT service FROM environments UNION SELECT service FROM releases", "once after a restore"),
    ("SELECT EXISTS (SELECT 1 FROM releases)", "ends at the first row"),
    ("SELECT EXISTS (SELECT 1 FROM sessions)", "ends at the first row"),
    ("UPDATE outbox SET service = ", "when a service was renamed"),
    ("UPDATE ended_runs SET service = ", "when a service was renamed"),
    ("UPDATE tokens SET services = ", "when a service was renamed"),
    ("SELECT data FROM events WHERE kind = 'record_alarm_raised'", "a test looks"),
    ("SELECT count(*) FROM runs WHERE state IN ('queued', 'running')", "a test looks"),
    ("SELECT count(*) FROM identity_tokens", "a test looks"),
    ("SELECT hash FROM tokens", "a test looks"),
    ("SELECT services FROM tokens", "a test looks"),
    ("FROM telegram_alerts WHERE revision > shown", "500 at most"),
    ("DELETE FROM telegram_alerts WHERE last < (SELECT", "500 at most"),
    ("SELECT release_id, state FROM runs", "a test looks"),
    ("SELECT revision FROM releases", "a test looks"),
    ("UPDATE runs SET state = 'succeeded', detail =", "a test prepares"),
    ("UPDATE releases SET revision = 6", "a test prepares"),
];

/// What does not grow: a row for each thing in `rmm.toml`, a number of rows that the code limits, or no table at all.
const SMALL: &[&str] = &[
    "numbers",
    "backups",
    "hosts",
    "host_checks",
    "environments",
    "configurations",
    "defined_services",
    "dashboard_services",
    "names_on_hosts",
    "watched_repositories",
    "starts",
    "telegram_refusals",
    "telegram_alerts",
    "place",
    "each",
    "json_each",
    "sqlite_schema",
    "sqlite_master",
    "sqlite_sequence",
    "refinery_schema_history",
    "(subquery-1)",
];

/// SQLite says of every lone `max` and `min` that it searches. These are the ends of a table.
const ENDS: &[&str] = &["max(id)", "max(seq)", "min(id)", "min(c.id)"];

struct Seen {
    conn: Connection,
    statements: BTreeSet<String>,
}

static SEEN: LazyLock<Mutex<Seen>> = LazyLock::new(|| {
    let conn = migrate::test_database_unwatched();
    Mutex::new(Seen { conn, statements: BTreeSet::new() })
});

/// The connection, with every statement looked at before it runs.
pub(super) fn watched(mut conn: Connection) -> Connection {
    conn.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(look)).unwrap();
    conn
}

/// A flaw ends the process: what SQLite calls cannot fail a test, and no test may overlook it.
fn look(event: TraceEvent<'_>) {
    let TraceEvent::Stmt(statement, _) = event else { return };
    let sql = statement.sql().into_owned();
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    if !seen.statements.insert(sql.clone()) {
        return;
    }
    let flaws = flaws(&seen.conn, &sql);
    let reviewed = REVIEWED.iter().any(|(part, _)| sql.contains(part)) || migrate::is_migration(sql.trim());
    if !flaws.is_empty() && !reviewed {
        let told = writeln!(
            std::io::stderr(),
            "\nthis statement scans or sorts what grows: {sql}\n{}\nGive it an index, or review it in src/store/plans.rs.",
            flaws.join("\n")
        );
        drop(told);
        std::process::abort();
    }
}

/// What SQLite would scan or sort. What it cannot explain is about other tables than RMM's.
fn flaws(conn: &Connection, sql: &str) -> Vec<String> {
    let Ok(mut plan) = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")) else { return Vec::new() };
    let lines = plan.raw_query().mapped(|row| row.get::<_, String>("detail")).collect::<Result<Vec<_>, _>>();
    lines.unwrap_or_default().into_iter().filter(|line| is_flaw(line, sql)).collect()
}

fn is_flaw(line: &str, sql: &str) -> bool {
    let mut words = line.split(' ');
    let (verb, table) = (words.next(), words.next().unwrap_or_default());
    match verb {
        Some("SCAN") => !SMALL.contains(&table) && !line.contains("CONSTANT ROW") && !line.contains("-ROW VALUES"),
        Some("SEARCH") => {
            words.next().is_none() && !SMALL.contains(&table) && !ENDS.iter().any(|end| sql.contains(end))
        }
        _ => line.contains("TEMP B-TREE"),
    }
}

#[test]
fn scans_and_sorts_are_seen() {
    let conn = migrate::test_database_unwatched();
    for bad in [
        "SELECT id FROM releases WHERE owner = ?1",
        "SELECT id FROM releases WHERE list = 'active' ORDER BY owner",
        "SELECT max(created_at) FROM releases",
        "DELETE FROM telegram_updates WHERE body = ''",
    ] {
        assert_ne!(flaws(&conn, bad), Vec::<String>::new(), "{bad}");
    }
    for good in ["SELECT id FROM releases WHERE service = ?1 ORDER BY id DESC", "SELECT max(id) FROM releases"] {
        assert_eq!(flaws(&conn, good), Vec::<String>::new(), "{good}");
    }
}
