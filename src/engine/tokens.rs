//! Tokens of the API, as they are shown.

use super::Engine;
use crate::store::StoreError;
use crate::store::tokens::{self, TokenRow};

impl Engine {
    /// The token with this hash. That it is used is noted now and then.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn token(&self, hash: [u8; 32]) -> Result<Option<TokenRow>, StoreError> {
        let now = self.now().as_millisecond();
        let found = self.read(move |conn| tokens::find_by_hash(conn, &hash)).await?;
        if let Some(row) = found.as_ref().filter(|row| row.touch_due(now)) {
            let id = row.id;
            // Best effort: a full disk must not keep people from reading.
            let _ = self.store().write(move |tx| tokens::touch(tx, id, now)).await;
        }
        Ok(found)
    }
}
