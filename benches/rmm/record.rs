//! What a release costs on disk: the record of it, which stays for ever, and its output, as it came and packed.

use std::fs;
use std::path::Path;

use anyhow::Context;
use rusqlite::Connection;

use crate::machine;
use crate::server::Server;
use crate::steps::{release, settled};
use crate::table::Table;

/// Releases before the first look, so that what there is only once does not count.
const FIRST: u32 = 20;
/// Releases between the two looks.
const RELEASES: u32 = 40;
/// Thirty a day.
const A_YEAR: f64 = 30.0 * 365.0;
/// What a step prints: some 20 KB, as a build does.
const PRINTS: &str = "seq -f '#%g [app internal] load build context, transferring 2.1MB done' 300";

pub fn measure(table: &mut Table) -> anyhow::Result<()> {
    let directory = tempfile::Builder::new().prefix("record-").tempdir_in(machine::directory())?;
    let services = format!(
        "[[services]]\nname = \"app\"\napprovals.minimum = 0\nenvironments.stage.driver = \"local\"\n\
         environments.production.driver = \"local\"\n[[services.surfaces]]\nname = \"app\"\nrecipe = \"commands\"\n\
         directory = \"/\"\ncheckout = false\ndeploy = \"{PRINTS}\"\nmigrate_up = \"true\"\nmigrate_down = \"true\"\n"
    );
    let server = Server::start(directory.path(), &services)?;
    let mut operator = server.operator()?;
    let mut run = |numbers: std::ops::Range<u32>| -> anyhow::Result<()> {
        for number in numbers {
            let id = release(&mut operator, number)?;
            settled(&mut operator, id, "deployed")?;
        }
        Ok(())
    };
    let look = || without_output(&directory.path().join("data/rmm.db"), &directory.path().join("copy.db"));
    run(0..FIRST)?;
    let before = look()?;
    run(FIRST..FIRST + RELEASES)?;
    let after = look()?;
    let each = |size: fn(&Sizes) -> f64| (size(&after) - size(&before)) / f64::from(RELEASES);
    let (record, output) = (each(|sizes| sizes.record), each(|sizes| sizes.output));
    table.note("a release on the record, one surface on one host", format!("{:.1} KB", record / 1e3));
    table.note("  a year of 30 a day", format!("{:.0} MB", record * A_YEAR / 1e6));
    table.note("  and its output as it came", format!("{:.0} KB", output / 1e3));
    Ok(())
}

/// Bytes.
struct Sizes {
    record: f64,
    output: f64,
}

/// The size of a database whose output was deleted, and of that.
fn without_output(database: &Path, copy: &Path) -> anyhow::Result<Sizes> {
    let path = copy.to_str().context("a path that is no text")?;
    let _ = fs::remove_file(copy);
    Connection::open(database)?.execute("VACUUM INTO ?1", [path])?;
    let all = fs::metadata(copy)?.len();
    let conn = Connection::open(copy)?;
    conn.execute_batch("DELETE FROM log_chunks; DELETE FROM log_state; VACUUM")?;
    drop(conn);
    let record = fs::metadata(copy)?.len();
    #[expect(clippy::cast_precision_loss, reason = "sizes of files are far below 2^52")]
    Ok(Sizes { record: record as f64, output: (all - record) as f64 })
}
