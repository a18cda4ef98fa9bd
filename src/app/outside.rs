//! The ways out of this machine that a configuration has, for those who look without a running RMM.

use crate::clients::github::GitHub;
use crate::config::Config;
use crate::domain::fault::github::GithubFault;
use crate::engine::catalog::Catalog;

/// The ways of a configuration.
#[derive(Debug)]
pub struct Outside(Catalog);

impl Outside {
    /// Those of a configuration.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self(Catalog::new(config))
    }

    /// The way to GitHub; none: the configuration has no login there.
    ///
    /// # Errors
    /// Why it cannot be gone.
    pub fn github(&self) -> Option<Result<&GitHub, &GithubFault>> {
        self.0.github()
    }

    /// A text without the secrets of the configuration.
    #[must_use]
    pub fn redacted(&self, text: &str) -> String {
        self.0.redactor().text(text)
    }
}
