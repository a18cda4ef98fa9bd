//! From the start of the process to the first good answer of `/readyz`, with 1,000,000 releases and 10,000,000 events in the file.

use crate::seed;
use crate::server::Server;
use crate::table::{Table, median};

const STARTS: usize = 15;

pub fn measure(table: &mut Table) -> anyhow::Result<()> {
    let directory = seed::directory(1_000_000)?;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        times.push(Server::start(&directory, &seed::services())?.started_in.as_secs_f64() * 1000.0);
    }
    let longest = times.iter().copied().fold(0.0, f64::max);
    let middle = median(times);
    let measured = format!("median {middle:.1} ms, longest {longest:.1} ms of {STARTS}");
    table.target("start to /readyz, 1,000,000 releases, 10,000,000 events", measured, "< 50 ms", middle < 50.0);
    Ok(())
}
