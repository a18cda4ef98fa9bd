//! The hosts do what the other tests believe of them, judged by OpenSSH's own client.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::host::{Fault, Host, script};
use crate::world::eventually;

/// OpenSSH's client that runs a command on a host, and gives up after so many seconds of silence.
fn patient_ssh(host: &Host, command: &str, seconds: u32) -> Command {
    let options = format!(
        "BatchMode=yes StrictHostKeyChecking=no UserKnownHostsFile=/dev/null LogLevel=ERROR ConnectTimeout=1 \
         ServerAliveInterval=1 ServerAliveCountMax={seconds}"
    );
    let mut ssh = Command::new("ssh");
    ssh.args(["-n", "-F", "none", "-i", host.key_path()])
        .args(options.split(' ').flat_map(|option| ["-o", option]))
        .args(["-l", host.user(), host.address(), command])
        .stdin(Stdio::null());
    ssh
}

fn ssh(host: &Host, command: &str) -> Command {
    patient_ssh(host, command, 2)
}

/// A session that counts, in its middle.
async fn counting(host: &Host, folder: &Path, patience: u32) -> Child {
    let output = folder.join(host.name());
    let mut session = patient_ssh(host, "i=0; while [ $i -lt 20 ]; do i=$((i+1)); echo $i; sleep 0.1; done", patience);
    let session = session.stdout(File::create(&output).unwrap()).stderr(Stdio::null()).spawn().unwrap();
    eventually("the session counts", async || std::fs::read_to_string(&output).unwrap().contains("3\n").then_some(()))
        .await;
    session
}

/// How the session ended, and the last line that arrived.
async fn ended(session: &mut Child, host: &Host, folder: &Path) -> (i32, String) {
    let status = eventually("the session has ended", async || session.try_wait().unwrap()).await;
    let text = std::fs::read_to_string(folder.join(host.name())).unwrap();
    (status.code().unwrap(), text.lines().last().unwrap().to_owned())
}

#[tokio::test]
async fn a_host_has_a_key_a_home_and_processes_of_its_own() {
    let Some(host) = Host::up() else { return };
    let said =
        ssh(&host, "id -un; hostname; pwd; ls /tmp | wc -l; echo > /tmp/here; ps -e -o comm= | grep -c sshd").output();
    let said = String::from_utf8(said.unwrap().stdout).unwrap();
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[..4], ["deploy", host.name(), "/home/deploy", "0"]);
    assert!(!Path::new("/tmp/here").exists());
    let scan = format!("ssh-keyscan {} 2>/dev/null | ssh-keygen -lf -", host.address());
    let seen = Command::new("sh").args(["-c", &scan]).output().unwrap();
    assert!(String::from_utf8_lossy(&seen.stdout).contains(host.fingerprint()));
    assert_eq!(host.sh("whoami"), "deploy\n");
}

#[tokio::test]
async fn silence_ends_a_session_by_keepalive_only_and_heals() {
    let faults = [Fault::Down, Fault::OneWay, Fault::Freeze].map(async |fault| {
        let folder = tempfile::tempdir().unwrap();
        let Some(host) = Host::up() else { return };
        let mut session = counting(&host, folder.path(), 2).await;
        host.cut(fault);
        let (code, last) = ended(&mut session, &host, folder.path()).await;
        assert!(code == 255 && last != "20", "{fault:?}: {code} after {last}");
        assert!(!ssh(&host, "true").stderr(Stdio::null()).status().unwrap().success(), "{fault:?} lets a session in");
        host.heal();
        let healed = async || ssh(&host, "true").status().unwrap().success().then_some(());
        eventually("a session gets through again", healed).await;
    });
    futures_util::future::join_all(faults).await;
}

