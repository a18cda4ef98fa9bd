-- Runs of GitHub that wait for RMM as the deployment protection rule of an environment, and what RMM has said to them. A row
-- goes when GitHub waits no more.
CREATE TABLE protection_requests (
    service  TEXT    NOT NULL,
    -- GitHub's numbers of the run and its attempt; attempt 0 was not looked at yet.
    ci_run   INTEGER NOT NULL,
    attempt  INTEGER NOT NULL,
    since    INTEGER NOT NULL,
    -- The last comment, and how many there were.
    said     TEXT,
    comments INTEGER NOT NULL,
    -- `approved` or `rejected`; decided before GitHub hears of it.
    answer   TEXT,
    told_at  INTEGER,
    -- When production was refused to it last, although every gate was clear.
    refused_at INTEGER,
    PRIMARY KEY (service, ci_run)
) STRICT, WITHOUT ROWID;
CREATE INDEX protection_requests_by_age ON protection_requests (since);

-- The release that a run of GitHub is about, whatever became of it.
CREATE INDEX releases_of_tag ON releases (service, tag) WHERE tag IS NOT NULL;
CREATE INDEX releases_of_commit ON releases (service, commit_id) WHERE commit_id IS NOT NULL;
