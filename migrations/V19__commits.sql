-- What a release brings beside what production runs: its commits (JSON), as of when they were listed.
CREATE TABLE release_commits (
    release_id INTEGER PRIMARY KEY,
    listed     TEXT NOT NULL
) STRICT;
