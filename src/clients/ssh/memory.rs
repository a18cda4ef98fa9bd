//! What is remembered of a host from one connection to the next.

use std::collections::HashSet;

use tokio::time::Instant;

use crate::domain::host::HostKey;

/// What was learned of a host's keys, for the next connection.
#[derive(Default)]
pub(super) struct Memory {
    /// The trusted key that it showed at the last contact.
    pub shown: Option<HostKey>,
    /// All trusted keys that it has ever shown: of these the type is known.
    pub met: Vec<HostKey>,
    /// Names that lead somewhere, as the host sees it.
    pub names: HashSet<String>,
    /// The key that it showed first when none of its keys was trusted, and when that was.
    pub searched: Option<(HostKey, Instant)>,
}

impl Memory {
    /// The next connection asks for all keys again if it must.
    pub(super) fn search_again(&mut self) {
        self.searched = None;
    }
}
