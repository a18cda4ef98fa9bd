//! What a team would have otherwise: the least that an RMM of FastAPI, SQLAlchemy and PostgreSQL does (`original.py`), under the same load.
//!
//! Needs python3 with pip, and PostgreSQL's programs; without them the table says so.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use crate::http::{Connection, request};
use crate::lists::load_at;
use crate::table::Table;
use crate::{machine, post};

const PROGRAM: &str = include_str!("original.py");
const PACKAGES: [&str; 5] = ["fastapi", "uvicorn[standard]", "sqlalchemy", "greenlet", "asyncpg"];
/// Of a list, requests a second.
const RATE: f64 = 100.0;
const WARM_UP: Duration = Duration::from_secs(2);
const TIME: Duration = Duration::from_secs(8);
const TIMEOUT: Duration = Duration::from_secs(60);
/// PostgreSQL refuses to run as root; the number that systems have for a user without rights.
const OTHER_USER: u32 = 65534;

pub fn measure(table: &mut Table) -> anyhow::Result<()> {
    let directory = tempfile::Builder::new().prefix("original-").tempdir_in(machine::directory())?;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
    let stack = match Stack::start(directory.path()) {
        Ok(stack) => stack,
        Err(error) => {
            table.note("FastAPI, SQLAlchemy, PostgreSQL", format!("cannot be had here: {error:#}"));
            return Ok(());
        }
    };
    table.note(
        "FastAPI, SQLAlchemy, PostgreSQL: start to /readyz",
        format!("{:.0} ms", stack.started_in.as_secs_f64() * 1e3),
    );
    table.note("  resident memory, idle (shared pages once)", format!("{:.0} MB", stack.memory()?));
    let mut first = 1_000_000_000;
    post::load(stack.address, "bench", post::CONNECTIONS, WARM_UP, &mut first)?;
    let mut many = post::load(stack.address, "bench", post::CONNECTIONS, TIME, &mut first)?;
    table.note("  POST /release, 32 connections", format!("{:.0}/s, {}", many.rate, many.latencies.text()));
    let mut one = post::load(stack.address, "bench", 1, WARM_UP, &mut first)?;
    table.note("  POST /release, 1 connection", format!("{:.0}/s, {}", one.rate, one.latencies.text()));
    let mut listed = load_at(stack.address, &request("GET", "/active_releases", "bench", ""), RATE, TIME)?;
    table.note("  GET /active_releases (50), 100/s", listed.text());
    table.note("  resident memory, afterwards", format!("{:.0} MB", stack.memory()?));
    Ok(())
}

/// The running stack; it ends with this value.
struct Stack {
    database: Child,
    program: Child,
    address: SocketAddr,
    started_in: Duration,
}

impl Stack {
    fn start(directory: &Path) -> anyhow::Result<Self> {
        let python = python()?;
        let data = directory.join("postgres");
        fs::create_dir(&data)?;
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&data, Some(OTHER_USER), Some(OTHER_USER))?;
        }
        let made = as_other_user("initdb").args(["--auth=trust", "-U", "rmm", "-D"]).arg(&data).output()?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let free = || -> anyhow::Result<SocketAddr> { Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?) };
        let (address, port) = (free()?, free()?.port());
        let started = Instant::now();
        let log = File::create(directory.join("log"))?;
        let database = as_other_user("postgres")
            .args(["-p", &port.to_string(), "-c", "unix_socket_directories=", "-D"])
            .arg(&data)
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?)
            .spawn()?;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(started.elapsed() < TIMEOUT, "PostgreSQL does not listen");
            std::thread::sleep(Duration::from_millis(2));
        }
        fs::write(directory.join("original.py"), PROGRAM)?;
        let program = Command::new(python)
            .args([
                "-m",
                "uvicorn",
                "--no-access-log",
                "--log-level",
                "warning",
                "--port",
                &address.port().to_string(),
                "original:app",
            ])
            .env("DATABASE", format!("postgresql+asyncpg://rmm@127.0.0.1:{port}/postgres"))
            .current_dir(directory)
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut stack = Self { database, program, address, started_in: Duration::ZERO };
        let ready = request("GET", "/readyz", "none", "");
        while !Connection::tcp(address).is_ok_and(|mut connection| connection.call(&ready).is_ok()) {
            if started.elapsed() > TIMEOUT || stack.program.try_wait()?.is_some() {
                bail!("it does not start: {}", fs::read_to_string(directory.join("log"))?);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        stack.started_in = started.elapsed();
        Ok(stack)
    }

    /// Of all its processes, each page that several share counted once, in MB.
    fn memory(&self) -> anyhow::Result<f64> {
        let mut bytes = 0.0;
        for process in fs::read_dir("/proc")?.flatten() {
            let parent = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
            let parent = parent.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
            let number = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            let own = [self.database.id(), self.program.id()];
            if number.is_some_and(|number| own.contains(&number)) || parent.is_some_and(|parent| own.contains(&parent))
            {
                let rollup = fs::read_to_string(process.path().join("smaps_rollup")).unwrap_or_default();
                let line = rollup.lines().find(|line| line.starts_with("Pss:")).unwrap_or_default();
                bytes +=
                    line.split_whitespace().nth(1).map_or(0.0, |kilobytes| kilobytes.parse().unwrap_or(0.0) * 1024.0);
            }
        }
        Ok(bytes / 1e6)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        for child in [&mut self.program, &mut self.database] {
            // SIGTERM: PostgreSQL takes its own processes along.
            let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
            let _ = child.wait();
        }
    }
}

/// A program of PostgreSQL, where it is, by a user that it accepts.
fn as_other_user(name: &str) -> Command {
    let mut command = Command::new(name);
    command.stdin(Stdio::null()).current_dir("/");
    if rustix::process::geteuid().is_root() {
        command.uid(OTHER_USER).gid(OTHER_USER);
    }
    command
}

/// Python with what the program needs, made once and kept.
fn python() -> anyhow::Result<PathBuf> {
    let directory = machine::directory().join("original-python");
    let python = directory.join("bin/python");
    if !directory.join("complete").exists() {
        let run = |command: &mut Command| -> anyhow::Result<()> {
            let done = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
            ensure!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
            Ok(())
        };
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&directory))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES))?;
        fs::write(directory.join("complete"), "")?;
    }
    Ok(python)
}
