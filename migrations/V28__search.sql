-- People find releases by who started them, who answers for them, and who voted. Names are folded by ASCII only: SQLite's own.
CREATE INDEX releases_by_initiator ON releases (initiated_by COLLATE NOCASE, service, id);
CREATE INDEX releases_by_owner ON releases (owner COLLATE NOCASE, service, id) WHERE owner <> initiated_by;
CREATE INDEX votes_by_person ON votes (person COLLATE NOCASE, release_id);
