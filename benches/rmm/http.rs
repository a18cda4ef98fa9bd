//! As much of HTTP/1.1 as a load generator needs: requests rendered beforehand, answers measured by their length.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, ensure};

/// A request, ready to be sent.
pub fn request(method: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: rmm\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Where the body of an answer begins and ends, once its head has arrived.
pub fn extent(answer: &[u8]) -> anyhow::Result<Option<(usize, usize)>> {
    const LENGTH: &[u8] = b"\r\ncontent-length: ";
    let Some(head) = find(answer, b"\r\n\r\n") else { return Ok(None) };
    let at = find(&answer[..head], LENGTH).context("an answer without a length")? + LENGTH.len();
    let digits = answer[at..].iter().take_while(|byte| byte.is_ascii_digit());
    let length = digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
    Ok(Some((head + 4, head + 4 + length)))
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// A connection that waits for each answer.
pub struct Connection<S> {
    stream: S,
    buffer: Vec<u8>,
}

impl Connection<TcpStream> {
    pub fn tcp(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 256 * 1024] })
    }
}

impl Connection<UnixStream> {
    pub fn unix(path: &Path) -> anyhow::Result<Self> {
        Ok(Self { stream: UnixStream::connect(path)?, buffer: vec![0; 256 * 1024] })
    }
}

impl<S: Read + Write> Connection<S> {
    /// Sends a request; the body of its answer, which must be a success.
    pub fn call(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        self.stream.write_all(request)?;
        let mut length = 0;
        loop {
            if length == self.buffer.len() {
                self.buffer.resize(2 * length, 0);
            }
            let count = self.stream.read(&mut self.buffer[length..])?;
            length += count;
            ensure!(count > 0, "the connection was closed");
            if let Some((body, end)) = extent(&self.buffer[..length])?
                && end <= length
            {
                let answer = &self.buffer[..end];
                ensure!(answer.starts_with(b"HTTP/1.1 2"), "refused: {}", String::from_utf8_lossy(answer));
                return Ok(&self.buffer[body..end]);
            }
        }
    }

    /// Sends a body and reads JSON.
    pub fn json(&mut self, method: &str, path: &str, body: &str) -> anyhow::Result<serde_json::Value> {
        let answer = self.call(&request(method, path, "none", body))?;
        serde_json::from_slice(answer).context("the answer is not JSON")
    }
}
