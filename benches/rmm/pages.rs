//! The pages of the dashboard with 1,000,000 releases of 200 services, 50 of them on their way, at 200 requests a second; how much a page
//! weighs; and what viewers cost who only watch.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustix::net::{AddressFamily, SocketType};

use crate::lists::load_at;
use crate::seed;
use crate::server::Server;
use crate::table::Table;

/// Requests a second.
const RATE: f64 = 200.0;
const WARM_UP: Duration = Duration::from_secs(1);
const TIME: Duration = Duration::from_secs(5);
/// Sessions, and pages that each of them has open.
const SESSIONS: usize = 67;
const SCREENS: usize = 15;

pub fn measure(table: &mut Table) -> anyhow::Result<()> {
    let server = Server::start(&seed::directory(1_000_000)?, &seed::services())?;
    let cookie = sign_in(&server)?;
    let pages = [
        ("board", "/", 10.0),
        ("release", "/releases/500001", 10.0),
        ("release that is on its way", "/releases/999990", 10.0),
        ("service", "/services/service-007", 10.0),
        ("audit", "/audit", 10.0),
        ("search by tag", "/releases?q=v1.512.7", 10.0),
        ("search by person", "/releases?q=gommgo", 10.0),
        ("insights, a year of all services", "/insights?period=1y", 50.0),
        ("insights, a year of one service", "/insights?period=1y&service=service-007", 50.0),
    ];
    for (name, path, limit) in pages {
        let request = get(path, &cookie);
        load_at(server.address, &request, RATE, WARM_UP)?;
        let before = server.cpu()?;
        let mut found = load_at(server.address, &request, RATE, TIME)?;
        let cost = (server.cpu()? - before).as_secs_f64() * 1e6 / found.count() as f64;
        let p99 = found.percentile(0.99);
        let weight = ask(server.address, &compressed(path, &cookie))?.len();
        table.target(&format!("{name}, 200/s"), found.text(), &format!("p99 < {limit} ms"), p99 < limit);
        table.note("  processor time a page", format!("{cost:.0} µs"));
        table.note("  weight, compressed", format!("{:.1} KB", weight as f64 / 1e3));
    }
    viewers(table, &server)
}

/// Signs the operator in: the cookie.
pub fn sign_in(server: &Server) -> anyhow::Result<String> {
    let made = server.operator()?.json("POST", "/api/v1/login-links", r#"{"person":null}"#)?;
    let url = made["url"].as_str().context("no link")?.to_owned();
    let body = format!("code={}", url.rsplit('/').next().unwrap_or_default());
    let request = format!(
        "POST /login HTTP/1.1\r\nhost: rmm\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = String::from_utf8_lossy(&ask(server.address, request.as_bytes())?).into_owned();
    // The last one is the session's, as for a browser: those before it take older ones away.
    let cookie = answer.rsplit_once("set-cookie: ").and_then(|(_, rest)| rest.split(';').next());
    cookie.map(ToOwned::to_owned).with_context(|| format!("no cookie: {answer}"))
}

fn get(path: &str, cookie: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: rmm\r\naccept: text/html\r\ncookie: {cookie}\r\n\r\n").into_bytes()
}

/// A page as a browser asks for it, on a connection of its own.
pub fn compressed(path: &str, cookie: &str) -> Vec<u8> {
    let head = "host: rmm\r\nconnection: close\r\naccept: text/html\r\naccept-encoding: gzip";
    format!("GET {path} HTTP/1.1\r\n{head}\r\ncookie: {cookie}\r\n\r\n").into_bytes()
}

/// All that comes back on a connection of its own.
pub fn ask(address: SocketAddr, request: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// People who have the board open: what they cost, and when a change reaches the last of them.
fn viewers(table: &mut Table, server: &Server) -> anyhow::Result<()> {
    let (before, _) = server.memory()?;
    let mut streams = Vec::new();
    for session in 0..SESSIONS {
        let cookie = sign_in(server)?;
        for _ in 0..SCREENS {
            let mut stream = connect_from(session, server.address)?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            stream.write_all(&get("/live?from=0", &cookie))?;
            streams.push(stream);
        }
    }
    // What happened before they came is told at once.
    for stream in &mut streams {
        until(stream, b"changed")?;
    }
    std::thread::sleep(Duration::from_secs(1));
    for stream in &mut streams {
        drain(stream)?;
    }
    let (after, _) = server.memory()?;
    let count = streams.len();
    let cost = after - before;
    table.target(&format!("{count} viewers of the board"), format!("{cost:.1} MB"), "< 60 MB", cost < 60.0);

    sign_in(server)?;
    let changed = Instant::now();
    for stream in &mut streams {
        until(stream, b"changed")?;
    }
    let millis = changed.elapsed().as_secs_f64() * 1e3;
    table.target("  a change reaches the last of them", format!("{millis:.0} ms"), "< 200 ms", millis < 200.0);
    Ok(())
}

/// A connection from an address of this machine that only this session has: one address may not have so many.
fn connect_from(session: usize, to: SocketAddr) -> anyhow::Result<TcpStream> {
    let own = SocketAddr::from(([127, 0, 1, u8::try_from(session + 1)?], 0));
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
    rustix::net::bind(&socket, &own)?;
    rustix::net::connect(&socket, &to)?;
    Ok(socket.into())
}

/// Reads what has arrived.
fn drain(stream: &mut TcpStream) -> anyhow::Result<()> {
    stream.set_nonblocking(true)?;
    while stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {}
    Ok(stream.set_nonblocking(false)?)
}

fn until(stream: &mut TcpStream, what: &[u8]) -> anyhow::Result<()> {
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    while !seen.windows(what.len()).any(|window| window == what) {
        let count = stream.read(&mut buffer)?;
        ensure!(count > 0, "the stream ended");
        seen.extend_from_slice(&buffer[..count]);
    }
    Ok(())
}
