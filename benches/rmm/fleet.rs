//! Fifty hosts at the same time, ten steps on each: what RMM itself needs for it.

use std::time::Instant;

use anyhow::ensure;

use crate::hosts::{BY_ITSELF, Host, config};
use crate::machine;
use crate::server::Server;
use crate::steps::{release, run_time, settled};
use crate::table::Table;

/// For RMM they are as many as [`MACHINES`] times [`NAMES`], each with a connection of its own.
const HOSTS: u32 = MACHINES * NAMES;
const MACHINES: u32 = 10;
const NAMES: u32 = 5;
const STEPS: u32 = 10;

pub fn measure(table: &mut Table) -> anyhow::Result<()> {
    let what = format!("{HOSTS} hosts at the same time, {STEPS} steps each");
    let hosts = match Host::fleet(MACHINES) {
        Ok(hosts) => hosts,
        Err(error) => {
            table.note(&what, format!("no hosts can be made here: {error}"));
            return Ok(());
        }
    };
    let directory = tempfile::Builder::new().prefix("fleet-").tempdir_in(machine::directory())?;
    let server =
        Server::start(directory.path(), &config(&hosts, NAMES, STEPS, "echo here I am; sleep 0.2", BY_ITSELF))?;
    let mut operator = server.operator()?;
    let (cpu, started) = (server.cpu()?, Instant::now());
    // On stage and in production, with the connections being made.
    let id = release(&mut operator, 1)?;
    settled(&mut operator, id, "deployed")?;
    let (cpu, wall) = (server.cpu()? - cpu, started.elapsed());
    let (_, most) = server.memory()?;
    let mut runs = Vec::new();
    for environment in ["stage", "production"] {
        runs.push(format!("{:.1} s", run_time(&mut operator, id, environment, HOSTS * STEPS)?.as_secs_f64()));
    }
    drop(server);
    ensure!(!wall.is_zero(), "no time has passed");
    let share = cpu.as_secs_f64() / wall.as_secs_f64();
    let text =
        format!("{share:.2} cores ({:.1} s of processor time in {:.1} s)", cpu.as_secs_f64(), wall.as_secs_f64());
    table.target(&format!("{what}: resident memory, most"), format!("{most:.1} MB"), "< 100 MB", most < 100.0);
    table.target("  processor", text, "< 1 core", share < 1.0);
    table.note("  the run on stage (it connects) / in production", runs.join(" / "));
    Ok(())
}
