-- The generic part of the database: the audit chain, the outbox, tokens and run logs.

-- Append-only history. `mac` chains every row to the one before it (see src/store/chain.rs).
CREATE TABLE events (
    seq        INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    service    TEXT,
    release_id INTEGER,
    run_id     INTEGER,
    actor      TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    data       TEXT    NOT NULL,
    trace_id   TEXT,
    mac        BLOB    NOT NULL
) STRICT;
CREATE INDEX events_by_release ON events (release_id) WHERE release_id IS NOT NULL;

-- The sealed end of the chain, so that rows cut off at the end are noticed.
CREATE TABLE chain_head (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    seq  INTEGER NOT NULL,
    mac  BLOB    NOT NULL,
    seal BLOB    NOT NULL
) STRICT;

-- What is still to be done outside. AUTOINCREMENT: an id is never used twice, others may derive idempotency keys from it.
CREATE TABLE outbox (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    kind        TEXT    NOT NULL,
    payload     TEXT    NOT NULL,
    service     TEXT,
    release_id  INTEGER,
    run_id      INTEGER,
    created_at  INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,
    lease_owner TEXT,
    leased_at   INTEGER,
    last_error  TEXT
) STRICT;
CREATE INDEX outbox_due ON outbox (due_at) WHERE lease_owner IS NULL;
CREATE INDEX outbox_leased ON outbox (lease_owner) WHERE lease_owner IS NOT NULL;

CREATE TABLE tokens (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    hash         BLOB    NOT NULL UNIQUE,
    name         TEXT    NOT NULL,
    role         TEXT    NOT NULL,
    person       TEXT,
    services     TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    created_by   TEXT    NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER
) STRICT;
CREATE UNIQUE INDEX tokens_live_name ON tokens (name) WHERE revoked_at IS NULL;

-- Output of steps, redacted, in pieces. `size` stands before `bytes` so that it is read without touching the blob.
-- AUTOINCREMENT: a follower remembers the last id it has seen, which must never come back.
CREATE TABLE log_chunks (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id     INTEGER NOT NULL,
    step       INTEGER NOT NULL,
    size       INTEGER NOT NULL,
    source_end INTEGER NOT NULL,
    bytes      BLOB    NOT NULL
) STRICT;
CREATE INDEX log_chunks_by_run ON log_chunks (run_id, id);
CREATE INDEX log_chunks_by_step ON log_chunks (run_id, step, id);

CREATE TABLE log_state (
    run_id       INTEGER NOT NULL,
    step         INTEGER NOT NULL,
    source_end   INTEGER NOT NULL,
    kept_head    INTEGER NOT NULL,
    kept_tail    INTEGER NOT NULL,
    dropped      INTEGER NOT NULL,
    head_last_id INTEGER NOT NULL,
    PRIMARY KEY (run_id, step)
) STRICT, WITHOUT ROWID;
