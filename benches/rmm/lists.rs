//! The lists at 1,000 requests a second, with 1,000 and with 1,000,000 releases in the database.
//!
//! The rate is constant whatever the answers do: a latency counts from when the request was due, so that a stall shows
//! in all requests that it holds up.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection as Database;

use crate::http::{Connection, request};
use crate::seed;
use crate::server::Server;
use crate::table::{Latencies, Table};

const CONNECTIONS: u32 = 32;
/// Requests a second.
const RATE: f64 = 1000.0;
const WARM_UP: Duration = Duration::from_secs(1);
const TIME: Duration = Duration::from_secs(5);
/// As the API has it without `limit`.
const PAGE: u32 = 50;

/// What is asked: its name, and its path with few and with many releases.
struct List {
    name: &'static str,
    few: String,
    many: String,
}

struct Measured {
    latencies: Latencies,
    /// Processor time of the server for one request, in microseconds.
    cost: f64,
}

pub fn measure(table: &mut Table) -> anyhow::Result<()> {
    let (few, many) = (seed::directory(1_000)?, seed::directory(1_000_000)?);
    // A thousand releases have no page 1,000; ten is as far in as there is.
    let (far_few, far_many) = (page(&few, 10)?, page(&many, 1000)?);
    let same = |name, path: &str| List { name, few: path.to_owned(), many: path.to_owned() };
    let lists = [
        same("active list (50)", "/api/v1/releases?list=active"),
        same("GET /active_releases (50)", "/active_releases"),
        same("successful list, page 1", "/api/v1/releases?list=successful"),
        List { name: "successful list, page 1,000", few: far_few, many: far_many },
    ];
    let server = Server::start(&few, &seed::services())?;
    let token = server.token("viewer")?;
    let with_few = lists.iter().map(|list| measure_one(&server, &token, &list.few)).collect::<Result<Vec<_>, _>>()?;
    drop(server);
    let server = Server::start(&many, &seed::services())?;
    let token = server.token("viewer")?;
    for (list, few) in lists.iter().zip(with_few) {
        let mut found = measure_one(&server, &token, &list.many)?;
        let p99 = found.latencies.percentile(0.99);
        table.target(&format!("{} of 1,000,000, 1000/s", list.name), found.latencies.text(), "p99 < 5 ms", p99 < 5.0);
        let ratio = found.cost / few.cost;
        table.target(
            "  processor time, against 1,000 releases",
            format!("{:.0} µs / {:.0} µs = {ratio:.2}", found.cost, few.cost),
            "≤ 1.5",
            ratio <= 1.5,
        );
    }
    Ok(())
}

fn measure_one(server: &Server, token: &str, path: &str) -> anyhow::Result<Measured> {
    load(server.address, token, path, WARM_UP)?;
    let before = server.cpu()?;
    let latencies = load(server.address, token, path, TIME)?;
    let cost = (server.cpu()? - before).as_secs_f64() * 1e6 / latencies.count() as f64;
    Ok(Measured { latencies, cost })
}

/// The path of a page of the successful list: where it begins is what the page before would have told.
fn page(directory: &Path, number: u32) -> anyhow::Result<String> {
    let database = Database::open(directory.join("data/rmm.db"))?;
    let last_before: i64 = database.query_row(
        "SELECT id FROM releases WHERE list = 'successful' ORDER BY id DESC LIMIT 1 OFFSET ?1",
        [(number - 1) * PAGE - 1],
        |row| row.get(0),
    )?;
    Ok(format!("/api/v1/releases?list=successful&cursor=r{last_before}"))
}

/// Asks for a list at the constant rate.
pub fn load(address: SocketAddr, token: &str, path: &str, time: Duration) -> anyhow::Result<Latencies> {
    load_at(address, &request("GET", path, token, ""), RATE, time)
}

/// Asks at a constant rate. Threads that sleep until a request is due: an async timer counts in whole milliseconds.
pub fn load_at(address: SocketAddr, request: &[u8], rate: f64, time: Duration) -> anyhow::Result<Latencies> {
    let count = (time.as_secs_f64() * rate) as u32;
    let started = Instant::now() + Duration::from_millis(50);
    let mut all = Latencies::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|first| {
                scope.spawn(move || {
                    let mut connection = Connection::tcp(address)?;
                    let mut latencies = Latencies::default();
                    for number in (first..count).step_by(CONNECTIONS as usize) {
                        let due = started + Duration::from_secs_f64(f64::from(number) / rate);
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                        connection.call(request)?;
                        latencies.add(due.elapsed());
                    }
                    anyhow::Ok(latencies)
                })
            })
            .collect();
        for thread in threads {
            all.append(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        anyhow::Ok(())
    })?;
    Ok(all)
}
