//! Hosts to deploy to, as real as one machine can make them. See `tests/hosts/host`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, Once, PoisonError};

/// What can happen to a host or to the way there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The cable is out.
    Down,
    /// The host hears us, its answers get lost.
    OneWay,
    /// A fifth of the packets gets lost.
    Loss,
    /// 64 kbit/s.
    Slow,
    /// sshd and its sessions stop.
    Freeze,
    /// All sessions end.
    Kill,
    /// All connections are reset.
    Rst,
    /// sshd and its sessions end; a new sshd is there.
    Restart,
    /// dockerd is killed.
    NoDocker,
    /// Every process on the host ends, and it comes up again.
    Reboot,
}

impl Fault {
    const fn word(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::OneWay => "oneway",
            Self::Loss => "loss",
            Self::Slow => "slow",
            Self::Freeze => "freeze",
            Self::Kill => "kill",
            Self::Rst => "rst",
            Self::Restart => "restart",
            Self::NoDocker => "nodocker",
            Self::Reboot => "reboot",
        }
    }
}

/// A host that is up; dropping it takes it down.
pub struct Host {
    name: String,
    facts: BTreeMap<String, String>,
}

impl Host {
    /// A host without docker; none (and a word about it) where none can be made.
    pub fn up() -> Option<Self> {
        Self::up_with(&[], &[])
    }

    /// A host with docker and docker compose.
    pub fn up_with_docker() -> Option<Self> {
        Self::up_with(&["docker"], &[])
    }

    /// A host made with some of the script's variables.
    pub fn up_with_variables(variables: &[(&str, &str)]) -> Option<Self> {
        Self::up_with(&[], variables)
    }

    fn up_with(args: &[&str], variables: &[(&str, &str)]) -> Option<Self> {
        static SWEPT: Once = Once::new();
        SWEPT.call_once(|| drop(script(&["sweep"]).output()));
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        // Unique among the hosts of all processes, and short.
        let name = format!("t{:x}n{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let up = script(&[&["up", &name], args].concat()).envs(variables.iter().copied()).output().unwrap();
        if !up.status.success() {
            let said = String::from_utf8_lossy(&up.stderr).into_owned();
            drop(script(&["down", &name]).output());
            let insisted = std::env::var("RMM_REQUIRE_HOSTS").is_ok_and(|value| value == "1");
            let no_docker = said.contains("docker compose is missing");
            assert!(no_docker || !insisted, "hosts are required (RMM_REQUIRE_HOSTS=1), but: {said}");
            eprintln!("skipped, since no host can be made here: {said}");
            return None;
        }
        let text = String::from_utf8(up.stdout).unwrap();
        let facts = text.lines().filter_map(|line| line.split_once('=')).map(|(key, value)| (key.into(), value.into()));
        Some(Self { name, facts: facts.collect() })
    }

    fn fact(&self, key: &str) -> &str {
        &self.facts[key]
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address; sshd listens on port 22.
    pub fn address(&self) -> &str {
        self.fact("address")
    }

    /// The address of this machine, as the host sees it.
    pub fn gateway(&self) -> &str {
        self.fact("gateway")
    }

    pub fn user(&self) -> &str {
        self.fact("user")
    }

    pub fn password(&self) -> &str {
        self.fact("password")
    }

    /// The private key that opens it.
    pub fn key_path(&self) -> &str {
        self.fact("key")
    }

    /// `SHA256:…` of its host key.
    pub fn fingerprint(&self) -> &str {
        self.fact("fingerprint")
    }

    /// Its table in `rmm.toml`.
    pub fn table(&self) -> String {
        self.entry(&format!("key = \"file:{}\"", self.key_path()), true)
    }

    /// The same with another way to log in, and with or without its host key. PAM takes one to three seconds to say no
    /// to a password, and sshd up to as long again, so the login has time for it.
    pub fn entry(&self, login: &str, pinned: bool) -> String {
        let key = if pinned { format!("host_key = \"{}\"\n", self.fingerprint()) } else { String::new() };
        format!(
            "[[hosts]]\nname = \"{}\"\naddress = \"{}:22\"\nuser = \"{}\"\n{login}\n{key}\
             limits = {{ connect = \"3s\", auth = \"12s\", open = \"3s\", keepalive = \"300ms\", idle = \"5m\" }}\n",
            self.name(),
            self.address(),
            self.user(),
        )
    }

    /// A place in its home directory, seen from this machine.
    pub fn home(&self, name: &str) -> PathBuf {
        Path::new(self.fact("home")).join(name)
    }

    /// What its sshd has logged.
    pub fn sshd_log(&self) -> String {
        std::fs::read_to_string(self.home("../../sshd.log")).unwrap()
    }

    /// Gives it another key; answers with its fingerprint.
    pub fn change_key(&self, kind: &str) -> String {
        let file = self.home("../../host-key");
        std::fs::remove_file(&file).unwrap();
        let made = Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", "", "-C", "", "-f"]).arg(&file).output();
        succeeded(made.unwrap());
        self.cut(Fault::Restart);
        let shown = succeeded(Command::new("ssh-keygen").arg("-lf").arg(&file).output().unwrap());
        shown.split(' ').nth(1).unwrap().to_owned()
    }

    /// The text of a file in its home directory; empty when there is none.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.home(name)).unwrap_or_default()
    }

    pub fn cut(&self, fault: Fault) {
        succeeded(script(&["cut", fault.word(), &self.name]).output().unwrap());
    }

    /// Undoes whatever lasts.
    pub fn heal(&self) {
        succeeded(script(&["cut", "heal", &self.name]).output().unwrap());
    }

    /// What a shell command prints that its user runs on the host, past the network.
    pub fn sh(&self, command: &str) -> String {
        succeeded(script(&["exec", &self.name, command]).output().unwrap())
    }

    /// Whether a connection to it is established.
    pub fn is_connected(&self) -> bool {
        let found = Command::new("ss").args(["-Htn", "state", "established", "dst", self.address()]).output().unwrap();
        !succeeded(found).is_empty()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // One at a time: they share a lock anyway, and a panic here would hide the test's own.
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(down) = script(&["down", &self.name]).output()
            && !down.status.success()
        {
            eprintln!("{} is not quite gone: {}", self.name, String::from_utf8_lossy(&down.stderr));
        }
    }
}

/// The script that makes and breaks hosts.
pub fn script(args: &[&str]) -> Command {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hosts/host"));
    command.args(args).env("RMM_HOST_OWNER", std::process::id().to_string()).stdin(Stdio::null());
    command
}

fn succeeded(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
