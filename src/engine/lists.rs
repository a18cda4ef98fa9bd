//! Lists of releases, for people and clients.

use super::Engine;
use crate::domain::env::Env;
use crate::domain::ids::{ReleaseId, RunId, ServiceName};
use crate::domain::person::Person;
use crate::domain::release::Release;
use crate::domain::run::{Run, RunKind};
use crate::domain::status::List;
use crate::store::durations::GoodRun;
use crate::store::search::{self, Wanted};
use crate::store::{StoreError, durations, releases, runs};

impl Engine {
    /// Releases, the newest first; none: of every list, of all services.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn releases(
        &self,
        list: Option<List>,
        service: Option<ServiceName>,
        before: Option<ReleaseId>,
        limit: u32,
    ) -> Result<Vec<Release>, StoreError> {
        let page = releases::Page { list, service, before, limit };
        self.read(move |conn| releases::page(conn, &page)).await
    }

    /// The last runs of a kind in an environment of a service that ended well, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn last_good_runs(
        &self,
        service: ServiceName,
        environment: Env,
        kind: RunKind,
        limit: u32,
    ) -> Result<Vec<GoodRun>, StoreError> {
        self.read(move |conn| durations::last_good(conn, &service, environment, kind, limit)).await
    }

    /// The last runs of a release, or those before one of them: the oldest first, with their steps, so many at most.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn runs_of(&self, release: ReleaseId, before: Option<RunId>, limit: u32) -> Result<Vec<Run>, StoreError> {
        self.read(move |conn| runs::last_of_release(conn, release, before, limit)).await
    }

    /// The newest releases that fit what a person typed: a number, a tag or a commit or its beginning, a person. Of one service, or of all.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn search(
        &self,
        text: &str,
        service: Option<ServiceName>,
        before: Option<ReleaseId>,
        limit: u32,
    ) -> Result<Vec<Release>, StoreError> {
        let text = text.trim().to_owned();
        let people = people_meant(self.catalog().people().values(), &text);
        let services: Vec<_> = match service {
            Some(service) => vec![service],
            None => self.catalog().service_names(),
        };
        let wanted = Wanted { text, people, services, before, limit };
        self.read(move |conn| search::find(conn, &wanted)).await
    }
}

/// The names that releases may have for whom a text means: the text itself, and each name of people whose name or login begins so.
fn people_meant<'p>(people: impl Iterator<Item = &'p Person>, text: &str) -> Vec<String> {
    let text = text.trim_start_matches('@');
    if text.is_empty() {
        return Vec::new();
    }
    let begins = |name: &str| name.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text));
    let mut names = vec![text.to_owned()];
    for person in people {
        let own = [Some(person.name.as_str()), person.github.as_deref()];
        let own = own.into_iter().flatten();
        if own.clone().any(begins) || person.telegram_username.as_deref().is_some_and(begins) {
            names.extend(own.map(ToOwned::to_owned));
        }
    }
    names.sort_unstable_by_key(|name| name.to_ascii_lowercase());
    names.dedup_by_key(|name| name.to_ascii_lowercase());
    names
}
