-- A run has a word that nobody can guess, limits count time that has passed, and numbers never come again.

ALTER TABLE runs ADD COLUMN word TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN started_uptime TEXT;
ALTER TABLE runs ADD COLUMN heard_uptime TEXT;
ALTER TABLE steps ADD COLUMN started_uptime TEXT;
-- The last runs of an environment, by which hosts know this installation again.
CREATE INDEX runs_by_environment ON runs (service, environment, id);

ALTER TABLE environments ADD COLUMN unknown TEXT;
ALTER TABLE environments ADD COLUMN vouched_below INTEGER NOT NULL DEFAULT 0;

-- Numbers that somebody may have seen already, though no row here has them. `copy`: this file was made as a copy.
CREATE TABLE numbers (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    release INTEGER NOT NULL,
    run     INTEGER NOT NULL,
    copy    INTEGER NOT NULL
) STRICT;
INSERT INTO numbers (id, release, run, copy) VALUES (1, 0, 0, 0);

-- The processes that have worked with this database, each with its number on hosts and a random word.
CREATE TABLE starts (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    generation INTEGER NOT NULL,
    word       TEXT    NOT NULL,
    at         INTEGER NOT NULL
) STRICT;
