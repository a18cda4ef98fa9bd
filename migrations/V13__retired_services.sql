-- The last configuration that named each service: its definition goes on for what is under way, and for what is shown, once it
-- has left the file. A configuration refers to secrets, it has none.
CREATE TABLE configurations (
    id     INTEGER PRIMARY KEY,
    text   TEXT NOT NULL,
    -- Where relative paths in it begin.
    folder TEXT NOT NULL
);
CREATE TABLE defined_services (
    service       TEXT    PRIMARY KEY,
    configuration INTEGER NOT NULL REFERENCES configurations (id)
);
