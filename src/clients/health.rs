//! Asks an address whether the service behind it is well, from RMM's own machine or through a host.
//!
//! Follows no redirects (a login page would look healthy) and reads no more of the body than an error message needs.
//! Whatever is in the way of an answer is told by its own name: the name, the connection, TLS, the certificate, HTTP.

mod http;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::time::Instant;

use self::http::Question;
use super::dial::Dial;
use super::tls;
use super::transport::{Transport, TransportError};
use crate::domain::fault::{AnswerFault, HealthFault, TrustFault};
use crate::domain::reason::Reason;

/// What is shown of a body, in bytes.
const EXCERPT: usize = 300;
/// How much of a body is searched, in bytes.
const SEARCHED: usize = 64 * 1024;

/// An HTTP client for health checks.
#[derive(Debug, Clone)]
pub struct Prober {
    public: Arc<ClientConfig>,
}

impl Prober {
    /// Makes the client.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new() -> Result<Self, TrustFault> {
        Ok(Self { public: tls::client(None)? })
    }

    /// One GET from RMM's own machine, directly: a proxy for the world outside would answer for services of this
    /// network, 127.0.0.1 included. Well means: the expected answer within `timeout`. `ca` holds the authorities to
    /// trust beside the public ones, in PEM format.
    ///
    /// # Errors
    /// What was answered instead, or what is in the way of an answer.
    pub async fn get(
        &self,
        url: &str,
        expected: Expected<'_>,
        ca: Option<&str>,
        timeout: Duration,
    ) -> Result<String, HealthFault> {
        let question = Question::of(url).ok_or_else(|| HealthFault::NotAnAddress { url: url.to_owned() })?;
        let trust = match ca {
            None => Arc::clone(&self.public),
            Some(_) => tls::client(ca).map_err(|fault| HealthFault::Untrusting { url: url.to_owned(), fault })?,
        };
        let until = Instant::now() + timeout;
        let dial = Dial { host: question.host(), port: question.port(), limit: timeout, speaks_first: false };
        let stream = dial.connect().await.map_err(|fault| unreached(url, Reason::NotConnected { fault }))?;
        let asked = question.ask(Box::new(stream), trust, expected.most());
        match tokio::time::timeout_at(until, asked).await {
            Ok(Ok(answer)) => expected.judge(url, answer.status, &answer.body),
            Ok(Err(fault)) => Err(HealthFault::Unanswered { asked: url.to_owned(), fault }),
            Err(_) => Err(HealthFault::Late { asked: url.to_owned(), limit: timeout }),
        }
    }
}

fn unreached(asked: &str, cause: Reason) -> HealthFault {
    HealthFault::Unreached { asked: asked.to_owned(), cause: Box::new(cause) }
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

    fn judge(self, url: &str, status: u16, body: &[u8]) -> Result<String, HealthFault> {
        let good = self.status.map_or((200..300).contains(&status), |wanted| wanted == status);
        let text = String::from_utf8_lossy(body);
        if good && self.body.is_none_or(|wanted| text.contains(wanted)) {
            return Ok(format!("{url} answered {status}"));
        }
        let url = url.to_owned();
        let said = Some(excerpt(&text)).filter(|shown| !shown.is_empty());
        Err(match self.body.filter(|_| good) {
            Some(wanted) => HealthFault::WithoutText { url, status, wanted: wanted.to_owned(), said },
            None => HealthFault::Status { url, status, wanted: self.status, said },
        })
    }
}

/// Why a question was not answered well.
#[derive(Debug)]
pub enum Unwell {
    /// The surface.
    Surface(HealthFault),
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
    let Some(question) = Question::of(url).filter(Question::is_plain) else {
        return Err(Unwell::Surface(HealthFault::NotForHosts { url: url.to_owned() }));
    };
    let until = Instant::now() + timeout;
    let asked = async {
        let opened = host.connect(question.host(), question.port(), timeout).await;
        let asked = question.ask_plainly(opened.map_err(Silence::Unopened)?, expected.most());
        tokio::time::timeout_at(until, asked).await.map_err(|_| Silence::Late)?.map_err(Silence::Broken)
    };
    match asked.await {
        Ok(answer) => expected.judge(url, answer.status, &answer.body).map_err(Unwell::Surface),
        Err(silence) => Err(silence.blame(host, url, timeout).await),
    }
}

/// Whether `host:port` accepts a connection, as seen from a host.
///
/// # Errors
/// [`Unwell`] when it does not.
pub async fn reach_over(host: &dyn Transport, address: &str, timeout: Duration) -> Result<String, Unwell> {
    let Some((name, port)) = address.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse().ok()?))) else {
        return Err(Unwell::Surface(HealthFault::NoPort { address: address.to_owned() }));
    };
    match host.connect(name.trim_matches(['[', ']']), port, timeout).await {
        Ok(_) => Ok(format!("{address} accepts connections")),
        Err(error) => Err(Silence::Unopened(error).blame(host, address, timeout).await),
    }
}

/// Why there is no answer that could be judged.
enum Silence {
    Unopened(TransportError),
    Late,
    Broken(AnswerFault),
}

impl Silence {
    /// Finds out whether the surface is to blame, or the way to its host: a host that can still run something is
    /// reachable.
    async fn blame(self, host: &dyn Transport, asked: &str, timeout: Duration) -> Unwell {
        let fault = match self {
            Self::Unopened(TransportError::Refused(cause) | TransportError::Forbidden(cause)) => {
                return Unwell::Surface(unreached(asked, cause));
            }
            Self::Unopened(TransportError::Silent(cause)) => unreached(asked, cause),
            Self::Unopened(error) => return Unwell::Host(error),
            Self::Late => HealthFault::Late { asked: asked.to_owned(), limit: timeout },
            Self::Broken(fault) => HealthFault::Unanswered { asked: asked.to_owned(), fault },
        };
        let ended = match host.exec("exit 0", &[], &[]).await {
            Ok(channel) => channel.status.await,
            Err(error) => Err(error),
        };
        ended.map_or_else(Unwell::Host, |_| Unwell::Surface(fault))
    }
}

fn excerpt(text: &str) -> String {
    let mut end = text.len().min(EXCERPT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}
