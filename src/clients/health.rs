//! Asks an address whether the service behind it is well, from RMM's own machine or through a host.
//!
//! Follows no redirects (a login page would look healthy) and reads no more of the body than an error message needs.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper::http::uri::{Authority, PathAndQuery};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;

use super::transport::{Stream, Transport, TransportError};

/// What is shown of a body, in bytes.
const EXCERPT: usize = 300;
/// How much of a body is searched, in bytes.
const SEARCHED: usize = 64 * 1024;

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

    /// One GET from RMM's own machine. Well means: the expected answer within `timeout`.
    ///
    /// # Errors
    /// A sentence that says what was answered instead.
    pub async fn get(&self, url: &str, expected: Expected<'_>, timeout: Duration) -> Result<String, String> {
        let asked = self.client.get(url).timeout(timeout).send().await;
        let mut response = asked.map_err(|error| sentence(url, &error, timeout))?;
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        while bytes.len() < expected.most() {
            match response.chunk().await {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
        expected.judge(url, status, &bytes)
    }
}

/// What a healthy surface answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expected<'a> {
    /// The status; without it every 2xx.
    pub status: Option<u16>,
    /// What the body contains.
    pub body: Option<&'a str>,
}

impl Expected<'_> {
    /// How much of the body has to be read, in bytes.
    fn most(self) -> usize {
        if self.body.is_some() { SEARCHED } else { EXCERPT }
    }

    fn judge(self, url: &str, status: u16, body: &[u8]) -> Result<String, String> {
        let good = self.status.map_or((200..300).contains(&status), |wanted| wanted == status);
        let text = String::from_utf8_lossy(body);
        if good && self.body.is_none_or(|wanted| text.contains(wanted)) {
            return Ok(format!("{url} answered {status}"));
        }
        let shown = excerpt(&text);
        let shown = if shown.is_empty() { String::new() } else { format!(": {shown}") };
        match self.body.filter(|_| good) {
            Some(wanted) => Err(format!("{url} answered {status} without {wanted:?}{shown}")),
            None => Err(format!("{url} answered {status}{shown}")),
        }
    }
}

/// Why a question was not answered well.
#[derive(Debug)]
pub enum Unwell {
    /// The surface; a sentence.
    Surface(String),
    /// The host could not be asked, which says nothing about the surface.
    Host(TransportError),
}

/// One GET from a host itself, over a connection that it opens. Plain HTTP only.
///
/// # Errors
/// [`Unwell`] with what was answered instead.
pub async fn get_over(
    host: &dyn Transport,
    url: &str,
    expected: Expected<'_>,
    timeout: Duration,
) -> Result<String, Unwell> {
    let late = || Unwell::Surface(format!("{url} did not answer within {} ms", timeout.as_millis()));
    let address = url.parse::<Uri>().ok().filter(|uri| uri.scheme_str() == Some("http"));
    let Some((name, uri)) = address.and_then(|uri| Some((uri.host()?.to_owned(), uri))) else {
        return Err(Unwell::Surface(format!("{url} is not an address that a host can be asked for")));
    };
    let asked = async {
        let stream = open(host, name.trim_matches(['[', ']']), uri.port_u16().unwrap_or(80)).await?;
        let improper = |_| Unwell::Surface(format!("{url} did not answer properly"));
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(improper)?;
        // Ends with the answer: the sender is dropped at the end.
        tokio::spawn(connection);
        let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let authority = uri.authority().map_or(name.as_str(), Authority::as_str);
        let request = Request::get(path)
            .header("host", authority)
            .header("user-agent", concat!("rmm/", env!("CARGO_PKG_VERSION")))
            .header("connection", "close")
            .body(Empty::<Bytes>::new())
            .map_err(|_| Unwell::Surface(format!("{url} is not an address that can be asked")))?;
        let mut response = sender.send_request(request).await.map_err(improper)?;
        let mut bytes = Vec::new();
        while bytes.len() < expected.most() {
            match response.frame().await {
                Some(Ok(frame)) => bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
                Some(Err(_)) | None => break,
            }
        }
        expected.judge(url, response.status().as_u16(), &bytes).map_err(Unwell::Surface)
    };
    tokio::time::timeout(timeout, asked).await.unwrap_or_else(|_| Err(late()))
}

/// Whether `host:port` accepts a connection, as seen from a host.
///
/// # Errors
/// [`Unwell`] when it does not.
pub async fn reach_over(host: &dyn Transport, address: &str, timeout: Duration) -> Result<String, Unwell> {
    let Some((name, port)) = address.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse().ok()?))) else {
        return Err(Unwell::Surface(format!("{address} is not host:port")));
    };
    let opened = tokio::time::timeout(timeout, open(host, name.trim_matches(['[', ']']), port)).await;
    match opened {
        Ok(Ok(_)) => Ok(format!("{address} accepts connections")),
        Ok(Err(unwell)) => Err(unwell),
        Err(_) => Err(Unwell::Surface(format!("{address} did not answer within {} ms", timeout.as_millis()))),
    }
}

async fn open(host: &dyn Transport, name: &str, port: u16) -> Result<Box<dyn Stream>, Unwell> {
    host.connect(name, port).await.map_err(|error| {
        if let TransportError::Refused(reason) = error { Unwell::Surface(reason) } else { Unwell::Host(error) }
    })
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

fn excerpt(text: &str) -> String {
    let mut end = text.len().min(EXCERPT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}
