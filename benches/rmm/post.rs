//! `POST /release`, the original call, with a new release each time: as many as 32 connections bring in.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::server::Server;
use crate::table::{Latencies, Table};
use crate::{bare, http, machine, seed};

/// Connections at the same time.
pub const CONNECTIONS: usize = 32;
const WARM_UP: Duration = Duration::from_secs(2);
const TIME: Duration = Duration::from_secs(12);
/// Stands for the number of the release in the request; as long as every number.
const NUMBER: &str = "##########";

/// What came of a load.
pub struct Load {
    /// Answers a second.
    pub rate: f64,
    /// From each request to its answer.
    pub latencies: Latencies,
}

pub fn measure(table: &mut Table) -> anyhow::Result<()> {
    let directory = tempfile::Builder::new().prefix("post-").tempdir_in(machine::directory())?;
    let server = Server::start(directory.path(), &seed::ci_service("app", ""))?;
    let token = server.token("ci")?;
    let mut first = 1_000_000_000;
    load(server.address, &token, CONNECTIONS, WARM_UP, &mut first)?;
    let before = server.cpu()?;
    let mut many = load(server.address, &token, CONNECTIONS, TIME, &mut first)?;
    let cpu = (server.cpu()? - before).as_secs_f64() * 1e6 / many.latencies.count() as f64;
    let mut one = load(server.address, &token, 1, WARM_UP, &mut first)?;
    drop(server);

    let mut asking = with_repository(&directory.path().join("asking"))?;
    let bare_many = bare::rate(CONNECTIONS, Duration::from_secs(5))?;
    let bare_one = bare::rate(1, Duration::from_secs(2))?;

    let p99 = many.latencies.percentile(0.99);
    table.target("POST /release, 32 connections", format!("{:.0}/s", many.rate), "≥ 10000/s", many.rate >= 10_000.0);
    table.target("  latency", many.latencies.text(), "p99 < 25 ms", p99 < 25.0);
    table.note("  processor time of the server", format!("{cpu:.0} µs each"));
    table.note("  bare group-commit loop, 32 writers", format!("{bare_many:.0}/s"));
    let (load, memory) = &mut asking;
    table.note(
        "POST /release, 32 connections, git asked for each tag",
        format!("{:.0}/s, {}; {memory:.1} MB at most", load.rate, load.latencies.text()),
    );
    table.note("POST /release, 1 connection", format!("{:.0}/s, {}", one.rate, one.latencies.text()));
    table.note("  bare group-commit loop, 1 writer", format!("{bare_one:.0}/s"));
    Ok(())
}

/// With a repository, where RMM looks the commit of each tag up in the background, as fast as it can. Also the most
/// memory that this took, in MB.
fn with_repository(directory: &Path) -> anyhow::Result<(Load, f64)> {
    let repository = directory.join("repository.git");
    let made = Command::new("git").args(["init", "--quiet", "--bare"]).arg(&repository).status()?;
    ensure!(made.success(), "git cannot make a repository");
    let services = seed::ci_service("app", &format!("repository = \"{}\"\n", repository.display()));
    let server = Server::start(directory, &services)?;
    let token = server.token("ci")?;
    let load = load(server.address, &token, CONNECTIONS, TIME / 2, &mut 1_000_000_000)?;
    let (_, memory) = server.memory()?;
    Ok((load, memory))
}

/// Sends for a time over `connections`, each waiting for its answer, from one thread. `first` numbers the releases.
pub fn load(
    address: SocketAddr,
    token: &str,
    connections: usize,
    time: Duration,
    first: &mut u64,
) -> anyhow::Result<Load> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let body = format!(
        r#"{{"service_name":"app","release_tag":"v{NUMBER}","status":"initiated","initiated_by":"gommgo","github_run_id":"{NUMBER}","github_action_link":"https://github.com/team/app/actions/runs/{NUMBER}","github_ref":"refs/tags/v{NUMBER}"}}"#
    );
    let template = http::request("POST", "/release", token, &body);
    let next = Rc::new(Cell::new(*first));
    let latencies = Rc::new(RefCell::new(Latencies::default()));
    let tasks = LocalSet::new();
    let started = Instant::now();
    let clients: Vec<_> = (0..connections)
        .map(|_| {
            let (template, next, latencies) = (template.clone(), next.clone(), latencies.clone());
            tasks.spawn_local(async move { client(address, template, &next, &latencies, started + time).await })
        })
        .collect();
    runtime.block_on(tasks.run_until(async {
        for client in clients {
            client.await??;
        }
        anyhow::Ok(())
    }))?;
    let elapsed = started.elapsed().as_secs_f64();
    *first = next.get();
    drop(tasks);
    let latencies = latencies.take();
    Ok(Load { rate: latencies.count() as f64 / elapsed, latencies })
}

async fn client(
    address: SocketAddr,
    mut request: Vec<u8>,
    next: &Cell<u64>,
    latencies: &RefCell<Latencies>,
    until: Instant,
) -> anyhow::Result<()> {
    let places: Vec<_> = request
        .windows(NUMBER.len())
        .enumerate()
        .filter(|(_, window)| *window == NUMBER.as_bytes())
        .map(|(at, _)| at)
        .collect();
    let mut stream = TcpStream::connect(address).await.context("rmm does not listen")?;
    stream.set_nodelay(true)?;
    let mut buffer = [0; 4096];
    while Instant::now() < until {
        let number = next.replace(next.get() + 1).to_string();
        for at in &places {
            request[*at..*at + NUMBER.len()].copy_from_slice(number.as_bytes());
        }
        let sent = Instant::now();
        stream.write_all(&request).await?;
        let mut length = 0;
        let end = loop {
            length += stream.read(&mut buffer[length..]).await?;
            if let Some((_, end)) = http::extent(&buffer[..length])?
                && end <= length
            {
                break end;
            }
            ensure!(length > 0, "the connection was closed");
        };
        let created = end == length && buffer.starts_with(b"HTTP/1.1 201");
        ensure!(created, "not created: {}", String::from_utf8_lossy(&buffer[..length]));
        latencies.borrow_mut().add(sent.elapsed());
    }
    Ok(())
}
