-- What is shown in pages or followed by streams has an index in its order, and a run says when its output was deleted.
CREATE INDEX releases_by_service ON releases (service, id);
CREATE INDEX events_by_service ON events (service, seq) WHERE service IS NOT NULL;
CREATE INDEX telegram_news_by_age ON telegram_news (since, chat, about);
CREATE INDEX telegram_news_of_chat ON telegram_news (chat, since, about);
CREATE INDEX telegram_messages_by_age ON telegram_messages (shown_at);
CREATE INDEX telegram_messages_newest ON telegram_messages (about, message);
CREATE INDEX telegram_users_by_age ON telegram_users (seen_at);
CREATE INDEX telegram_questions_by_age ON telegram_questions (asked_at);
ALTER TABLE runs ADD COLUMN output_deleted_at INTEGER;
CREATE INDEX runs_with_output ON runs (ended_at) WHERE output_deleted_at IS NULL AND ended_at IS NOT NULL;
DROP INDEX telegram_messages_about;
CREATE INDEX telegram_users_of_people ON telegram_users (person) WHERE person IS NOT NULL;
CREATE INDEX releases_by_revision ON releases (revision);
CREATE INDEX outbox_first ON outbox (kind, service, due_at) WHERE lease_owner IS NULL;
