//! Processes: RMM itself, the steps that outlive it, and what the system tells of them.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::Setup;

/// A running RMM; dropping it is `kill -9`.
pub struct Server {
    child: Child,
    log: std::path::PathBuf,
    address: Option<SocketAddr>,
}

impl Server {
    pub fn spawn(config: &Path, setup: &Setup, state: &Path, log: &Path) -> Self {
        let rmm = env!("CARGO_BIN_EXE_rmm");
        let mut command = match (setup.open_files, setup.rmm_user) {
            (None, None) => Command::new(rmm),
            (None, Some(user)) => {
                let mut other = Command::new(rmm);
                other.args(["as-user", &user.to_string(), &user.to_string(), ""]).arg(config.with_file_name("rmm"));
                other
            }
            (Some(most), _) => {
                let mut limited = Command::new("sh");
                limited.args(["-c", &format!("ulimit -n {most} && exec \"$@\""), "sh", rmm]);
                limited
            }
        };
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("RMM") {
                command.env_remove(name);
            }
        }
        let child = command
            .args(["serve", "--config"])
            .arg(config)
            .env("XDG_STATE_HOME", state)
            .envs(setup.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(log).unwrap())
            .spawn()
            .unwrap();
        Self { child, log: log.to_owned(), address: None }
    }

    /// Whether RMM serves by now, or has ended instead (exit status, what it said).
    pub fn address_or_end(&mut self) -> Option<Result<(), (Option<i32>, String)>> {
        let ended = self.ended();
        let said = String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned();
        if let Some(code) = ended {
            return Some(Err((code, said)));
        }
        let (_, rest) = said.split_once("serves http://")?;
        let address: String = rest.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect();
        self.address = Some(address.parse().ok()?);
        Some(Ok(()))
    }

    pub fn address(&self) -> SocketAddr {
        self.address.unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: &str) {
        send(signal, &self.pid().to_string());
    }

    /// The exit status once it has ended; none inside when a signal ended it.
    pub fn ended(&mut self) -> Option<Option<i32>> {
        self.child.try_wait().unwrap().map(|status| status.code())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn send(signal: &str, to: &str) {
    let _ = Command::new("kill").args(["-s", signal, "--", to]).stderr(Stdio::null()).status();
}

/// Ends one process.
pub fn end_process(pid: u32) {
    send("KILL", &pid.to_string());
}

/// Whether a process lives (a zombie does not).
pub fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Ends every step that a run directory still knows, with its process group.
pub fn end_steps(runs: &Path) {
    let folders = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let all_runs = folders(runs).flat_map(|place| folders(&place).collect::<Vec<_>>());
    for step in all_runs.flat_map(|run| folders(&run.join("steps")).collect::<Vec<_>>()) {
        let claim = std::fs::read_to_string(step.join("claim")).unwrap_or_default();
        let group = claim.split(' ').next().and_then(|pid| pid.parse::<u32>().ok());
        if let Some(group) = group.filter(|_| !step.join("status").exists()) {
            send("KILL", &format!("-{group}"));
        }
    }
}

fn kibibytes(pid: u32, key: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim_matches([':', ' ', '\t']).trim_end_matches(" kB").parse().unwrap()
}

/// The memory that a process has now, in MiB.
pub fn memory(pid: u32) -> u64 {
    kibibytes(pid, "VmRSS") / 1024
}

/// The most memory that a process ever had, in MiB.
pub fn peak_memory(pid: u32) -> u64 {
    kibibytes(pid, "VmHWM") / 1024
}

/// The command lines of all processes.
pub fn command_lines() -> Vec<Vec<u8>> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok()).collect()
}

/// Numbers that look random and are the same for the same seed (SplitMix64).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// At least 0 and below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }
}
