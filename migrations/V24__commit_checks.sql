-- What the repository says of a release's commit, JSON (src/domain/commit_check.rs); NULL: it was not asked.
ALTER TABLE releases ADD COLUMN commit_check TEXT;
