-- A way back goes on without hosts that do not answer: which, since when, and what may still be at work there.
ALTER TABLE runs ADD COLUMN left_hosts TEXT NOT NULL DEFAULT '{}';
ALTER TABLE environments ADD COLUMN left_hosts TEXT NOT NULL DEFAULT '{}';
CREATE INDEX environments_with_left_hosts ON environments (service) WHERE left_hosts <> '{}';
