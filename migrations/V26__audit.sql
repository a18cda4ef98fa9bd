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

-- How each service was defined, whenever that changed: as RMM understood rmm.toml, without secrets.
CREATE TABLE definition_revisions (
    service TEXT    NOT NULL,
    number  INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    text    TEXT    NOT NULL,
    PRIMARY KEY (service, number)
) STRICT, WITHOUT ROWID;
