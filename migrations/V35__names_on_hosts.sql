-- The name by which hosts came to know a service: their folders and marks keep it, however often the service is renamed.
CREATE TABLE names_on_hosts (
    service TEXT PRIMARY KEY,
    name    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX names_on_hosts_by_name ON names_on_hosts (name);

-- Back from each present name, through every renaming that the record tells of.
INSERT INTO names_on_hosts (service, name)
WITH RECURSIVE
    renamed AS (
        SELECT seq, json_extract(data, '$.from') AS former, json_extract(data, '$.to') AS name
        FROM events WHERE kind = 'service_renamed'
    ),
    back (service, name, seq) AS (
        SELECT name, former, seq FROM renamed AS last
        WHERE NOT EXISTS (SELECT 1 FROM renamed AS later WHERE later.seq > last.seq AND last.name IN (later.former, later.name))
        UNION ALL
        SELECT back.service, renamed.former, renamed.seq
        FROM back JOIN renamed ON renamed.name = back.name AND renamed.seq < back.seq
        WHERE NOT EXISTS (
            SELECT 1 FROM renamed AS nearer
            WHERE nearer.name = back.name AND nearer.seq < back.seq AND nearer.seq > renamed.seq
        )
    )
SELECT service, name FROM back GROUP BY service HAVING seq = min(seq);