#[tokio::test]
async fn a_password_opens_a_host_and_a_wrong_one_does_not() {
    let Some(host) = Host::up() else { return };
    let folder = tempfile::tempdir().unwrap();
    let answer = folder.path().join("answer");
    for (password, opens) in [(host.password(), true), ("wrong", false)] {
        std::fs::write(&answer, format!("#!/bin/sh\necho {password}\n")).unwrap();
        std::fs::set_permissions(&answer, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let mut ssh = Command::new("ssh");
        ssh.args(["-n", "-F", "none", "-o", "PubkeyAuthentication=no", "-o", "StrictHostKeyChecking=no"])
            .args(["-o", "UserKnownHostsFile=/dev/null", "-o", "NumberOfPasswordPrompts=1", "-o", "LogLevel=ERROR"])
            .args(["-l", host.user(), host.address(), "true"])
            .envs([("SSH_ASKPASS", answer.as_os_str()), ("SSH_ASKPASS_REQUIRE", "force".as_ref())])
            .stderr(Stdio::null());
        assert_eq!(ssh.status().unwrap().success(), opens, "{password}");
    }
}

#[tokio::test]
async fn an_end_of_a_session_is_seen_at_once_and_sshd_stays() {
    let folder = tempfile::tempdir().unwrap();
    for fault in [Fault::Kill, Fault::Rst, Fault::Restart, Fault::Reboot] {
        let Some(host) = Host::up() else { return };
        let mut session = counting(&host, folder.path(), 2).await;
        host.cut(fault);
        let (code, last) = ended(&mut session, &host, folder.path()).await;
        assert!(code == 255 && last != "20", "{fault:?}: {code} after {last}");
        assert!(ssh(&host, "true").status().unwrap().success(), "{fault:?} lets no session in");
    }
}

#[tokio::test]
async fn a_bad_line_only_delays() {
    let folder = tempfile::tempdir().unwrap();
    for fault in [Fault::Loss, Fault::Slow] {
        let Some(host) = Host::up() else { return };
        let mut session = counting(&host, folder.path(), 60).await;
        host.cut(fault);
        let (code, last) = ended(&mut session, &host, folder.path()).await;
        assert_eq!((code, last.as_str()), (0, "20"), "{fault:?}");
        host.heal();
    }
}

#[tokio::test]
async fn a_host_that_went_down_leaves_nothing() {
    let Some(host) = Host::up() else { return };
    let name = host.name().to_owned();
    let (address, home) = (host.address().to_owned(), host.home(""));
    let mut session = ssh(&host, "setsid sleep 600 > /dev/null & sleep 600").spawn().unwrap();
    eventually("the host has work", async || host.sh("ps -e -o comm=").contains("sleep").then_some(())).await;
    drop(host);
    session.wait().unwrap();
    assert!(!Path::new("/run/netns").join(format!("rmmh-{name}")).exists());
    assert!(!Path::new("/sys/class/net").join(format!("rmmh-{name}")).exists());
    assert!(!home.exists());
    assert!(!std::fs::read_to_string("/proc/mounts").unwrap().contains(&name));
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let command = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).into_owned();
        let of_the_host = command.contains(&format!("/{name}/")) || command.contains(&format!("-D\0{address}"));
        assert!(!of_the_host, "{command}");
    }
}

#[tokio::test]
async fn a_host_whose_owner_died_is_swept_away() {
    let Some(_bridge) = Host::up() else { return };
    let name = format!("o{:x}", std::process::id());
    let mut owner = Command::new("sleep").arg("600").spawn().unwrap();
    let up = script(&["up", &name]).env("RMM_HOST_OWNER", owner.id().to_string()).output().unwrap();
    assert!(up.status.success());
    assert!(script(&["sweep"]).status().unwrap().success());
    let link = Path::new("/sys/class/net").join(format!("rmmh-{name}"));
    assert!(link.exists(), "a host was swept away whose owner lives");
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(script(&["sweep"]).status().unwrap().success());
    assert!(!link.exists());
}

#[tokio::test]
async fn a_host_with_docker_has_compose_and_loses_it() {
    let Some(host) = Host::up_with_docker() else { return };
    assert!(host.sh("docker compose version").contains("Compose version"));
    assert_eq!(host.sh("docker ps --quiet"), "");
    host.cut(Fault::NoDocker);
    assert!(host.sh("docker ps 2>&1 || true").contains("Cannot connect"));
}
