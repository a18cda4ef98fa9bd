//! A year of a team: 20 services, 30 releases a day, every one of them really deployed to stage, rehearsed and deployed to production,
//! with output as a build has it. What the file weighs then, and how long pages, the start, a backup and a look through the record take.
//!
//! The releases are made once, twenty at the same time, and kept; that takes most of an hour.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::machine;
use crate::pages::{ask, compressed, sign_in};
use crate::server::{Server, binary};
use crate::steps::settled;
use crate::table::{Latencies, Table, median};

const SERVICES: u32 = 20;
const RELEASES: u32 = 30 * 365;
const STARTS: usize = 5;
/// Of each page.
const LOOKS: usize = 100;
/// What a deploy prints: some 20 KB, as a build does.
const PRINTS: &str = "seq -f '#%g [app internal] load build context, transferring 2.1MB done' 300";

pub fn measure(table: &mut Table) -> anyhow::Result<()> {
    let directory = machine::directory().join("year");
    let services: String = (0..SERVICES).map(service).collect();
    if !directory.join("complete").exists() {
        live(&directory, &services)?;
    }
    let database = directory.join("data/rmm.db");
    let megabytes = |path: &Path| -> anyhow::Result<f64> { Ok(fs::metadata(path)?.len() as f64 / 1e6) };
    table.note("a year: 20 services, 10,950 releases: the database", format!("{:.0} MB", megabytes(&database)?));
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(Server::start(&directory, &services)?.started_in.as_secs_f64() * 1e3);
    }
    table.note("  start to /readyz", format!("{:.0} ms", median(starts)));
    let server = Server::start(&directory, &services)?;
    let cookie = sign_in(&server)?;
    let release = RELEASES / 2;
    for (name, path) in [
        ("board", "/".to_owned()),
        ("releases", "/releases".to_owned()),
        ("release", format!("/releases/{release}")),
        ("log of a run", first_log(&server, release)?),
        ("service", "/services/service-07".to_owned()),
        ("audit", "/audit".to_owned()),
        ("search", "/releases?q=v1.100".to_owned()),
        ("insights, a year", "/insights?period=1y".to_owned()),
    ] {
        table.note(&format!("  page: {name}"), looks(&server, &path, &cookie)?.text());
    }
    let copy = directory.join("backup");
    let _ = fs::remove_file(&copy);
    let took = command(&directory, &["backup".as_ref(), copy.as_os_str()])?;
    table.note("  rmm backup", format!("{:.1} s, {:.0} MB", took.as_secs_f64(), megabytes(&copy)?));
    let took = command(&directory, &["audit".as_ref(), "verify".as_ref()])?;
    table.note("  rmm audit verify", format!("{:.1} s", took.as_secs_f64()));
    Ok(())
}

fn name(service: u32) -> String {
    format!("service-{service:02}")
}

fn service(number: u32) -> String {
    format!(
        "[[services]]\nname = \"{}\"\napprovals.minimum = 0\nenvironments.stage.driver = \"local\"\n\
         environments.production.driver = \"local\"\n[[services.surfaces]]\nname = \"app\"\nrecipe = \"commands\"\n\
         directory = \"/\"\ncheckout = false\ndeploy = \"{PRINTS}\"\nmigrate_up = \"true\"\nmigrate_down = \"true\"\n",
        name(number)
    )
}

/// Makes the releases: each service one after the other, all services at the same time. It goes on where it was broken off.
fn live(directory: &Path, services: &str) -> anyhow::Result<()> {
    let server = Server::start(directory, services)?;
    let newest =
        server.operator()?.json("GET", "/api/v1/releases?limit=1", "")?["releases"][0]["id"].as_u64().unwrap_or(0);
    let (started, next) = (Instant::now(), AtomicU32::new(newest.try_into()?));
    std::thread::scope(|scope| {
        let (server, next) = (&server, &next);
        let teams = (0..SERVICES).map(|service| scope.spawn(move || release_all(server, service, next)));
        let teams: Vec<_> = teams.collect();
        teams.into_iter().try_for_each(|team| team.join().map_err(|_| anyhow::anyhow!("a team has panicked"))?)
    })?;
    fs::write(directory.join("complete"), "")?;
    eprintln!("  made a year of releases in {:.0} s; it is kept", started.elapsed().as_secs_f64());
    Ok(())
}

/// Takes numbers as long as there are any.
fn release_all(server: &Server, service: u32, next: &AtomicU32) -> anyhow::Result<()> {
    let mut operator = server.operator()?;
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= RELEASES {
            return Ok(());
        }
        let body = format!(
            r#"{{"service":"{}","tag":"v1.{number}","commit":"{number:040x}","initiated_by":"bench"}}"#,
            name(service)
        );
        let id = operator.json("POST", "/api/v1/releases", &body)?["id"].as_i64().context("no number")?;
        settled(&mut operator, id, "deployed")?;
    }
}

/// The page with the output of a release's first run.
fn first_log(server: &Server, release: u32) -> anyhow::Result<String> {
    let runs = server.operator()?.json("GET", &format!("/api/v1/releases/{release}/runs"), "")?;
    let run = runs[0]["id"].as_i64().context("a release without a run")?;
    Ok(format!("/runs/{run}"))
}

/// One page, one request after the other, each on a connection of its own as a browser's first is.
fn looks(server: &Server, path: &str, cookie: &str) -> anyhow::Result<Latencies> {
    let (request, mut latencies) = (compressed(path, cookie), Latencies::default());
    for _ in 0..LOOKS {
        let asked = Instant::now();
        let answer = ask(server.address, &request)?;
        latencies.add(asked.elapsed());
        ensure!(answer.starts_with(b"HTTP/1.1 200"), "{path}: {}", String::from_utf8_lossy(&answer));
    }
    Ok(latencies)
}

/// How long the command line takes beside the RMM that runs.
fn command(directory: &Path, arguments: &[&std::ffi::OsStr]) -> anyhow::Result<Duration> {
    let config: PathBuf = directory.join("rmm.toml");
    let started = Instant::now();
    let mut command = Command::new(binary());
    command.args(arguments).arg("--config").arg(config).stdin(Stdio::null());
    let done = command.output()?;
    ensure!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(started.elapsed())
}
