-- What chats have still to be told beside the cards: one row for each event that is worth a message and each topic.
CREATE TABLE telegram_notices (
    chat   INTEGER NOT NULL,
    -- 0: outside of topics.
    topic  INTEGER NOT NULL,
    -- The event, or the last one on record where none says it (a reminder).
    seq    INTEGER NOT NULL,
    about  TEXT    NOT NULL,
    notice TEXT    NOT NULL,
    PRIMARY KEY (chat, seq, about, notice, topic)
) STRICT, WITHOUT ROWID;

INSERT INTO telegram_notices (chat, topic, seq, about, notice)
SELECT news.chat, coalesce(card.topic, 0), news.since, news.about, news.notice
FROM telegram_news AS news
LEFT JOIN (SELECT DISTINCT chat, topic FROM telegram_messages WHERE viewer IS NULL) AS card
    ON card.chat = news.chat
WHERE news.notice IS NOT NULL;

ALTER TABLE telegram_news DROP COLUMN notice;

-- Chats and topics that take no messages of the bot. What they have to be told is kept.
CREATE TABLE telegram_refusals (
    chat   INTEGER NOT NULL,
    topic  INTEGER NOT NULL,
    since  INTEGER NOT NULL,
    reason TEXT    NOT NULL,
    PRIMARY KEY (chat, topic)
) STRICT, WITHOUT ROWID;
