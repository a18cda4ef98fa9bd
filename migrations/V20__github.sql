-- Id tokens of CI that were shown: each opens something once. A row goes when its token is over.
CREATE TABLE identity_tokens (
    -- SHA-256 of the issuer and the token's own name.
    token BLOB    PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX identity_tokens_by_age ON identity_tokens (until);
