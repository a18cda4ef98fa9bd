//! Why the model of `[ai]` gives no guess, as facts.

use serde::{Deserialize, Serialize};

/// What became of the question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`said` is what the system or a library said")]
pub enum ModelFault {
    /// Its address cannot be read.
    BadAddress { said: String },
    /// The client cannot be made, or there is no connection.
    NotAsked { said: String },
    /// It has not answered in time.
    Late,
    /// Another status than success.
    Status { status: u16 },
    /// More than so many KiB.
    TooLong { most: usize },
    /// What such endpoints do not answer.
    Foreign,
    /// An answer without words.
    Empty,
}
