-- Another RMM was met that works with a copy of this database: why RMM thinks so and since when, until an admin has looked.
ALTER TABLE numbers ADD COLUMN another_copy TEXT;
