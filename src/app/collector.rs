//! The way to the collector of `[telemetry]`.

use std::time::Duration;

use crate::clients::endpoint;
use crate::config::Config;

/// How long the way to it may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The HTTP client for an address of the collector.
///
/// # Errors
/// Why there is none.
pub fn client(config: &Config, url: &str) -> Result<reqwest::Client, String> {
    let url = url.parse().map_err(|error| format!("{url} cannot be read: {error}"))?;
    let ca = config.telemetry.ca.as_ref().and_then(|reference| config.authorities.get(reference));
    let timeout = config.telemetry.settings.timeout;
    let builder = endpoint::builder(&url, ca)?.connect_timeout(CONNECT_TIMEOUT.min(timeout)).timeout(timeout);
    builder.build().map_err(|error| error.to_string())
}
