//! Hosts to deploy to, made by `tests/hosts/host`, and the configuration with which RMM reaches them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, ensure};

/// A host that is up; it goes with this value.
pub struct Host {
    pub name: String,
    facts: BTreeMap<String, String>,
}

impl Host {
    /// A new host. An error tells why none can be made here.
    pub fn up() -> anyhow::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        // Unique among the hosts of all processes, and short.
        let name = format!("b{:x}n{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let up = script(&["up", &name]).output()?;
        // From here on it is taken down, whatever there is of it.
        let mut host = Self { name, facts: BTreeMap::new() };
        ensure!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr).trim());
        for line in String::from_utf8(up.stdout)?.lines() {
            let (key, value) = line.split_once('=').context("the host does not introduce itself")?;
            host.facts.insert(key.to_owned(), value.to_owned());
        }
        Ok(host)
    }

    /// So many of them.
    pub fn fleet(count: u32) -> anyhow::Result<Vec<Self>> {
        script(&["sweep"]).output()?;
        (0..count).map(|_| Self::up()).collect()
    }

    /// Its address, user, key, …
    pub fn fact(&self, key: &str) -> &str {
        self.facts.get(key).map_or("", String::as_str)
    }

    /// A place in its home directory, seen from this machine.
    pub fn home(&self, name: &str) -> PathBuf {
        PathBuf::from(self.fact("home")).join(name)
    }

    /// A file for programs that want to know the host's key.
    pub fn known_hosts(&self) -> anyhow::Result<PathBuf> {
        let path = self.home("known_hosts");
        fs::write(&path, format!("{} {}\n", self.fact("address"), self.fact("host_key")))?;
        Ok(path)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let down = script(&["down", &self.name]).output();
        if !self.facts.is_empty() && !down.is_ok_and(|down| down.status.success()) {
            eprintln!("{} is not quite gone", self.name);
        }
    }
}

fn script(args: &[&str]) -> Command {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hosts/host"));
    command.args(args).env("RMM_HOST_OWNER", std::process::id().to_string()).stdin(Stdio::null());
    command
}

/// No approval is needed.
pub const BY_ITSELF: &str = "{ minimum = 0 }";

/// `[[hosts]]` for these, and a service `app` that runs `command` on each of them for each of `surfaces` surfaces.
/// Each host is there under so many names, which are hosts of their own for RMM. `approvals` says who must approve.
pub fn config(hosts: &[Host], names: u32, surfaces: u32, command: &str, approvals: &str) -> String {
    let named: Vec<_> =
        hosts.iter().flat_map(|host| (0..names).map(move |name| (format!("{}-{name}", host.name), host))).collect();
    let names: Vec<_> = named.iter().map(|(name, _)| format!("{name:?}")).collect();
    let names = names.join(", ");
    let mut text = String::new();
    for (name, host) in named {
        text += &format!(
            "[[hosts]]\nname = {name:?}\naddress = \"{}:22\"\nuser = {:?}\nkey = \"file:{}\"\nhost_key = {:?}\n",
            host.fact("address"),
            host.fact("user"),
            host.fact("key"),
            host.fact("fingerprint"),
        );
    }
    text += &format!(
        "[[people]]\nname = \"ann\"\nrole = \"admin\"\n[[services]]\nname = \"app\"\napprovals = {approvals}\n\
         environments.stage = {{ driver = \"ssh\", hosts = [{names}], order = \"parallel\" }}\n\
         environments.production = {{ driver = \"ssh\", hosts = [{names}], order = \"parallel\" }}\n"
    );
    for number in 0..surfaces {
        text += &format!(
            "[[services.surfaces]]\nname = \"s{number}\"\nrecipe = \"commands\"\ndirectory = \"/tmp\"\ncheckout = false\n\
             deploy = {command:?}\n"
        );
    }
    text
}
