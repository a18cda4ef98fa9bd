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
    let address = url.parse::<Uri>().ok().filter(|uri| uri.scheme_str() == Some("http"));
    let Some((name, uri)) = address.and_then(|uri| Some((uri.host()?.to_owned(), uri))) else {
        return Err(Unwell::Surface(format!("{url} is not an address that a host can be asked for")));
    };
    let asked = async {
        let stream = open(host, name.trim_matches(['[', ']']), uri.port_u16().unwrap_or(80)).await?;
        let improper = |_| Silence::Broken;
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
            .map_err(|_| Silence::Broken)?;
        let mut response = sender.send_request(request).await.map_err(improper)?;
        let mut bytes = Vec::new();
        while bytes.len() < expected.most() {
            match response.frame().await {
                Some(Ok(frame)) => bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
                Some(Err(_)) | None => break,
            }
        }
        Ok(expected.judge(url, response.status().as_u16(), &bytes))
    };
    match tokio::time::timeout(timeout, asked).await.unwrap_or(Err(Silence::Late)) {
        Ok(judged) => judged.map_err(Unwell::Surface),
        Err(silence) => Err(silence.blame(host, url, timeout).await),
    }
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
    match opened.unwrap_or(Err(Silence::Late)) {
        Ok(_) => Ok(format!("{address} accepts connections")),
        Err(silence) => Err(silence.blame(host, address, timeout).await),
    }
}

async fn open(host: &dyn Transport, name: &str, port: u16) -> Result<Box<dyn Stream>, Silence> {
    host.connect(name, port).await.map_err(Silence::Unopened)
}

/// Why there is no answer that could be judged.
enum Silence {
    Unopened(TransportError),
    Late,
    Broken,
}

impl Silence {
    /// Finds out whether the surface is to blame, or the way to its host: a host that can still run something is
    /// reachable.
    async fn blame(self, host: &dyn Transport, asked: &str, timeout: Duration) -> Unwell {
        let sentence = match self {
            Self::Unopened(TransportError::Refused(reason)) => return Unwell::Surface(reason),
            Self::Unopened(error) => return Unwell::Host(error),
            Self::Late => format!("{asked} did not answer within {} ms", timeout.as_millis()),
            Self::Broken => format!("{asked} took the connection, but did not answer in HTTP"),
        };
        let ended = match host.exec("exit 0", &[], &[]).await {
            Ok(channel) => channel.status.await,
            Err(error) => Err(error),
        };
        ended.map_or_else(Unwell::Host, |_| Unwell::Surface(sentence))
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

fn excerpt(text: &str) -> String {
    let mut end = text.len().min(EXCERPT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use futures_util::future::BoxFuture;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::clients::local::Local;
    use crate::clients::transport::{Channel, EnvPair};

    const SOON: Duration = Duration::from_millis(50);

    /// A host that opens nothing, and can be reached or not.
    struct Silent {
        reachable: bool,
    }

    impl Transport for Silent {
        fn exec<'a>(
            &'a self,
            script: &'a str,
            args: &'a [&'a str],
            env: &'a [EnvPair],
        ) -> BoxFuture<'a, Result<Channel, TransportError>> {
            Box::pin(async move {
                if self.reachable {
                    return Local::new().exec(script, args, env).await;
                }
                Err(TransportError::Unreachable("the line is cut".into()))
            })
        }

        fn connect<'a>(&'a self, _: &'a str, _: u16) -> BoxFuture<'a, Result<Box<dyn Stream>, TransportError>> {
            Box::pin(std::future::pending())
        }
    }

    /// Answers every question with `answer`.
    async fn server(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        format!("http://{address}/health")
    }

    async fn asked(url: &str, expected: Expected<'_>) -> Result<String, String> {
        let over =
            get_over(&Local::new(), url, expected, Duration::from_secs(10)).await.map_err(|unwell| match unwell {
                Unwell::Surface(reason) => reason,
                Unwell::Host(error) => panic!("{error}"),
            });
        let direct = Prober::new().unwrap().get(url, expected, Duration::from_secs(10)).await;
        assert_eq!(over, direct, "the same answer, whoever asks");
        over
    }

    #[tokio::test]
    async fn status_and_body_are_judged_alike_from_rmm_and_from_a_host() {
        let well = server("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nok 17").await;
        asked(&well, Expected::default()).await.unwrap();
        asked(&well, Expected { status: Some(200), body: Some("ok") }).await.unwrap();
        let other = asked(&well, Expected { status: Some(204), body: None }).await.unwrap_err();
        assert!(other.ends_with("answered 200: ok 17"), "{other}");
        let without = asked(&well, Expected { status: None, body: Some("fine") }).await.unwrap_err();
        assert!(without.ends_with("answered 200 without \"fine\": ok 17"), "{without}");
        let ill = server("HTTP/1.1 500 No\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbad").await;
        assert!(asked(&ill, Expected::default()).await.unwrap_err().ends_with("answered 500: bad"));
        asked(&ill, Expected { status: Some(500), body: None }).await.unwrap();
    }

    #[tokio::test]
    async fn silence_is_the_surfaces_fault_only_if_its_host_can_be_reached() {
        let url = "http://127.0.0.1:1/";
        for (reachable, blames_surface) in [(true, true), (false, false)] {
            let host = Silent { reachable };
            let http = get_over(&host, url, Expected::default(), SOON).await.unwrap_err();
            let tcp = reach_over(&host, "127.0.0.1:1", SOON).await.unwrap_err();
            for unwell in [http, tcp] {
                assert_eq!(matches!(unwell, Unwell::Surface(_)), blames_surface, "{unwell:?}");
            }
        }
        let broken = server("nonsense\r\n\r\n").await;
        let unwell = get_over(&Local::new(), &broken, Expected::default(), Duration::from_secs(10)).await.unwrap_err();
        assert!(matches!(unwell, Unwell::Surface(reason) if reason.contains("not answer in HTTP")));
    }
}
