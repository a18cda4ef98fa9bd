-- An effect carries the trace of what caused it.
ALTER TABLE outbox ADD COLUMN trace_id TEXT;

-- Updates as Telegram delivered them: stored before they are acknowledged, each handled once. `id` is their order.
CREATE TABLE telegram_updates (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    update_id   INTEGER NOT NULL UNIQUE,
    body        TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    handled_at  INTEGER
) STRICT;
CREATE INDEX telegram_updates_open ON telegram_updates (id) WHERE handled_at IS NULL;
CREATE INDEX telegram_updates_by_age ON telegram_updates (received_at);

-- Who has written to the bot. `person` is set for those whom the configuration lists by username only, and counts
-- from the moment that an admin has confirmed it.
CREATE TABLE telegram_users (
    id           INTEGER PRIMARY KEY,
    username     TEXT,
    first_name   TEXT    NOT NULL,
    language     TEXT,
    private_chat INTEGER NOT NULL,
    person       TEXT,
    confirmed_by TEXT,
    refused      INTEGER NOT NULL DEFAULT 0,
    seen_at      INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX telegram_users_confirmed ON telegram_users (person) WHERE confirmed_by IS NOT NULL;

-- Messages of the bot that are kept current. `screen` is what a message shows, `about` what makes it change.
CREATE TABLE telegram_messages (
    chat     INTEGER NOT NULL,
    message  INTEGER NOT NULL,
    topic    INTEGER,
    screen   TEXT    NOT NULL,
    about    TEXT    NOT NULL,
    viewer   INTEGER,
    shown    TEXT    NOT NULL,
    shown_at INTEGER NOT NULL,
    PRIMARY KEY (chat, message)
) STRICT, WITHOUT ROWID;
CREATE INDEX telegram_messages_about ON telegram_messages (about, chat);

-- What a chat has still to hear: one row a subject, so that it collapses to the current state while Telegram is away.
CREATE TABLE telegram_news (
    chat   INTEGER NOT NULL,
    about  TEXT    NOT NULL,
    notice TEXT,
    since  INTEGER NOT NULL,
    PRIMARY KEY (chat, about)
) STRICT, WITHOUT ROWID;

-- Questions that are answered by a reply.
CREATE TABLE telegram_questions (
    chat     INTEGER NOT NULL,
    message  INTEGER NOT NULL,
    user     INTEGER NOT NULL,
    question TEXT    NOT NULL,
    asked_at INTEGER NOT NULL,
    PRIMARY KEY (chat, message)
) STRICT, WITHOUT ROWID;

-- Groups that have become supergroups.
CREATE TABLE telegram_moved (
    chat INTEGER PRIMARY KEY,
    now  INTEGER NOT NULL
) STRICT;

-- How far the record has been told.
CREATE TABLE telegram_told (
    id  INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL
) STRICT;
