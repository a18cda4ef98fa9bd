//! Resident memory: idle with 1,000,000 releases in the file, and the most under load.

use std::time::Duration;

use crate::server::Server;
use crate::table::Table;
use crate::{lists, machine, post, seed};

/// After the start, until what the start needed has been given back.
const REST: Duration = Duration::from_secs(2);
const TIME: Duration = Duration::from_secs(5);

pub fn measure(table: &mut Table) -> anyhow::Result<()> {
    let server = Server::start(&seed::directory(1_000_000)?, &seed::services())?;
    std::thread::sleep(REST);
    let (idle, _) = server.memory()?;
    let token = server.token("viewer")?;
    lists::load(server.address, &token, "/api/v1/releases?list=successful", TIME)?;
    let (_, reading) = server.memory()?;
    drop(server);

    let directory = tempfile::Builder::new().prefix("memory-").tempdir_in(machine::directory())?;
    let server = Server::start(directory.path(), &seed::ci_service("app", ""))?;
    let token = server.token("ci")?;
    let mut first = 1_000_000_000;
    post::load(server.address, &token, post::CONNECTIONS, TIME, &mut first)?;
    let (_, writing) = server.memory()?;

    table.target("resident memory, idle, 1,000,000 releases", format!("{idle:.1} MB"), "< 30 MB", idle < 30.0);
    table.target("  most, lists at 1000/s", format!("{reading:.1} MB"), "< 80 MB", reading < 80.0);
    table.target("  most, POST /release, 32 connections", format!("{writing:.1} MB"), "< 80 MB", writing < 80.0);
    Ok(())
}
