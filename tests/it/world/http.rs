//! Calls to RMM: over its address and over its socket, well-formed ones and others.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::{World, described};

/// A caller.
#[derive(Clone)]
pub struct Caller<'w> {
    world: &'w World,
    token: Option<String>,
    on_socket: bool,
    accept: Option<&'static str>,
    from: Option<IpAddr>,
}

/// What RMM answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    headers: reqwest::header::HeaderMap,
}

impl<'w> Caller<'w> {
    pub fn on_socket(world: &'w World) -> Self {
        Self { world, token: None, on_socket: true, accept: None, from: None }
    }

    pub fn with_token(world: &'w World, token: Option<String>) -> Self {
        Self { world, token, on_socket: false, accept: None, from: None }
    }

    /// The same, who wants answers of this type.
    pub fn accepting(mut self, accept: &'static str) -> Self {
        self.accept = Some(accept);
        self
    }

    /// The same, who calls from another address of this machine.
    pub fn from(mut self, address: [u8; 4]) -> Self {
        self.from = Some(address.into());
        self
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None).await.unwrap_or_else(|| panic!("no answer to GET {path}"))
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_bytes(path, body.to_string()).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        let answer = self.ask("PATCH", path, Some(body.to_string().into_bytes())).await;
        answer.unwrap_or_else(|| panic!("no answer to PATCH {path}"))
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        let answer = self.ask("PUT", path, Some(body.to_string().into_bytes())).await;
        answer.unwrap_or_else(|| panic!("no answer to PUT {path}"))
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, None).await.unwrap_or_else(|| panic!("no answer to DELETE {path}"))
    }

    /// A POST of anything.
    pub async fn post_bytes(&self, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        let answer = self.ask("POST", path, Some(body.into())).await;
        answer.unwrap_or_else(|| panic!("no answer to POST {path}"))
    }

    /// Any call; none when RMM is dead or dies meanwhile.
    pub async fn ask(&self, method: &str, path: &str, body: Option<Vec<u8>>) -> Option<Answer> {
        let response = self.send(method, path, body, &[]).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.ok()?.to_vec();
        described::knows(method, path, status);
        Some(Answer { status, body, headers })
    }

    /// Any call, with headers; the answer's body is still to be read.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Option<reqwest::Response> {
        let mut client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).local_address(self.from);
        let mut host = String::from("socket");
        if self.on_socket {
            client = client.unix_socket(self.world.data().join("rmm.sock"));
        } else {
            host = self.world.address_if_alive()?.to_string();
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = client.build().unwrap().request(method, format!("http://{host}{path}"));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(accept) = self.accept {
            request = request.header("accept", accept);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        request.send().await.ok()
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn with_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// The body of an answer of 2xx.
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.text());
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// A problem document with this status and code; answers with its sentence.
    pub fn refused(self, status: u16, code: &str) -> String {
        let problem = self.problem();
        assert_eq!(
            (problem["status"].as_u64(), problem["code"].as_str()),
            (Some(status.into()), Some(code)),
            "{problem}"
        );
        problem["detail"].as_str().unwrap().to_owned()
    }

    /// A refusal of bad input (4xx) that names the field and the rule.
    pub fn names(self, field: &str) -> String {
        let problem = self.problem();
        assert!((400..500).contains(&problem["status"].as_u64().unwrap()), "{problem}");
        assert_eq!(problem["field"], field, "{problem}");
        problem["detail"].as_str().unwrap().to_owned()
    }

    /// A whole problem document (RFC 9457).
    pub fn problem(self) -> Value {
        assert_eq!(self.header("content-type"), "application/problem+json", "{} {}", self.status, self.text());
        let problem = self.json();
        for key in ["type", "title", "code", "detail"] {
            assert!(problem[key].as_str().is_some_and(|text| !text.is_empty()), "no {key}: {problem}");
        }
        assert_eq!(problem["status"], self.status, "{problem}");
        problem
    }
}

/// A bare connection, to say what no client would.
pub struct Wire {
    stream: TcpStream,
    pub heard: Vec<u8>,
}

impl Wire {
    pub async fn to(world: &World) -> Self {
        Self { stream: TcpStream::connect(world.address()).await.unwrap(), heard: Vec::new() }
    }

    /// Of a client that can hold next to nothing of an answer.
    pub async fn narrow(world: &World) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Self { stream: socket.connect(world.address()).await.unwrap(), heard: Vec::new() }
    }

    /// Sends without listening.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Whether RMM still takes what is sent; what it says meanwhile is kept.
    pub async fn say(&mut self, bytes: &[u8]) -> bool {
        let (mut reading, mut writing) = self.stream.split();
        let mut buffer = [0; 4096];
        tokio::select! {
            biased;
            count = reading.read(&mut buffer) => {
                self.heard.extend_from_slice(&buffer[..count.unwrap_or(0)]);
                false
            }
            sent = writing.write_all(bytes) => sent.is_ok(),
        }
    }

    /// Everything that RMM says until it hangs up; none when it does not within the time.
    pub async fn until_closed(&mut self, limit: Duration) -> Option<String> {
        let mut buffer = [0; 4096];
        let listening = async {
            while let Ok(count) = self.stream.read(&mut buffer).await {
                if count == 0 {
                    break;
                }
                self.heard.extend_from_slice(&buffer[..count]);
            }
        };
        tokio::time::timeout(limit, listening).await.ok()?;
        Some(String::from_utf8_lossy(&self.heard).into_owned())
    }
}
