-- The logins that GitHub itself has named as those who began a release, in any of its attempts, as a JSON list.
ALTER TABLE releases ADD COLUMN proven_initiators TEXT NOT NULL DEFAULT '[]';
