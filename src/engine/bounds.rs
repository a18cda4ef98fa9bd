//! Deletes what the configuration does not keep any longer.

use super::Engine;
use crate::store::{StoreError, WriteError, bounds};

/// Parts of output that are deleted at a time, each in a transaction of its own.
const PARTS: usize = 16;

impl Engine {
    /// Deletes a bit of the output of runs that ended too long ago. What is left has its turn the next time.
    pub(super) async fn delete_old_output(&self) -> Result<(), StoreError> {
        let Some(keep) = self.catalog().keep_output() else { return Ok(()) };
        for _ in 0..PARTS {
            let now = self.now();
            let Ok(before) = now.checked_sub(keep) else { break };
            // Nothing is written while there is nothing to delete.
            if self.read(move |conn| bounds::old_output(conn, before)).await?.is_none() {
                break;
            }
            let deleted = self.store().write(move |tx| bounds::delete_old_output(tx, before, now));
            deleted.await.map_err(WriteError::flatten)?;
        }
        Ok(())
    }
}
