//! Tries a copy: it is restored beside the database, as `rmm restore` would do it, and its record is checked with the key.
//!
//! Must not: touch the database, or leave anything behind but what it was told to.

use std::path::Path;

use super::super::error::StoreError;
use super::super::key::AuditKey;
use super::super::signed::ChainHead;
use super::super::verify;
use super::{restore, schema};
use crate::domain::fault::record::RecordFlaw;

/// What a copy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsed {
    /// Where its record ends.
    pub head: Option<ChainHead>,
    /// The first flaw of its record.
    pub flaw: Option<RecordFlaw>,
}

/// Restores `copy` as a file in the folder `beside`, which is the caller's to remove, and checks what came of it.
///
/// # Errors
/// Those of [`restore`]: a copy that cannot be restored.
pub fn rehearse(copy: &Path, beside: &Path, key: &AuditKey) -> Result<Rehearsed, StoreError> {
    let target = beside.join("rehearsal.db");
    let restored = restore(copy, &target, false)?;
    let conn = schema::open_at_rest(&target)?;
    let flaw = verify::verify(&conn, key, None)?.err();
    Ok(Rehearsed { head: restored.head, flaw })
}
