//! Finds releases by what people remember of them: a number, a tag or a commit or its beginning, a person.
//!
//! Must not: read what it does not find. Each look is one range of an index, however many releases there are.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::error::StoreError;
use super::releases;
use crate::domain::ids::{ReleaseId, ServiceName};
use crate::domain::release::Release;

/// Digits of a commit from which on it is looked for: fewer would find everything.
const DIGITS: usize = 4;
/// Of the votes of a person, this many are looked at: a vote does not know its service.
const VOTES: u32 = 2000;

/// What a person looks for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What they typed: a number (`12`, `#12`), a tag or a commit, whole or its beginning. Empty: any release.
    pub text: String,
    /// The people that the text may mean, by every name that releases may have for them.
    pub people: Vec<String>,
    /// The services that are looked at.
    pub services: Vec<ServiceName>,
    /// Only releases with a smaller number.
    pub before: Option<ReleaseId>,
    /// At most this many.
    pub limit: u32,
}

/// The newest releases that fit. Of tags and commits that only begin so, each service gives its highest in the order of their letters.
///
/// # Errors
/// When the database cannot be read.
pub fn find(conn: &Connection, wanted: &Wanted) -> Result<Vec<Release>, StoreError> {
    let found =
        Found { conn, before: wanted.before.map_or(i64::MAX, |id| id.0), limit: wanted.limit, ids: BTreeSet::new() };
    let ids = found.all(wanted)?;
    let newest = ids.into_iter().rev().take(wanted.limit as usize);
    let releases = newest.filter_map(|id| releases::get(conn, ReleaseId(id)).transpose());
    releases.collect()
}

struct Found<'c> {
    conn: &'c Connection,
    before: i64,
    limit: u32,
    ids: BTreeSet<i64>,
}

impl Found<'_> {
    fn all(mut self, wanted: &Wanted) -> Result<BTreeSet<i64>, StoreError> {
        if wanted.text.is_empty() {
            for service in &wanted.services {
                self.any(service)?;
            }
            return Ok(self.ids);
        }
        if let Ok(number) = wanted.text.trim_start_matches('#').parse() {
            self.number(number, &wanted.services)?;
        }
        // People leave the `v` of a version out.
        let version = format!("v{}", wanted.text);
        let commit = wanted.text.to_ascii_lowercase();
        let is_commit = commit.len() >= DIGITS && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        for service in &wanted.services {
            self.tag(service, &wanted.text)?;
            self.tag(service, &version)?;
            if is_commit {
                self.commit(service, &commit)?;
            }
        }
        for person in &wanted.people {
            self.person(person, &wanted.services)?;
        }
        Ok(self.ids)
    }

    fn number(&mut self, number: i64, services: &[ServiceName]) -> Result<(), StoreError> {
        let service = releases::service_of(self.conn, ReleaseId(number))?;
        if number < self.before && service.is_some_and(|service| services.contains(&service)) {
            self.ids.insert(number);
        }
        Ok(())
    }

    fn any(&mut self, service: &ServiceName) -> Result<(), StoreError> {
        let sql = "SELECT id FROM releases WHERE service = ?1 AND id < ?2 AND id > ?3 ORDER BY id DESC LIMIT ?4";
        let enough = self.enough();
        self.keep(sql, (service.as_str(), self.before, enough, self.limit))
    }

    fn tag(&mut self, service: &ServiceName, text: &str) -> Result<(), StoreError> {
        let exact = "SELECT id FROM releases WHERE service = ?1 AND tag = ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4";
        self.keep(exact, (service.as_str(), text, self.before, self.limit))?;
        let begins = "SELECT id FROM releases WHERE service = ?1 AND tag > ?2 AND tag < ?3 AND id < ?4 \
                      ORDER BY tag DESC LIMIT ?5";
        self.keep(begins, (service.as_str(), text, after(text), self.before, self.limit))
    }

    fn commit(&mut self, service: &ServiceName, digits: &str) -> Result<(), StoreError> {
        let begins = "SELECT id FROM releases WHERE service = ?1 AND commit_id >= ?2 AND commit_id < ?3 AND id < ?4 \
                      ORDER BY commit_id DESC LIMIT ?5";
        self.keep(begins, (service.as_str(), digits, after(digits), self.before, self.limit))
    }

    fn person(&mut self, name: &str, services: &[ServiceName]) -> Result<(), StoreError> {
        let started = "SELECT id FROM releases WHERE initiated_by = ?1 COLLATE NOCASE AND service = ?2 AND id < ?3 \
                       AND id > ?4 ORDER BY id DESC LIMIT ?5";
        let owns = "SELECT id FROM releases WHERE owner = ?1 COLLATE NOCASE AND service = ?2 AND owner <> initiated_by \
                    AND id < ?3 AND id > ?4 ORDER BY id DESC LIMIT ?5";
        for service in services {
            for sql in [started, owns] {
                let enough = self.enough();
                self.keep(sql, (name, service.as_str(), self.before, enough, self.limit))?;
            }
        }
        let voted = "SELECT release_id, (SELECT service FROM releases WHERE id = release_id) FROM votes \
                     WHERE person = ?1 COLLATE NOCASE AND release_id < ?2 ORDER BY release_id DESC LIMIT ?3";
        let mut statement = self.conn.prepare_cached(voted)?;
        for row in statement.query_map((name, self.before, VOTES), |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))? {
            let (id, service) = row?;
            if services.iter().any(|wanted| wanted.as_str() == service) {
                self.ids.insert(id);
            }
        }
        Ok(())
    }

    /// The number up to which nothing is looked for any more, because as many as are wanted are newer.
    fn enough(&mut self) -> i64 {
        let limit = self.limit as usize;
        while self.ids.len() > limit {
            self.ids.pop_first();
        }
        self.ids.first().copied().filter(|_| self.ids.len() == limit).unwrap_or(i64::MIN)
    }

    fn keep(&mut self, sql: &str, of: impl rusqlite::Params) -> Result<(), StoreError> {
        let mut statement = self.conn.prepare_cached(sql)?;
        for id in statement.query_map(of, |row| row.get(0))? {
            self.ids.insert(id?);
        }
        Ok(())
    }
}

