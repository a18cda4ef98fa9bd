//! A step over SSH, against the same commands by OpenSSH through a shared connection, and by Ansible: in turns, on the
//! same host.
//!
//! What RMM does once for a run on each host, before its first step (the run's directory) and after its last one
//! (the directory goes), is not in the time of a step, and neither are the first connections of all three.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::ensure;

use crate::hosts::{Host, config};
use crate::http::Connection;
use crate::machine;
use crate::server::Server;
use crate::steps::{release, run_time, settled};
use crate::table::{Table, median};

const STEPS: u32 = 10;
/// By a person who never does, so that nothing but stage is deployed to.
const APPROVED: &str = "{ required = [\"ann\"] }";

pub fn measure(table: &mut Table) -> anyhow::Result<()> {
    for (command, rounds, of_ansible) in [("true", 25, 3), ("sleep 0.1", 7, 2)] {
        // Each RMM has a host to itself.
        match Host::fleet(1) {
            Ok(host) => compare(table, &host, command, rounds, of_ansible)?,
            Err(error) => table.note("a step over SSH", format!("no host can be made here: {error}")),
        }
    }
    Ok(())
}

fn compare(table: &mut Table, hosts: &[Host], command: &str, rounds: u32, of_ansible: u32) -> anyhow::Result<()> {
    let directory = tempfile::Builder::new().prefix("ssh-").tempdir_in(machine::directory())?;
    let server = Server::start(&directory.path().join("rmm"), &config(hosts, 1, STEPS, command, APPROVED))?;
    let mut operator = server.operator()?;
    let master = Master::connect(&hosts[0], directory.path())?;
    let ansible = Ansible::find(&hosts[0], directory.path(), command)?;
    // The first round connects.
    on_stage(&mut operator, 0)?;
    master.round(command)?;
    let (mut rmm, mut openssh, mut playbooks, mut nothing) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for number in 1..=rounds {
        rmm.push(on_stage(&mut operator, number)?);
        openssh.push(master.round(command)?);
    }
    if let Some(ansible) = &ansible {
        for round in 0..=of_ansible {
            let (full, empty) = (ansible.play("ten.yml")?, ansible.play("none.yml")?);
            if round > 0 {
                playbooks.push(full);
                nothing.push(empty);
            }
        }
    }
    drop(server);

    let (rmm, openssh) = (median(rmm), median(openssh));
    let (text, share) = (format!("{rmm:.1} ms / {openssh:.1} ms"), (rmm / openssh - 1.0) * 100.0);
    let what = format!("a step over SSH, `{command}`: RMM / OpenSSH with ControlMaster");
    table.target(&what, format!("{text} = {share:+.0} %"), "< +10 %", share < 10.0);
    if ansible.is_none() {
        table.note("  Ansible", "ansible is not installed".to_owned());
        return Ok(());
    }
    let (playbook, nothing) = (median(playbooks), median(nothing));
    let (what, times) = ("  Ansible, ControlPersist and pipelining: as many times as long", playbook / rmm);
    let text = format!("{playbook:.0} ms = {times:.1} times");
    if command == "true" {
        table.target(what, text, "≥ 5", times >= 5.0);
    } else {
        // The command's own time is the same in all cases.
        table.note(what, text);
    }
    let alone = playbook - nothing;
    table.note("  the same without a playbook's start", format!("{alone:.0} ms = {:.1} times", alone / rmm));
    Ok(())
}

