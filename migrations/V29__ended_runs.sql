-- What became of runs, in a few bytes each and in the order of their end: what a year of insights is computed from.
CREATE TABLE ended_runs (
    ended_at    INTEGER NOT NULL,
    run_id      INTEGER NOT NULL,
    service     TEXT    NOT NULL,
    release_id  INTEGER NOT NULL,
    environment TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    -- NULL: it ended before anything was done.
    started_at  INTEGER,
    -- When the tag was made, or RMM first heard of the release.
    tagged_at   INTEGER NOT NULL,
    PRIMARY KEY (ended_at, run_id)
) STRICT, WITHOUT ROWID;

INSERT INTO ended_runs
SELECT runs.ended_at, runs.id, runs.service, runs.release_id, runs.environment, runs.kind, runs.state, runs.created_at,
       runs.started_at, coalesce(releases.tagged_at, releases.created_at)
FROM runs JOIN releases ON releases.id = runs.release_id
WHERE runs.ended_at IS NOT NULL AND runs.housekeeping = 0;
