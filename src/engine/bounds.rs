//! Deletes what the configuration does not keep any longer.

use std::time::Duration;

use super::Engine;
use crate::store::logs::packed::{self, Reached};
use crate::store::{StoreError, WriteError, bounds};

/// Parts of output that are deleted at a time, each in a transaction of its own.
const MAX_DELETED_PARTS: usize = 16;
/// After the end of a run, its output is read rarely, and is packed.
const PACK_AFTER: Duration = Duration::from_hours(7 * 24);

impl Engine {
    /// Deletes a bit of the output of runs that ended too long ago. What is left has its turn the next time.
    pub(super) async fn delete_old_output(&self) -> Result<(), StoreError> {
        let Some(keep) = self.catalog().keep_output() else { return Ok(()) };
        for _ in 0..MAX_DELETED_PARTS {
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

    /// Packs a bit of the output of runs that ended long ago. What is left has its turn the next time.
    pub(super) async fn pack_old_output(&self) -> Result<(), StoreError> {
        let now = self.now();
        let Ok(before) = now.checked_sub(PACK_AFTER) else { return Ok(()) };
        let mut parts = 0;
        while parts < MAX_DELETED_PARTS
            && let Some(run) = self.read(move |conn| packed::next(conn, before)).await?
        {
            let mut reached = Some(Reached::BEGINNING);
            while let Some(after) = reached {
                let packing = self.store().write(move |tx| packed::pack(tx, run, after, now));
                reached = packing.await.map_err(WriteError::flatten)?;
                parts += 1;
            }
        }
        Ok(())
    }

    /// Gives a bit of the room that deleted rows have left back to the file system.
    pub(super) async fn give_room_back(&self) -> Result<(), StoreError> {
        for _ in 0..MAX_DELETED_PARTS {
            if !self.read(bounds::has_room_to_spare).await? {
                break;
            }
            self.store().write(|tx| bounds::give_room_back(tx)).await.map_err(WriteError::flatten)?;
        }
        Ok(())
    }
}
