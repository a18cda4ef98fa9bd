//! What a rollback over SSH takes beyond its own commands, from the request to the status.

use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::hosts::{BY_ITSELF, Host, config};
use crate::machine;
use crate::server::Server;
use crate::steps::{release, settled};
use crate::table::{Table, median};

const STEPS: u32 = 4;
const STEP: Duration = Duration::from_millis(500);
const ROUNDS: u32 = 5;

pub fn measure(table: &mut Table) -> anyhow::Result<()> {
    let what = "rollback over SSH, beyond its commands";
    let hosts = match Host::fleet(1) {
        Ok(hosts) => hosts,
        Err(error) => {
            table.note(what, format!("no host can be made here: {error}"));
            return Ok(());
        }
    };
    let directory = tempfile::Builder::new().prefix("rollback-").tempdir_in(machine::directory())?;
    // Only the rollback in production takes its time.
    let command = format!("test $RMM_RUN_KIND != rollback || exec sleep {}", STEP.as_secs_f64());
    let server = Server::start(directory.path(), &config(&hosts, 1, STEPS, &command, BY_ITSELF))?;
    let mut operator = server.operator()?;
    let mut number = 0;
    let mut newer = |operator: &mut _| {
        number += 1;
        let id = release(operator, number)?;
        settled(operator, id, "deployed")?;
        anyhow::Ok(id)
    };
    newer(&mut operator)?;
    let mut beyond = Vec::new();
    for _ in 0..ROUNDS {
        let id = newer(&mut operator)?;
        let started = Instant::now();
        operator.json("POST", &format!("/api/v1/releases/{id}/rollback"), r#"{"reason":"a measurement"}"#)?;
        settled(&mut operator, id, "rollback_done")?;
        let took = started.elapsed();
        let commands = STEP * STEPS;
        ensure!(took >= commands, "the rollback did not run all of its commands: {took:?}");
        beyond.push((took - commands).as_secs_f64() * 1000.0);
        // Production is locked, so that the next release does not follow unseen.
        operator.json("POST", "/api/v1/services/app/unlock", "")?;
    }
    drop(server);
    let most = beyond.iter().copied().fold(0.0, f64::max);
    let text = format!("{:.0} ms, most {most:.0} ms", median(beyond));
    table.target(&format!("{what} of {} s", (STEP * STEPS).as_secs_f64()), text, "< 1 s", most < 1000.0);
    Ok(())
}
