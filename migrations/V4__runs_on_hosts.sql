-- Steps know their host, run side by side in waves, and a run says why it does not get on.

ALTER TABLE runs ADD COLUMN waiting TEXT;

ALTER TABLE steps ADD COLUMN host TEXT NOT NULL DEFAULT 'local';
ALTER TABLE steps ADD COLUMN wave INTEGER NOT NULL DEFAULT 0;
UPDATE steps SET wave = idx;

-- All health checks have one shape.
UPDATE steps SET action = json_object(
    'do', 'health',
    'ask', json_object('ask', 'http', 'url', json_extract(action, '$.url'), 'via', 'rmm', 'status', NULL, 'body', NULL),
    'schedule', json_extract(action, '$.schedule'),
    'logs', NULL)
WHERE json_extract(action, '$.do') = 'get';
UPDATE steps SET action = json_object(
    'do', 'health',
    'ask', json_object('ask', 'command', 'command', json_extract(action, '$.command'),
                       'directory', json_extract(action, '$.directory')),
    'schedule', json_extract(action, '$.schedule'),
    'logs', NULL)
WHERE json_extract(action, '$.do') = 'check';

-- Where a surface stands is told host by host.
UPDATE environments SET mixed = json_set(mixed, '$.surfaces', json((
    SELECT json_group_object(each.key, json_object(
        'newer_schema', json(iif(json_extract(each.value, '$.newer_schema'), 'true', 'false')),
        'hosts', json_object('local', json(iif(json_extract(each.value, '$.newer_code'), 'true', 'false')))))
    FROM json_each(mixed, '$.surfaces') AS each)))
WHERE mixed IS NOT NULL;
