-- Of each piece of output: how many lines of its step's output end before it, and when it came. Pieces from before this
-- was noted do not say; they come before all that do.
ALTER TABLE log_chunks ADD COLUMN line INTEGER;
ALTER TABLE log_chunks ADD COLUMN received_at INTEGER;
-- How many lines of the step's output have ended. Where it is not noted, the next piece counts those before it.
ALTER TABLE log_state ADD COLUMN lines INTEGER;
CREATE INDEX log_chunks_by_line ON log_chunks (run_id, step, line, id, received_at);
-- How long runs and their steps usually take is that of the last good ones.
CREATE INDEX runs_good ON runs (service, environment, kind, id) WHERE state = 'succeeded';
