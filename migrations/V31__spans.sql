-- The span that put an effect into the outbox, as a W3C `traceparent`; NULL: none is known, and `trace_id` says the trace.
ALTER TABLE outbox ADD COLUMN traceparent TEXT;

-- The spans of the newest events, by their number: messages that follow from them are told as a part of the same trace. No
-- part of the record.
CREATE TABLE event_spans (
    seq         INTEGER PRIMARY KEY,
    traceparent TEXT    NOT NULL
) STRICT;
