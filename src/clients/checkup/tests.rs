use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use super::*;
use crate::clients::local::Local;
use crate::clients::transport::{Channel, EnvPair, Stream};

/// This machine, with the programs of a folder and nothing else.
struct Machine {
    folder: tempfile::TempDir,
    local: Local,
}

const TOOLS: [&str; 17] = [
    "date", "id", "tr", "cut", "df", "dirname", "timeout", "setsid", "mkfifo", "tail", "ln", "wc", "mkdir", "rm", "mv",
    "sleep", "cat",
];

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join("bin");
        fs::create_dir(&programs).unwrap();
        fs::create_dir(folder.path().join("home")).unwrap();
        for tool in TOOLS {
            let paths = std::env::var_os("PATH").unwrap();
            let found = std::env::split_paths(&paths).map(|path| path.join(tool)).find(|path| path.exists());
            if let Some(found) = found {
                symlink(found, programs.join(tool)).unwrap();
            }
        }
        Self { folder, local: Local::new().with_shell("/bin/sh") }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// A program that is a script.
    fn program(self, name: &str, script: &str) -> Self {
        let path = self.path(&format!("bin/{name}"));
        let _ = fs::remove_file(&path);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn without(self, name: &str) -> Self {
        fs::remove_file(self.path(&format!("bin/{name}"))).unwrap();
        self
    }

    async fn checkup(&self, wanted: &Wanted) -> Vec<Finding> {
        checkup(self, wanted, &now, Duration::from_secs(30)).await
    }
}

#[expect(clippy::disallowed_methods, reason = "the script tells the machine's time")]
fn now() -> Timestamp {
    Timestamp::now()
}

impl Transport for Machine {
    fn exec<'a>(
        &'a self,
        script: &'a str,
        args: &'a [&'a str],
        _: &'a [EnvPair],
    ) -> BoxFuture<'a, Result<Channel, TransportError>> {
        Box::pin(async move {
            let env = [("PATH", self.path("bin")), ("HOME", self.path("home"))]
                .map(|(name, value)| (name.to_owned(), SecretString::from(value)));
            self.local.exec(script, args, &env).await
        })
    }

    fn connect<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, Result<Box<dyn Stream>, TransportError>> {
        self.local.connect(host, port)
    }
}

fn docker(directories: &[String]) -> Wanted {
    Wanted { git: true, docker: true, directories: directories.to_vec() }
}

#[track_caller]
fn one<'f>(findings: &'f [Finding], name: &str) -> &'f Finding {
    let mut found = findings.iter().filter(|finding| finding.name == name);
    let first = found.next().unwrap_or_else(|| panic!("no {name} in {findings:?}"));
    assert_eq!(found.next(), None, "one {name}");
    first
}

#[track_caller]
fn is(findings: &[Finding], name: &str, state: State, part: &str) {
    let finding = one(findings, name);
    assert!(finding.state == state && finding.detail.contains(part), "{finding:?}");
}

#[tokio::test]
async fn a_machine_that_has_everything() {
    let machine = Machine::new()
        .program("git", "echo git version 2.50")
        .program("docker", "case $1 in compose) echo 2.40.1;; *) echo 28.1;; esac");
    let findings = machine.checkup(&docker(&[machine.path("home"), machine.path("home/new/deep")])).await;
    for name in ["login", "shell", "git", "docker", "compose", "clock"] {
        is(&findings, name, State::Ok, "");
    }
    is(&findings, "git", State::Ok, "git version 2.50");
    is(&findings, "docker", State::Ok, "28.1");
    is(&findings, "compose", State::Ok, "2.40.1");
    let directories: Vec<_> = findings.iter().filter(|finding| finding.name == "directory").collect();
    assert_eq!(directories.len(), 2);
    assert!(directories.iter().all(|finding| finding.state == State::Ok), "{directories:?}");
    assert!(directories[1].detail.contains("can be made"), "{directories:?}");
    assert!(one(&findings, "disk space").detail.contains("home/new/deep"), "one file system, one finding");
    assert!(!Path::new(&machine.path("home/new")).exists(), "nothing is changed");
}

