//! What RMM is about, as plain values and pure functions: no tokio, no SQL, no clock, no network.
//!
//! Time, numbers and randomness come in as parameters. [`decide`] is the one place where the life cycle moves.

pub mod alert;
pub mod approval;
pub mod artifact;
pub mod backoff;
pub mod backup;
pub mod cause;
pub mod command;
pub mod commit_check;
pub mod commits;
pub mod content;
pub mod decide;
pub mod effect;
pub mod env;
pub mod environment;
pub mod event;
pub mod fault;
pub mod finding;
pub mod folder;
pub mod gate;
pub mod host;
pub mod identity;
pub mod ids;
pub mod init_data;
pub mod insights;
pub mod mark;
pub mod moment;
pub mod moves;
pub mod notice;
pub mod part;
pub mod pattern;
pub mod person;
pub mod plan;
pub mod position;
pub mod protection;
pub mod reason;
pub mod refusal;
pub mod release;
pub mod repository;
pub mod right;
pub mod rule;
pub mod run;
pub mod run_name;
pub mod service;
pub mod snapshot;
pub mod standing;
pub mod status;
pub mod step;
pub mod tally;
pub mod text;
pub mod timing;
pub mod version;
pub mod web_address;
pub mod workflow;
pub mod world;

/// Durations as people write them (`15s`), for definitions that are shown.
pub mod duration_text {
    use std::time::Duration;

    use serde::Serializer;

    /// Writes `90s` as `1m 30s`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(*value))
    }

    /// A duration as people write it.
    #[must_use]
    pub fn text(value: Duration) -> String {
        jiff::SignedDuration::try_from(value).map_or_else(|_| "for ever".into(), |d| format!("{d:#}"))
    }
}
