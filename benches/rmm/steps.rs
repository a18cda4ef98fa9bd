//! What the run engine adds to a step: ten steps that each run `true`, against ten times `sh -c true`.

use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use jiff::Timestamp;

use crate::http::Connection;
use crate::machine;
use crate::server::Server;
use crate::table::{Table, median};

const STEPS: u32 = 10;
const RUNS: u32 = 7;
const TIMEOUT: Duration = Duration::from_secs(120);

pub fn measure(table: &mut Table) -> anyhow::Result<()> {
    let directory = tempfile::Builder::new().prefix("steps-").tempdir_in(machine::directory())?;
    let mut services = String::from(
        "[[services]]\nname = \"app\"\napprovals.minimum = 0\nenvironments.stage.driver = \"local\"\n\
         environments.production.driver = \"local\"\n",
    );
    for number in 0..STEPS {
        services.push_str(&format!(
            "[[services.surfaces]]\nname = \"s{number}\"\nrecipe = \"commands\"\ndirectory = \"/\"\ncheckout = false\n\
             deploy = \"true\"\n"
        ));
    }
    let server = Server::start(directory.path(), &services)?;
    let mut operator = server.operator()?;
    let mut times = Vec::new();
    for number in 0..RUNS {
        times.push(stage_run(&mut operator, number, STEPS)?.as_secs_f64() * 1000.0);
    }
    drop(server);
    let bare = median((0..RUNS).map(|_| shells()).collect::<Result<_, _>>()?);
    let (run, steps) = (median(times), f64::from(STEPS));
    let overhead = (run - bare) / steps;
    table.target("overhead of the run engine, a step", format!("{overhead:.1} ms"), "< 20 ms", overhead < 20.0);
    table.note("  ten steps that run `true` / ten times `sh -c true`", format!("{run:.0} ms / {bare:.0} ms"));
    Ok(())
}

/// Releases, and waits for the end of everything; how long the run on stage took.
fn stage_run(operator: &mut Connection<UnixStream>, number: u32, steps: u32) -> anyhow::Result<Duration> {
    let id = release(operator, number)?;
    settled(operator, id, "deployed")?;
    run_time(operator, id, "stage", steps)
}

/// A new release of the service `app`.
pub fn release(operator: &mut Connection<UnixStream>, number: u32) -> anyhow::Result<i64> {
    let body = format!(r#"{{"service":"app","commit":"{number:040x}","initiated_by":"bench"}}"#);
    operator.json("POST", "/api/v1/releases", &body)?["id"].as_i64().context("no number")
}

/// Waits until the release has this status.
pub fn settled(operator: &mut Connection<UnixStream>, id: i64, status: &str) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let release = operator.json("GET", &format!("/api/v1/releases/{id}"), "")?;
        if release["status"] == status {
            return Ok(());
        }
        ensure!(started.elapsed() < TIMEOUT, "the release does not become {status}: {release}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How long the release's run in an environment took, which must have had so many steps.
pub fn run_time(
    operator: &mut Connection<UnixStream>,
    id: i64,
    environment: &str,
    steps: u32,
) -> anyhow::Result<Duration> {
    let runs = operator.json("GET", &format!("/api/v1/releases/{id}/runs"), "")?;
    let run = runs
        .as_array()
        .and_then(|runs| runs.iter().find(|run| run["environment"] == environment && run["kind"] == "deploy"));
    let run = run.with_context(|| format!("no run in {environment}"))?;
    ensure!(run["steps"].as_array().map(Vec::len) == Some(steps as usize), "not {steps} steps: {run}");
    let time = |field: &str| -> anyhow::Result<Timestamp> { Ok(run[field].as_str().context("no time")?.parse()?) };
    Ok(time("ended_at")?.duration_since(time("started_at")?).unsigned_abs())
}

/// Ten times `sh -c true`, in milliseconds.
fn shells() -> anyhow::Result<f64> {
    let started = Instant::now();
    for _ in 0..STEPS {
        ensure!(Command::new("sh").args(["-c", "true"]).status()?.success(), "sh -c true failed");
    }
    Ok(started.elapsed().as_secs_f64() * 1000.0)
}
