-- When a user claimed to be a person; claims older than this are without it.
ALTER TABLE telegram_users ADD COLUMN claimed_at INTEGER;
