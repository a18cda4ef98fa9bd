//! Asks an address whether the service behind it is well.
//!
//! Follows no redirects (a login page would look healthy) and reads no more of the body than an error message needs.

use std::time::Duration;

/// What is shown of a body, in bytes.
const EXCERPT: usize = 300;

/// An HTTP client for health checks.
#[derive(Debug, Clone)]
pub struct Prober {
    client: reqwest::Client,
}

impl Prober {
    /// Makes the client.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            // A proxy for the world outside would answer for services of this network, 127.0.0.1 included.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .user_agent(concat!("rmm/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client })
    }

    /// One GET. Well means: an answer of 2xx within `timeout`.
    ///
    /// # Errors
    /// A sentence that says what was answered instead.
    pub async fn get(&self, url: &str, timeout: Duration) -> Result<String, String> {
        let asked = self.client.get(url).timeout(timeout).send().await;
        let response = asked.map_err(|error| sentence(url, &error, timeout))?;
        let status = response.status();
        if status.is_success() {
            return Ok(format!("{url} answered {}", status.as_u16()));
        }
        let body = excerpt(response).await;
        let body = if body.is_empty() { String::new() } else { format!(": {body}") };
        Err(format!("{url} answered {}{body}", status.as_u16()))
    }
}

fn sentence(url: &str, error: &reqwest::Error, timeout: Duration) -> String {
    if error.is_timeout() {
        return format!("{url} did not answer within {} ms", timeout.as_millis());
    }
    if error.is_connect() {
        return format!("{url} could not be reached: nothing accepts connections there");
    }
    if error.is_builder() {
        return format!("{url} is not an address that can be asked");
    }
    format!("{url} did not answer properly")
}

async fn excerpt(mut response: reqwest::Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < EXCERPT {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk[..chunk.len().min(EXCERPT - bytes.len())]),
            Ok(None) | Err(_) => break,
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}
