-- The state of releases, votes, runs and environments. Times are unix milliseconds.

CREATE TABLE releases (
    id              INTEGER PRIMARY KEY,
    service         TEXT    NOT NULL,
    tag             TEXT,
    commit_id       TEXT,
    status          TEXT    NOT NULL,
    list            TEXT    NOT NULL,
    status_since    INTEGER NOT NULL,
    reason          TEXT,
    attempt         INTEGER NOT NULL,
    revision        INTEGER NOT NULL,
    initiated_by    TEXT    NOT NULL,
    owner           TEXT    NOT NULL,
    ci_run_id       TEXT,
    ci_run          TEXT,
    tagged_at       INTEGER,
    notes           TEXT    NOT NULL,
    artifacts       TEXT    NOT NULL,
    rollback_to_tag TEXT,
    rehearsal       TEXT,
    promoted        INTEGER NOT NULL,
    bypasses        TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    started_at      INTEGER NOT NULL,
    completed_at    INTEGER
) STRICT;
-- One index a list that people page through, newest first.
CREATE INDEX releases_by_list ON releases (list, id);
CREATE INDEX releases_by_service_list ON releases (service, list, id);
-- What the engine looks for: those at one point of the life cycle, good versions by their date, the same tag or CI run.
CREATE INDEX releases_on_the_way ON releases (service, status, id) WHERE list = 'active';
CREATE INDEX releases_good ON releases (service, completed_at) WHERE status = 'deployed';
CREATE INDEX releases_by_tag ON releases (service, tag) WHERE list = 'active';
CREATE INDEX releases_by_ci_run ON releases (service, ci_run_id) WHERE ci_run_id IS NOT NULL;

CREATE TABLE votes (
    release_id INTEGER NOT NULL REFERENCES releases (id),
    attempt    INTEGER NOT NULL,
    person     TEXT    NOT NULL,
    commit_id  TEXT,
    verdict    TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    door       TEXT    NOT NULL,
    PRIMARY KEY (release_id, attempt, person)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    id           INTEGER PRIMARY KEY,
    release_id   INTEGER NOT NULL REFERENCES releases (id),
    attempt      INTEGER NOT NULL,
    service      TEXT    NOT NULL,
    environment  TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    housekeeping INTEGER NOT NULL,
    from_version TEXT,
    to_version   TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    detail       TEXT    NOT NULL,
    stop         TEXT,
    prepared     INTEGER NOT NULL,
    ci_run       TEXT,
    created_at   INTEGER NOT NULL,
    started_at   INTEGER,
    ended_at     INTEGER,
    heard_at     INTEGER
) STRICT;
CREATE INDEX runs_by_release ON runs (release_id, id);
-- At most one run works on an environment; the database itself insists on it.
CREATE UNIQUE INDEX runs_occupying ON runs (service, environment) WHERE state IN ('queued', 'running', 'unknown');

CREATE TABLE steps (
    run_id     INTEGER NOT NULL REFERENCES runs (id),
    idx        INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    surface    TEXT    NOT NULL,
    about      INTEGER NOT NULL,
    action     TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    tries      INTEGER NOT NULL,
    started_at INTEGER,
    ended_at   INTEGER,
    PRIMARY KEY (run_id, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE environments (
    service     TEXT NOT NULL,
    environment TEXT NOT NULL,
    current     TEXT,
    since       INTEGER,
    mixed       TEXT,
    dirty       TEXT,
    lock        TEXT,
    PRIMARY KEY (service, environment)
) STRICT, WITHOUT ROWID;
