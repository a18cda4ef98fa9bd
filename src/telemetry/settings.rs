//! Where spans and lines of the log go, and which.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;

/// What is exported, and to where. Its `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where spans go; nowhere without it.
    pub traces: Option<String>,
    /// Where lines of the log go beside the log; nowhere without it.
    pub logs: Option<String>,
    /// Sent along with every export.
    pub headers: BTreeMap<String, SecretString>,
    /// Which traces are kept.
    pub sampling: Sampling,
    /// What RMM is called there.
    pub service: String,
    /// What else is said of it.
    pub resource: BTreeMap<String, String>,
    /// How long an export may take.
    pub timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            traces: None,
            logs: None,
            headers: BTreeMap::new(),
            sampling: Sampling::Parent(1.0),
            service: "rmm".to_owned(),
            resource: BTreeMap::new(),
            timeout: Duration::from_secs(10),
        }
    }
}

/// Which traces are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sampling {
    /// Those that the caller keeps, and this share of those that begin here.
    Parent(f64),
    /// This share, whatever the caller does.
    Share(f64),
}
