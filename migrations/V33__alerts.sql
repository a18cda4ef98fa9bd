-- Alerts that were told, by fingerprint, so that what happens again is counted where it was told.
CREATE TABLE telegram_alerts (
    key          TEXT    PRIMARY KEY,
    kind         TEXT    NOT NULL,
    place        TEXT    NOT NULL,
    what         TEXT    NOT NULL,
    -- `release:12`; empty: about nothing that has a card.
    about        TEXT    NOT NULL,
    -- The event on record that says it.
    seq          INTEGER,
    trace_id     TEXT,
    -- How often since the first time.
    seen         INTEGER NOT NULL,
    since        INTEGER NOT NULL,
    last         INTEGER NOT NULL,
    -- Of what lasts: when it ended.
    over_at      INTEGER,
    silent       INTEGER NOT NULL DEFAULT 0,
    -- NULL: until it is over.
    silent_until INTEGER,
    silenced_by  TEXT,
    -- What a model makes of it, or why there is nothing.
    model        TEXT,
    guess        TEXT,
    no_guess     TEXT,
    -- Where it was told; NULL: nowhere yet.
    chat         INTEGER,
    topic        INTEGER,
    message      INTEGER,
    -- Grows with every change; what the message shows.
    revision     INTEGER NOT NULL,
    shown        INTEGER NOT NULL DEFAULT 0,
    -- NULL: what has changed is shown at once.
    shown_at     INTEGER
) STRICT, WITHOUT ROWID;
