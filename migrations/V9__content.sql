-- What votes and runs are signed with: the commit, the artifacts and the commands of the definition. Those from before have none.
ALTER TABLE votes ADD COLUMN content TEXT;
ALTER TABLE runs ADD COLUMN content TEXT;
-- The token on whose word a release has its initiator.
ALTER TABLE releases ADD COLUMN said_by TEXT;
