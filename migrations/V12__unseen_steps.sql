-- Migrations that had begun on a host when it stopped answering: nobody has seen how they ended. Until now they were noted
-- with the hosts that were left behind, where they are still read from.
ALTER TABLE environments ADD COLUMN unseen TEXT NOT NULL DEFAULT '[]';
