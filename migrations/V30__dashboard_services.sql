-- Services that are defined in the dashboard, in place of the file: the text of one [[services]] table of each.
CREATE TABLE dashboard_services (
    service TEXT    PRIMARY KEY,
    text    TEXT    NOT NULL,
    -- The revision in which it was written.
    number  INTEGER NOT NULL,
    -- Why it does not hold beside the file, so that it is put aside; NULL: it is in force.
    problem TEXT
) STRICT, WITHOUT ROWID;

-- Who made a revision, and what was written in the dashboard; NULL: RMM has read it from the file.
ALTER TABLE definition_revisions ADD COLUMN by TEXT;
ALTER TABLE definition_revisions ADD COLUMN written TEXT;
