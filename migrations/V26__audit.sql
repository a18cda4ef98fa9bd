-- The record by who, by what and by when.
CREATE INDEX events_by_actor ON events (CASE WHEN json_valid(actor) THEN coalesce(actor ->> '$.name', actor ->> '$.is') END);
CREATE INDEX events_by_kind ON events (kind);
CREATE INDEX events_by_time ON events (at);

-- What the last look at each host found: a JSON array of findings.
CREATE TABLE host_checks (
    host     TEXT    PRIMARY KEY,
    at       INTEGER NOT NULL,
    findings TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
