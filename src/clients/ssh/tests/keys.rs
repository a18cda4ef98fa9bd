//! Hosts with keys of several types, of which one is trusted.

use super::*;

fn pinned(sshd: &Sshd, names: &[&str]) -> Target {
    let pins = names.iter().map(|name| Pin { fingerprint: sshd.fingerprint(name), algorithm: None }).collect();
    Target { pins, ..sshd.target() }
}

fn stranger() -> Pin {
    Pin { fingerprint: Fingerprint::parse(format!("SHA256:{}", "A".repeat(43))).unwrap(), algorithm: None }
}

/// The connections that the host has logged.
fn contacts(sshd: &Sshd) -> usize {
    sshd.log().matches("Connection from").count()
}

async fn changed(ssh: &Ssh) -> HostKey {
    match ssh.exec("", &[], &[]).await {
        Err(TransportError::KeyChanged { offered, .. }) => offered,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_any_type_may_be_the_trusted_one() {
    let sshd = sshd!("ed25519 ecdsa rsa", "");
    for (name, kind) in [("host", "ed25519"), ("host-ecdsa", "ecdsa"), ("host-rsa", "rsa")] {
        let ssh = Ssh::new(pinned(&sshd, &[name]));
        assert_eq!(output(&ssh, "echo in", &[], &[]).await.0, b"in\n");
        let shown = ssh.shown_key().unwrap();
        assert!(shown.algorithm.contains(kind) && shown.fingerprint == sshd.fingerprint(name), "{shown}");
        assert_eq!(ssh.offered_key().await.unwrap(), shown, "a look shows the key that a call sees");
        // By now its type is known: it is asked for at once.
        let before = contacts(&sshd);
        for connection in ssh.pool.connections() {
            connection.retire();
        }
        output(&ssh, "true", &[], &[]).await;
        assert_eq!(contacts(&sshd), before + 1, "{}", sshd.log());
    }
    let mut target = pinned(&sshd, &["host-rsa"]);
    target.pins.insert(0, stranger());
    assert_eq!(output(&Ssh::new(target), "echo in", &[], &[]).await.0, b"in\n", "any of several will do");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_host_without_the_trusted_key_is_an_alarm_and_it_is_not_asked_for_all_again_at_once() {
    let sshd = sshd!("ed25519 rsa", "");
    let ssh = Ssh::new(Target { pins: vec![stranger()], ..sshd.target() });
    let offered = changed(&ssh).await;
    assert_eq!(offered.fingerprint, sshd.fingerprint("host"));
    let whole = contacts(&sshd);
    assert_eq!(whole, 2, "once for each key that it has");
    for again in 1..=3 {
        changed(&ssh).await;
        assert_eq!(contacts(&sshd), whole + again);
    }
    // A look gets it all.
    assert!(matches!(ssh.offered_key().await, Err(TransportError::KeyChanged { .. })));
    assert_eq!(contacts(&sshd), 2 * whole + 3);
    let log = sshd.log();
    assert!(!log.contains("Accepted") && !log.contains("Failed"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_key_of_the_trusted_type_is_an_alarm_whatever_else_there_is() {
    let sshd = sshd!("ecdsa ed25519 rsa", "");
    let known = Pin { algorithm: Some("ssh-ed25519".to_owned()), ..stranger() };
    let offered = changed(&Ssh::new(Target { pins: vec![known.clone()], ..sshd.target() })).await;
    assert_eq!(offered.fingerprint, sshd.fingerprint("host-ed25519"));
    assert_eq!(contacts(&sshd), 1);
    // Its type is not there any more.
    let gone = Pin { algorithm: Some("ecdsa-sha2-nistp521".to_owned()), ..known };
    changed(&Ssh::new(Target { pins: vec![gone], ..sshd.target() })).await;
    assert_eq!(contacts(&sshd), 2);
}
