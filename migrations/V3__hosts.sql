-- The keys of hosts: which one an admin has trusted, and where, and which one the host has shown last.
-- A trusted key counts only at the address it was trusted at.
CREATE TABLE hosts (
    name             TEXT    NOT NULL PRIMARY KEY,
    address          TEXT,
    fingerprint      TEXT,
    algorithm        TEXT,
    trusted_at       INTEGER,
    trusted_by       TEXT,
    seen_fingerprint TEXT,
    seen_algorithm   TEXT,
    seen_address     TEXT,
    seen_at          INTEGER,
    CHECK ((fingerprint IS NULL) = (address IS NULL) AND (fingerprint IS NULL) = (algorithm IS NULL)
        AND (fingerprint IS NULL) = (trusted_at IS NULL) AND (fingerprint IS NULL) = (trusted_by IS NULL)),
    CHECK ((seen_fingerprint IS NULL) = (seen_algorithm IS NULL) AND (seen_fingerprint IS NULL) = (seen_address IS NULL)
        AND (seen_fingerprint IS NULL) = (seen_at IS NULL))
) STRICT, WITHOUT ROWID;
