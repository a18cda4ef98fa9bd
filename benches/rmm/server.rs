//! The machine under test: the real binary, as a process of its own.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::json;

use crate::http::{Connection, request};

/// Longer than that, something is broken.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The binary that is measured.
pub fn binary() -> PathBuf {
    std::env::var_os("RMM_STATIC").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_rmm")), PathBuf::from)
}

/// The binary and its size, in one line.
pub fn binary_line() -> String {
    let binary = binary();
    match fs::metadata(&binary) {
        Ok(about) => format!("{}: {:.1} MB", binary.display(), about.len() as f64 / 1e6),
        Err(error) => format!("{}: {error}", binary.display()),
    }
}

/// A running RMM; it ends with this value.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    data: PathBuf,
    /// From its start as a process until it was ready.
    pub started_in: Duration,
}

impl Server {
    /// Starts RMM on `directory`/data; `services` is the part of the configuration that differs.
    pub fn start(directory: &Path, services: &str) -> anyhow::Result<Self> {
        fs::create_dir_all(directory)?;
        // Free for now; no other process is expected to take it.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = directory.join("rmm.toml");
        // Root has to be named.
        let local = if rustix::process::geteuid().is_root() { "[local]\nuser = \"root\"\n" } else { "" };
        fs::write(&config, format!("[server]\nlisten = \"{address}\"\ndata_dir = \"data\"\n{local}{services}"))?;
        let log = directory.join("log");
        let started = Instant::now();
        let child = Command::new(binary())
            .args(["serve", "--config"])
            .arg(&config)
            .env("RMM_LOG", "warn")
            .env("XDG_STATE_HOME", directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .context("rmm cannot be started")?;
        let mut server = Self { child, address, data: directory.join("data"), started_in: Duration::ZERO };
        let ready = request("GET", "/readyz", "none", "");
        while !Connection::tcp(address).is_ok_and(|mut connection| connection.call(&ready).is_ok()) {
            if started.elapsed() > TIMEOUT || server.child.try_wait()?.is_some() {
                bail!("rmm did not become ready: {}", fs::read_to_string(&log).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        server.started_in = started.elapsed();
        Ok(server)
    }

    /// The operator's connection.
    pub fn operator(&self) -> anyhow::Result<Connection<UnixStream>> {
        Connection::unix(&self.data.join("rmm.sock"))
    }

    /// A new token.
    pub fn token(&self, role: &str) -> anyhow::Result<String> {
        // The data directory may be that of an earlier run.
        let name = format!("bench-{}-{role}", self.child.id());
        let body = json!({ "name": format!("{name}-{:?}", std::time::UNIX_EPOCH.elapsed()?), "role": role });
        let made = self.operator()?.json("POST", "/api/v1/tokens", &body.to_string())?;
        Ok(made["token"].as_str().context("no token")?.to_owned())
    }

    /// Resident memory now, and the most so far, in MB (10⁶ bytes).
    pub fn memory(&self) -> anyhow::Result<(f64, f64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let field = |name: &str| -> Option<f64> {
            let line = status.lines().find(|line| line.starts_with(name))?;
            Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? * 1024.0 / 1e6)
        };
        Ok((field("VmRSS:").context("VmRSS")?, field("VmHWM:").context("VmHWM")?))
    }

    /// The processor time that it has used so far.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread may have ended since.
            let spent = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            nanos += spent.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanos))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gently, so that the database is left in order; the standard library knows only the other way.
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().is_ok_and(|status| status.success());
        let since = Instant::now();
        while asked && since.elapsed() < TIMEOUT {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
