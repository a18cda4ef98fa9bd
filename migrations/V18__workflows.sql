-- Workflows of GitHub that RMM starts: how one was asked for, and what is known of its run (JSON).
ALTER TABLE runs ADD COLUMN dispatch TEXT;
-- The release waits for `promote`: its workflow could not be started, or ended before it began.
ALTER TABLE releases ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
