//! What is stored about one service, as decisions ask for it. Each answer is one indexed look-up, whatever the number of
//! releases.

use rusqlite::Connection;

use super::error::StoreError;
use super::{releases, runs};
use crate::domain::approval::Vote;
use crate::domain::env::Env;
use crate::domain::ids::{Commit, ReleaseId, RunId, ServiceName, Tag};
use crate::domain::release::Release;
use crate::domain::run::Run;
use crate::domain::snapshot::{GoodAt, GoodVersion, Snapshot};
use crate::domain::status::Status;

/// A service in the database, as of one transaction.
///
/// A decision knows nothing of databases: one that cannot be read ends the decision and its transaction by unwinding, and
/// the caller that began the transaction gets the error ([`super::writer::unwound`]).
#[derive(Debug)]
pub struct Stored<'c> {
    conn: &'c Connection,
    service: ServiceName,
}

impl<'c> Stored<'c> {
    /// Of a service, in the transaction that a connection is in.
    #[must_use]
    pub const fn of(conn: &'c Connection, service: ServiceName) -> Self {
        Self { conn, service }
    }

    pub(super) const fn conn(&self) -> &'c Connection {
        self.conn
    }
}

fn answer<T>(read: Result<T, StoreError>) -> T {
    read.unwrap_or_else(|error| std::panic::resume_unwind(Box::new(error)))
}

impl Snapshot for Stored<'_> {
    fn release(&self, id: ReleaseId) -> Option<Release> {
        answer(releases::get(self.conn, id)).filter(|release| release.service == self.service)
    }

    fn run(&self, id: RunId) -> Option<Run> {
        answer(runs::get(self.conn, id)).filter(|run| run.service == self.service)
    }

    fn votes(&self, release: &Release) -> Vec<Vote> {
        answer(releases::votes(self.conn, release))
    }

    fn in_status(&self, status: Status, most: u32) -> Vec<Release> {
        answer(releases::in_status(self.conn, &self.service, status, most))
    }

    fn first_with_commit(&self) -> Option<Release> {
        answer(releases::first_with_commit(self.conn, &self.service))
    }

    fn candidate(&self, tag: Option<&Tag>, commit: Option<&Commit>) -> Option<Release> {
        answer(releases::active_candidate(self.conn, &self.service, tag, commit))
    }

    fn of_ci_run(&self, ci_run: &str) -> Option<Release> {
        answer(releases::by_ci_run(self.conn, &self.service, ci_run))
    }

    fn is_ci_run_elsewhere(&self, ci_run: &str) -> bool {
        answer(releases::is_ci_run_elsewhere(self.conn, &self.service, ci_run))
    }

    fn occupying(&self) -> Vec<Run> {
        answer(runs::occupying(self.conn, &self.service))
    }

    fn last_run(&self, env: Env) -> Option<Run> {
        let last = answer(runs::before(self.conn, &self.service, env, RunId(i64::MAX)));
        last.first().and_then(|last| self.run(last.id))
    }

    fn last_run_of(&self, release: ReleaseId, env: Env) -> Option<Run> {
        answer(runs::last_of(self.conn, release, env)).and_then(|id| self.run(id))
    }

    fn good(&self, id: ReleaseId) -> Option<GoodVersion> {
        answer(releases::good(self.conn, &self.service, id))
    }

    fn good_before(&self, before: Option<GoodAt>, most: u32) -> Vec<GoodVersion> {
        answer(releases::good_before(self.conn, &self.service, before, most))
    }

    fn good_of_tag(&self, tag: &Tag, before: Option<GoodAt>) -> Option<GoodVersion> {
        answer(releases::good_of_tag(self.conn, &self.service, tag, before))
    }

    fn good_of_commit(&self, commit: &Commit, before: Option<GoodAt>) -> Option<GoodVersion> {
        answer(releases::good_of_commit(self.conn, &self.service, commit, before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::WriteError;
    use crate::store::testing::TestDir;

    fn ask(conn: &Connection) -> Option<Release> {
        Stored::of(conn, ServiceName::parse("service", "shop").unwrap()).release(ReleaseId(1))
    }

    #[tokio::test]
    async fn a_database_that_cannot_be_read_ends_the_decision_with_its_own_error() {
        let place = TestDir::new();
        let store = place.store().await;
        store.write(|tx| tx.execute_batch("ALTER TABLE releases RENAME TO elsewhere")).await.unwrap();
        let read = store.read(|conn| Ok(ask(conn))).await.unwrap_err();
        assert!(matches!(read, StoreError::Sqlite(_)), "{read:?}");
        let asked = |tx: &mut crate::store::Tx<'_>| -> Result<_, StoreError> {
            tx.execute("INSERT INTO notes (text) VALUES ('before')", [])?;
            Ok(ask(tx))
        };
        let written = store.write(asked).await.unwrap_err();
        assert!(matches!(written, WriteError::Store(StoreError::Sqlite(_))), "{written:?}");
        let notes =
            store.read(|conn| Ok(conn.query_row("SELECT count(*) FROM notes", [], |row| row.get::<_, i64>(0))?));
        assert_eq!(notes.await.unwrap(), 0, "its transaction is undone");
    }
}
