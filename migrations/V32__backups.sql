-- How scheduled copies of the database stand, as JSON: one row at most.
CREATE TABLE backups (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    state TEXT    NOT NULL
) STRICT;

-- Output of runs that ended long ago is packed: 1 where `bytes` are compressed. `size` is always that of the output itself.
ALTER TABLE log_chunks ADD COLUMN packed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN output_packed_at INTEGER;
CREATE INDEX runs_to_pack ON runs (ended_at) WHERE output_packed_at IS NULL AND output_deleted_at IS NULL AND ended_at IS NOT NULL;
