//! Lists of releases, for those who look.

use super::Engine;
use crate::domain::ids::{ReleaseId, ServiceName};
use crate::domain::release::Release;
use crate::domain::run::Run;
use crate::domain::status::List;
use crate::store::{StoreError, releases, runs};

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

    /// The runs of a release, the oldest first, with their steps.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn runs_of(&self, release: ReleaseId) -> Result<Vec<Run>, StoreError> {
        self.read(move |conn| runs::of_release(conn, release)).await
    }
}
