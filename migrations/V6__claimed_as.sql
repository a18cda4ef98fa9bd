-- Under which username somebody has claimed to be a person: another one in the configuration makes the claim void.
-- Without one it counts for any.
ALTER TABLE telegram_users ADD COLUMN claimed_as TEXT;
