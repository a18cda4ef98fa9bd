-- How far the record was looked through for what is to be left on GitHub; no row while nothing is.
CREATE TABLE github_marks_noted (
    id  INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL
) STRICT;

-- What GitHub does not show yet as it is now: a row for each mark, however often it has changed. It goes when it is shown.
CREATE TABLE github_marks_due (
    kind    TEXT    NOT NULL,
    -- The release, or the run of a deployment.
    about   INTEGER NOT NULL,
    service TEXT    NOT NULL,
    -- The last event that changed it, and when that was noted.
    since   INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (kind, about)
) STRICT, WITHOUT ROWID;
CREATE INDEX github_marks_due_by_service ON github_marks_due (service, kind, since);

-- What was left on GitHub: a deployment for a run, a status of a commit and a comment for a release.
CREATE TABLE github_marks (
    kind       TEXT    NOT NULL,
    about      INTEGER NOT NULL,
    repository TEXT    NOT NULL,
    -- 1: there is to be none, since it has no place or somebody has deleted it.
    given_up   INTEGER NOT NULL,
    -- GitHub's number of the deployment or the comment; a status has none.
    number     INTEGER,
    -- What was said last.
    shown      TEXT    NOT NULL,
    -- 1: a deployment that is shown as what its environment runs.
    stands     INTEGER,
    PRIMARY KEY (kind, about)
) STRICT, WITHOUT ROWID;
CREATE INDEX github_marks_standing ON github_marks (stands, about) WHERE stands IS NOT NULL;
