//! Reads what insights are computed from.

use jiff::Timestamp;

use super::Engine;
use crate::domain::ids::ServiceName;
use crate::domain::insights::History;
use crate::store::{StoreError, ended};

impl Engine {
    /// What became of the runs that ended within a time, of one service or of all.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn history(
        &self,
        service: Option<ServiceName>,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<History, StoreError> {
        self.read(move |conn| Ok(History::of(ended::within(conn, service.as_ref(), from, to)?))).await
    }

    /// Changes whenever another run has ended.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn last_ended_run(&self) -> Result<Option<(i64, i64)>, StoreError> {
        self.read(ended::newest).await
    }
}
