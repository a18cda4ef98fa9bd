//! One GET over a connection that is there already: TLS if the address wants it, HTTP/1.1 or HTTP/2, and what is in
//! the way of it.

use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::header::{AUTHORIZATION, CONNECTION, HOST, USER_AGENT};
use hyper::http::request::Builder;
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use percent_encoding::percent_decode_str;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::super::overheard::{FirstWords, Overheard, Spoken};
use super::super::tls;
use super::super::transport::Stream;
use crate::domain::fault::{AnswerFault, Speaks};

/// An address that can be asked.
pub(super) struct Question {
    uri: Uri,
    host: String,
    tls: bool,
}

/// What was answered.
pub(super) struct Answer {
    pub status: u16,
    /// As much of it as was wanted.
    pub body: Vec<u8>,
}

type Asked = Result<Response<Incoming>, hyper::Error>;

impl Question {
    pub(super) fn of(url: &str) -> Option<Self> {
        let uri = url.parse::<Uri>().ok()?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(_) | None => return None,
        };
        let host = uri.host()?.trim_matches(['[', ']']).to_owned();
        Some(Self { uri, host, tls })
    }

    /// Whether it is asked without TLS.
    pub(super) fn is_plain(&self) -> bool {
        !self.tls
    }

    /// Without brackets.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or(if self.tls { 443 } else { 80 })
    }

    /// `host:port` as it is written, without the login and without the dot that ends a full name: servers and certificates
    /// know none.
    fn authority(&self) -> String {
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let authority = authority.rsplit_once('@').map_or(authority, |(_, rest)| rest);
        authority.replacen(&self.host, self.name(), 1)
    }

    fn name(&self) -> &str {
        self.host.strip_suffix('.').unwrap_or(&self.host)
    }

    fn request(&self) -> Builder {
        let request = Request::get("/").header(USER_AGENT, concat!("rmm/", env!("CARGO_PKG_VERSION")));
        let login =
            self.uri.authority().and_then(|authority| authority.as_str().rsplit_once('@')).map(|(login, _)| login);
        match login {
            Some(login) => request.header(
                AUTHORIZATION,
                format!("Basic {}", BASE64_STANDARD.encode(percent_decode_str(login).collect::<Vec<u8>>())),
            ),
            None => request,
        }
    }

    /// Asks, as the address says with or without TLS, and reads the answer as far as `most` bytes of the body.
    pub(super) async fn ask(
        &self,
        stream: Box<dyn Stream>,
        trust: Arc<ClientConfig>,
        most: usize,
    ) -> Result<Answer, AnswerFault> {
        if !self.tls {
            return self.ask_plainly(stream, most).await;
        }
        let (stream, overheard) = Overheard::new(stream);
        let name = ServerName::try_from(self.name().to_owned()).map_err(|_| AnswerFault::NoName)?;
        let connected = TlsConnector::from(trust).connect(name, stream).await;
        let stream = connected.map_err(|error| without_tls(&overheard, &error))?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        // Now the first bytes inside TLS.
        let (stream, overheard) = Overheard::new(Box::new(stream));
        if !http2 {
            return self.in_http1(stream, overheard, most).await;
        }
        let broken = |error: hyper::Error| AnswerFault::Http2BrokenOff { said: deepest(&error) };
        let (mut sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.map_err(broken)?;
        tokio::spawn(connection);
        let path = self.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let request = self.request().uri(format!("https://{}{path}", self.authority())).body(Empty::<Bytes>::new());
        let request = request.map_err(|_| AnswerFault::NotAnAddress)?;
        read(sender.send_request(request).await, &overheard, most).await
    }

    /// Asks without TLS.
    pub(super) async fn ask_plainly(&self, stream: Box<dyn Stream>, most: usize) -> Result<Answer, AnswerFault> {
        let (stream, overheard) = Overheard::new(stream);
        self.in_http1(stream, overheard, most).await
    }

    async fn in_http1(&self, stream: Overheard, overheard: FirstWords, most: usize) -> Result<Answer, AnswerFault> {
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| without_http(&overheard, &error))?;
        // Ends with the answer: the sender is dropped at the end.
        tokio::spawn(connection);
        let path = self.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let request = self.request().uri(path).header(HOST, self.authority()).header(CONNECTION, "close");
        let request = request.body(Empty::<Bytes>::new()).map_err(|_| AnswerFault::NotAnAddress)?;
        read(sender.send_request(request).await, &overheard, most).await
    }
}

async fn read(asked: Asked, overheard: &FirstWords, most: usize) -> Result<Answer, AnswerFault> {
    let mut response = asked.map_err(|error| without_http(overheard, &error))?;
    let mut body = Vec::new();
    while body.len() < most {
        match response.frame().await {
            Some(Ok(frame)) => body.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
            Some(Err(_)) | None => break,
        }
    }
    Ok(Answer { status: response.status().as_u16(), body })
}

/// The words of whatever is at the bottom of an error.
fn deepest(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), deepest)
}

/// What is spoken instead of what was expected, if it tells.
fn other_than(heard: &FirstWords, expected: Spoken) -> Option<Speaks> {
    match heard.spoken() {
        Some(spoken) if spoken == expected => None,
        Some(Spoken::Tls) => Some(Speaks::Tls),
        Some(Spoken::Http) => Some(Speaks::Http),
        Some(Spoken::Http2) => Some(Speaks::Http2),
        Some(Spoken::Ssh) => Some(Speaks::Ssh),
        None => heard.line().map(|line| Speaks::Other { line }),
    }
}

/// Why a handshake of TLS came to nothing.
fn without_tls(heard: &FirstWords, error: &io::Error) -> AnswerFault {
    if let Some(speaks) = other_than(heard, Spoken::Tls) {
        AnswerFault::NotTls { speaks }
    } else if let Some(fault) = tls::fault(error) {
        AnswerFault::Tls { fault }
    } else if heard.is_silent() {
        AnswerFault::CutBeforeTls
    } else {
        AnswerFault::CutDuringTls { said: error.to_string() }
    }
}

/// Why there is no answer in HTTP.
fn without_http(heard: &FirstWords, error: &hyper::Error) -> AnswerFault {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    if let Some(fault) = source.and_then(tls::fault) {
        return AnswerFault::Tls { fault };
    }
    match other_than(heard, Spoken::Http) {
        None if heard.is_silent() => AnswerFault::CutBeforeHttp,
        speaks => AnswerFault::NotHttp { speaks },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_name_is_looked_up_with_its_dot_and_asked_for_without() {
        for (url, looked_up, name, authority) in [
            ("https://me:x@shop.example.:8443/a", "shop.example.", "shop.example", "shop.example:8443"),
            ("http://shop.example./", "shop.example.", "shop.example", "shop.example"),
            ("https://[::1]:8443/", "::1", "::1", "[::1]:8443"),
        ] {
            let question = Question::of(url).unwrap();
            assert_eq!((question.host(), question.name(), &*question.authority()), (looked_up, name, authority));
        }
    }
}