#[tokio::test]
async fn what_is_missing_matters_only_where_it_is_needed() {
    let machine = Machine::new().without("setsid").without("mkfifo");
    let findings = machine.checkup(&docker(&[])).await;
    is(&findings, "shell", State::Fail, "setsid, mkfifo");
    is(&findings, "git", State::Fail, "missing");
    is(&findings, "docker", State::Fail, "missing");
    assert!(findings.iter().filter(|f| f.state == State::Fail).all(|f| f.fix.is_some()), "{findings:?}");
    let findings = Machine::new().checkup(&Wanted::default()).await;
    is(&findings, "git", State::Ok, "no surface here needs it");
    is(&findings, "docker", State::Ok, "no surface here needs it");
    assert!(findings.iter().all(|finding| finding.name != "compose"));
}

#[tokio::test]
async fn a_docker_that_lets_nobody_in() {
    let machine = Machine::new()
        .program("id", "echo deploy")
        .program("docker", "printf 'permission denied\\n\\033[2Jon the socket' >&2; exit 1");
    let findings = machine.checkup(&docker(&[])).await;
    is(&findings, "docker", State::Fail, "does not answer deploy: permission denied  [2Jon the socket");
    assert_eq!(one(&findings, "docker").fix.as_deref(), Some("sudo usermod -aG docker deploy"));
    is(&findings, "compose", State::Fail, "");
    is(&machine.checkup(&Wanted::default()).await, "docker", State::Ok, "no surface here needs it");
    let down = Machine::new().program("docker", "echo Cannot connect to the Docker daemon >&2; exit 1");
    let findings = down.checkup(&docker(&[])).await;
    assert_eq!(one(&findings, "docker").fix.as_deref(), Some("sudo systemctl enable --now docker"));
}

#[tokio::test]
async fn a_disk_that_fills_up() {
    for (free, state) in [(100 * 1024, State::Fail), (1024 * 1024, State::Warn), (5 * 1024 * 1024, State::Warn)] {
        let row = format!("echo head; echo '/dev/my disk 100000000 1 {free} 99% /mnt/a b'");
        let findings = Machine::new().program("df", &row).checkup(&Wanted::default()).await;
        is(&findings, "disk space", state, "free for");
    }
    let findings = Machine::new().program("df", "echo 'x 30000000 1 20000000 34% /'").checkup(&Wanted::default()).await;
    is(&findings, "disk space", State::Ok, "19 GiB of 28 GiB");
    let findings = Machine::new().program("df", "exit 1").checkup(&Wanted::default()).await;
    is(&findings, "disk space", State::Warn, "df");
}

#[tokio::test]
async fn clocks_that_disagree() {
    let ahead = Machine::new().program("date", "echo 99999999999").checkup(&Wanted::default()).await;
    is(&ahead, "clock", State::Warn, "ahead");
    let behind = Machine::new().program("date", "echo 1000").checkup(&Wanted::default()).await;
    is(&behind, "clock", State::Warn, "behind");
    let silent = Machine::new().program("date", "exit 1").checkup(&Wanted::default()).await;
    is(&silent, "clock", State::Warn, "does not tell");
}

#[tokio::test]
async fn directories_that_cannot_be() {
    let machine = Machine::new().program("id", "echo deploy");
    fs::write(machine.path("file"), "").unwrap();
    let findings = machine.checkup(&docker(&[machine.path("file")])).await;
    is(&findings, "directory", State::Fail, "is no directory");
    let findings = machine.checkup(&docker(&[machine.path("file/below it")])).await;
    is(&findings, "directory", State::Fail, "deploy cannot make it");
    let fix = format!("sudo install -d -o deploy '{}'", machine.path("file/below it"));
    assert_eq!(one(&findings, "directory").fix.as_deref(), Some(fix.as_str()));
}

#[tokio::test]
async fn a_shell_that_will_not() {
    let machine = Machine::new().program("closed", "echo This account is closed. >&2; exit 1");
    let closed = Machine { local: Local::new().with_shell(machine.path("bin/closed")), folder: machine.folder };
    let findings = closed.checkup(&Wanted::default()).await;
    assert_eq!(findings.len(), 1);
    is(&findings, "shell", State::Fail, "exit status 1): This account is closed.");
    let absent = Machine { local: Local::new().with_shell("/nowhere/sh"), folder: closed.folder };
    is(&absent.checkup(&Wanted::default()).await, "shell", State::Fail, "/nowhere/sh");
}

#[tokio::test]
async fn a_host_that_hangs_is_not_waited_for() {
    let machine = Machine::new().without("timeout").program("docker", "while [ -d \"$HOME\" ]; do sleep 0.1; done");
    let findings = checkup(&machine, &docker(&[]), &now, Duration::from_secs(2)).await;
    is(&findings, "shell", State::Fail, "within 2 s");
    is(&findings, "clock", State::Ok, "");
}
