-- Links that sign somebody in to the dashboard: each once. A row goes when it is used, or when its time is over.
CREATE TABLE login_links (
    -- SHA-256 of the secret in the link.
    link   BLOB    PRIMARY KEY,
    -- The person; none: the operator.
    person TEXT,
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX login_links_by_age ON login_links (until);

-- Who is signed in to the dashboard. A row goes at the end of its session.
CREATE TABLE sessions (
    id      INTEGER PRIMARY KEY,
    -- SHA-256 of the secret in the cookie.
    secret  BLOB    NOT NULL UNIQUE,
    person  TEXT,
    -- What the browser calls itself, and where it was when it signed in.
    device  TEXT    NOT NULL,
    address TEXT    NOT NULL,
    began   INTEGER NOT NULL,
    -- When it was used last, up to a minute late.
    seen    INTEGER NOT NULL,
    -- When it ends, however much it is used.
    until   INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_person ON sessions (person, id);
CREATE INDEX sessions_by_end ON sessions (until);
