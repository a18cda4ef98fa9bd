-- What chats have still to be told beside the cards: one row for each event that is worth a message.
CREATE TABLE telegram_notices (
    chat   INTEGER NOT NULL,
    -- The event, or the last one on record where none says it (a reminder).
    seq    INTEGER NOT NULL,
    about  TEXT    NOT NULL,
    notice TEXT    NOT NULL,
    PRIMARY KEY (chat, seq, about, notice)
) STRICT, WITHOUT ROWID;

INSERT INTO telegram_notices (chat, seq, about, notice)
SELECT chat, since, about, notice FROM telegram_news WHERE notice IS NOT NULL;

ALTER TABLE telegram_news DROP COLUMN notice;