/// What stands behind everything that begins so.
fn after(text: &str) -> String {
    format!("{text}\u{10ffff}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::test_database;

    fn release(conn: &Connection, id: i64, service: &str, tag: &str, who: &str) {
        conn.execute(
            "INSERT INTO releases (id, service, tag, commit_id, status, list, status_since, attempt, revision, initiated_by, owner, \
             notes, artifacts, promoted, bypasses, created_at, started_at) \
             VALUES (?1, ?2, ?3, printf('%040x', ?1 * 69905), 'initiated', 'active', 0, 1, 1, ?4, ?4, '', '[]', 0, '[]', 0, 0)",
            (id, service, tag, who),
        )
        .unwrap();
    }

    fn found(conn: &Connection, text: &str, people: &[&str]) -> Vec<i64> {
        let services = ["shop", "bot"].map(|name| ServiceName::parse("service", name).unwrap()).to_vec();
        let people = people.iter().map(ToString::to_string).collect();
        let wanted = Wanted { text: text.to_owned(), people, services, before: None, limit: 10 };
        find(conn, &wanted).unwrap().iter().map(|release| release.id.0).collect()
    }

    #[test]
    fn releases_are_found_by_what_people_remember() {
        let conn = test_database();
        release(&conn, 1, "shop", "v4.11.0", "ann");
        release(&conn, 2, "bot", "v4.12.0", "bob");
        release(&conn, 3, "shop", "v4.12.1", "ann");
        release(&conn, 4, "gone", "v4.12.2", "ann");
        conn.execute("INSERT INTO votes VALUES (2, 1, 'ann', NULL, '{}', 0, '\"api\"', NULL)", []).unwrap();
        assert_eq!(found(&conn, "", &[]), [3, 2, 1]);
        assert_eq!(found(&conn, "#2", &[]), [2]);
        assert_eq!(found(&conn, "v4.12.0", &[]), [2]);
        assert_eq!(found(&conn, "4.12", &[]), [3, 2]);
        assert_eq!(found(&conn, "v4", &[]), [3, 2, 1]);
        assert_eq!(found(&conn, &format!("{:040x}", 3 * 69905), &[]), [3]);
        assert_eq!(found(&conn, "ann", &["Ann"]), [3, 2, 1], "who started it, and who voted");
        assert_eq!(found(&conn, "%", &["%"]), Vec::<i64>::new());
        assert_eq!(found(&conn, "4", &[]), [3, 2, 1], "release 4 is of a service that is not looked at");
    }

    #[test]
    fn the_newest_of_all_services_come_page_by_page() {
        let conn = test_database();
        for id in 1..=12 {
            release(&conn, id, ["shop", "bot", "api"][id as usize * 7 % 3], &format!("v{id}"), "ann");
        }
        let services: Vec<_> = ["api", "bot", "shop"].map(|name| ServiceName::parse("service", name).unwrap()).into();
        for (text, people) in [("", vec![]), ("ann", vec!["ann".to_owned()])] {
            let (mut before, mut pages) = (None, Vec::new());
            loop {
                let (text, people, services) = (text.to_owned(), people.clone(), services.clone());
                let page = find(&conn, &Wanted { text, people, services, before, limit: 5 }).unwrap();
                let Some(last) = page.last() else { break };
                before = Some(last.id);
                pages.push(page.iter().map(|release| release.id.0).collect::<Vec<_>>());
            }
            assert_eq!(pages, [vec![12, 11, 10, 9, 8], vec![7, 6, 5, 4, 3], vec![2, 1]], "{text:?}");
        }
    }

    #[test]
    fn a_commit_is_found_by_its_first_digits() {
        let conn = test_database();
        release(&conn, 1, "shop", "v1", "ann");
        conn.execute("UPDATE releases SET commit_id = 'abcdef0123456789abcdef0123456789abcdef01' WHERE id = 1", [])
            .unwrap();
        assert_eq!(found(&conn, "ABCDEF0", &[]), [1]);
        assert_eq!(found(&conn, "abc", &[]), Vec::<i64>::new(), "too few digits to tell anything");
    }
}
