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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::clients::issuer::testing::served_over_tls;
    use crate::config::EnvVars;

    #[tokio::test]
    async fn a_collector_of_an_own_authority_is_reached_where_it_is_trusted() {
        let (url, authority) = served_over_tls(&[]).await;
        let reached = async |file: String| {
            let env = EnvVars::from([("CA".to_owned(), authority.clone())]);
            let config = Config::parse(&file, "rmm.toml", Path::new("/etc/rmm"), &env).unwrap();
            client(&config, &url).unwrap().get(&url).send().await.is_ok()
        };
        let file = format!("[telemetry]\nendpoint = \"{url}\"\n");
        assert!(!reached(file.clone()).await);
        assert!(reached(format!("{file}ca = \"env:CA\"\n")).await);
    }
}
