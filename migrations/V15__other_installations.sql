-- Other installations of RMM whose runs were found on the hosts of an environment, and the highest number of those.
ALTER TABLE environments ADD COLUMN others TEXT NOT NULL DEFAULT '{}';
