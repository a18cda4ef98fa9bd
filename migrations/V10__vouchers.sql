-- Who vouches for a token: the person who made it, or for whom the token was made that made it. NULL: the operator.
ALTER TABLE tokens ADD COLUMN vouched_by TEXT;
WITH RECURSIVE
    maker (token, maker) AS (
        SELECT token.id, max(earlier.id)
        FROM tokens AS token JOIN tokens AS earlier
            ON earlier.name = token.created_by AND earlier.person IS NULL AND earlier.id < token.id
        GROUP BY token.id
    ),
    root (token, origin) AS (
        SELECT id, id FROM tokens WHERE id NOT IN (SELECT token FROM maker)
        UNION ALL
        SELECT maker.token, root.origin FROM maker JOIN root ON root.token = maker.maker
    )
UPDATE tokens SET vouched_by = (
    SELECT nullif(origin.created_by, 'operator')
    FROM root JOIN tokens AS origin ON origin.id = root.origin WHERE root.token = tokens.id
);