/// Releases to stage; how long a step took, in milliseconds.
fn on_stage(operator: &mut Connection<UnixStream>, number: u32) -> anyhow::Result<f64> {
    let id = release(operator, number)?;
    settled(operator, id, "manual_testing")?;
    let time = run_time(operator, id, "stage", STEPS)?;
    operator.json("POST", &format!("/api/v1/releases/{id}/cancel"), r#"{"reason":"measured"}"#)?;
    Ok(time.as_secs_f64() * 1000.0 / f64::from(STEPS))
}

/// A shared connection of OpenSSH; it ends with this value.
struct Master {
    arguments: Vec<String>,
}

impl Master {
    fn connect(host: &Host, directory: &Path) -> anyhow::Result<Self> {
        let mut arguments = Vec::new();
        for option in [
            format!("ControlPath={}", directory.join("m").display()),
            format!("UserKnownHostsFile={}", host.known_hosts()?.display()),
            format!("IdentityFile={}", host.fact("key")),
            "BatchMode=yes".to_owned(),
        ] {
            arguments.extend(["-o".to_owned(), option]);
        }
        arguments.push(format!("{}@{}", host.fact("user"), host.fact("address")));
        let master = Self { arguments };
        ensure!(master.ssh(&["-M", "-N", "-f"]).status()?.success(), "ssh cannot connect");
        Ok(master)
    }

    fn ssh(&self, options: &[&str]) -> Command {
        let mut command = Command::new("ssh");
        command.args(["-F", "none"]).args(options).args(&self.arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// The command ten times, one after the other; how long one took, in milliseconds.
    fn round(&self, command: &str) -> anyhow::Result<f64> {
        let started = Instant::now();
        for _ in 0..STEPS {
            ensure!(self.ssh(&[]).arg(command).status()?.success(), "{command} failed over ssh");
        }
        Ok(started.elapsed().as_secs_f64() * 1000.0 / f64::from(STEPS))
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        let _ = self.ssh(&["-O", "exit"]).status();
    }
}

/// Ansible, and a directory with playbooks.
struct Ansible {
    program: PathBuf,
    directory: PathBuf,
}

impl Ansible {
    /// The `ansible-playbook` of `RMM_BENCH_ANSIBLE` or of the PATH, if there is one.
    fn find(host: &Host, directory: &Path, command: &str) -> anyhow::Result<Option<Self>> {
        let program = std::env::var_os("RMM_BENCH_ANSIBLE").map_or_else(|| "ansible-playbook".into(), PathBuf::from);
        let asked = Command::new(&program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !asked.is_ok_and(|status| status.success()) {
            return Ok(None);
        }
        let arguments = format!(
            "-F none -o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile={}",
            host.known_hosts()?.display()
        );
        let files = [
            (
                "ansible.cfg",
                format!(
                    "[defaults]\ninventory = hosts\nlocal_tmp = {0}/tmp\n[ssh_connection]\npipelining = True\n\
                 ssh_args = {arguments}\ncontrol_path_dir = {0}\n",
                    directory.display()
                ),
            ),
            (
                "hosts",
                format!(
                    "host ansible_host={} ansible_user={} ansible_ssh_private_key_file={} \
                 ansible_python_interpreter=/usr/bin/python3\n",
                    host.fact("address"),
                    host.fact("user"),
                    host.fact("key")
                ),
            ),
            ("none.yml", "- hosts: all\n  gather_facts: no\n  tasks: []\n".to_owned()),
            (
                "ten.yml",
                "- hosts: all\n  gather_facts: no\n  tasks:\n".to_owned()
                    + &format!("    - shell: {command:?}\n").repeat(STEPS as usize),
            ),
        ];
        for (name, text) in files {
            fs::write(directory.join(name), text)?;
        }
        Ok(Some(Self { program, directory: directory.to_owned() }))
    }

    /// How long a playbook takes, a tenth of it, in milliseconds.
    fn play(&self, playbook: &str) -> anyhow::Result<f64> {
        let started = Instant::now();
        let mut command = Command::new(&self.program);
        command.arg(playbook).current_dir(&self.directory).stdin(Stdio::null());
        command.env("ANSIBLE_CONFIG", "ansible.cfg");
        let output = command.output()?;
        let said = [output.stdout, output.stderr].concat();
        ensure!(output.status.success(), "the playbook failed: {}", String::from_utf8_lossy(&said));
        Ok(started.elapsed().as_secs_f64() * 1000.0 / f64::from(STEPS))
    }
}
