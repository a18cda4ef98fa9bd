-- Id tokens of CI that were shown: each opens something once. A row goes when its token is over.
CREATE TABLE identity_tokens (
    -- SHA-256 of the issuer and the token's own name.
    token BLOB    PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX identity_tokens_by_age ON identity_tokens (until);

-- Deliveries of GitHub's webhooks that came: each counts once. A row goes when GitHub sends it no more.
CREATE TABLE github_deliveries (
    delivery    TEXT    PRIMARY KEY,
    received_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX github_deliveries_by_age ON github_deliveries (received_at);

-- Repositories whose new tags become releases: since when their tags are watched.
CREATE TABLE watched_repositories (
    service    TEXT    PRIMARY KEY,
    -- As the configuration names it: another one is watched from its own beginning.
    repository TEXT    NOT NULL,
    since      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The tags that such a repository had at the last look. A row goes with its tag.
CREATE TABLE seen_tags (
    service   TEXT NOT NULL,
    tag       TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    PRIMARY KEY (service, tag)
) STRICT, WITHOUT ROWID;

-- Who pushed a tag, where a webhook told it before the tag was seen. A row goes when the tag is, or when it is old.
CREATE TABLE pushed_tags (
    service   TEXT    NOT NULL,
    tag       TEXT    NOT NULL,
    pushed_by TEXT    NOT NULL,
    pushed_at INTEGER NOT NULL,
    PRIMARY KEY (service, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX pushed_tags_by_age ON pushed_tags (pushed_at);
