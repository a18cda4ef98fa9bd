//! Hosts behind others.

use super::*;

fn behind(sshd: &Sshd, name: &str, ssh: &Ssh) -> Target {
    let host = HostName::parse("host", name).unwrap();
    Target { jump: Some(Jump { host, ssh: ssh.clone() }), ..sshd.target() }
}

fn through(sshd: &Sshd, bastion: &Ssh) -> Ssh {
    Ssh::new(behind(sshd, "bastion", bastion))
}

fn logins(sshd: &Sshd) -> usize {
    sshd.log().matches("Accepted publickey").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_hosts_share_the_connection_to_the_one_on_the_way() {
    let (outer, inner) = (sshd!("ed25519", "MaxSessions 0"), sshd!("ed25519", "MaxStartups 500"));
    let bastion = outer.ssh();
    let hosts: Vec<_> = (0..20).map(|_| through(&inner, &bastion)).collect();
    let tasks = hosts.iter().cloned().map(|ssh| tokio::spawn(async move { twenty_at_once(&ssh).await }));
    let done = futures_util::future::try_join_all(tasks).await;
    assert!(done.is_ok(), "{}", inner.log());
    assert_eq!(logins(&outer), 1, "one login at the bastion, which allows no session at all");
    assert!(logins(&inner) >= 20);
    drop(hosts);
    until("the tunnels' end", || bastion.pool.connections().iter().all(|c| c.tunnels() == 0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_over_two_hosts_carries_much_in_both_directions() {
    let (first, second, inner) = (sshd!(), sshd!(), sshd!());
    let outer = first.ssh();
    let next = Ssh::new(behind(&second, "first", &outer));
    let ssh = Ssh::new(behind(&inner, "second", &next));
    let much = ("MUCH".to_owned(), SecretString::from("x".repeat(100_000)));
    let tasks = (0..4).map(|_| {
        let (ssh, env) = (ssh.clone(), vec![much.clone()]);
        let script = "head -c 20000000 /dev/zero; echo ${#MUCH} >&2";
        tokio::spawn(async move { output(&ssh, script, &[], &env).await })
    });
    for (out, err, status) in futures_util::future::try_join_all(tasks).await.unwrap() {
        assert_eq!((out.len(), err.as_slice(), status), (20_000_000, &b"100000\n"[..], 0));
    }
    // Whatever listens behind the last host is reached, too.
    let mut stream = ssh.connect("127.0.0.1", inner.port, LONG).await.unwrap();
    let mut banner = [0; 4];
    stream.read_exact(&mut banner).await.unwrap();
    assert_eq!(&banner, b"SSH-");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_that_fails_on_the_way_is_named() {
    let (outer, inner) = (sshd!(), sshd!());
    let blamed = |error: &TransportError| error.at().0.map(ToString::to_string);

    // A key that is not confirmed, and one that has changed.
    let unpinned = Ssh::new(Target { pins: Vec::new(), ..outer.target() });
    let error = through(&inner, &unpinned).exec("", &[], &[]).await.unwrap_err();
    assert!(matches!(error.at().1, TransportError::UnknownKey(key) if key.fingerprint == outer.fingerprint("host")));
    assert!(blamed(&error).as_deref() == Some("bastion") && error.may_pass() && error.began_nothing(), "{error}");
    let wrong = Pin { fingerprint: inner.fingerprint("host"), algorithm: None };
    let error = through(&inner, &Ssh::new(Target { pins: vec![wrong], ..outer.target() })).exec("", &[], &[]).await;
    let error = error.unwrap_err();
    assert!(error.to_string().contains("bastion: THE HOST KEY HAS CHANGED") && !error.may_pass(), "{error}");
    assert!(!inner.log().contains("Connection from"), "{}", inner.log());

    // No server there, and one that does not forward.
    let mut closed = outer.target();
    closed.address.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = through(&inner, &Ssh::new(closed)).exec("", &[], &[]).await.unwrap_err();
    assert!(blamed(&error).as_deref() == Some("bastion"), "{error}");
    assert!(error.to_string().contains("refuses the connection") && error.may_pass(), "{error}");
    let closed = sshd!("ed25519", "AllowTcpForwarding no");
    let error = through(&inner, &closed.ssh()).exec("", &[], &[]).await.unwrap_err();
    assert!(blamed(&error).as_deref() == Some("bastion") && !error.may_pass(), "{error}");
    assert!(error.to_string().contains("AllowTcpForwarding"), "{error}");

    // Behind it, the host itself is to blame.
    let bastion = outer.ssh();
    let mut gone = behind(&inner, "bastion", &bastion);
    gone.address.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = Ssh::new(gone).exec("", &[], &[]).await.unwrap_err();
    assert_eq!(blamed(&error), None);
    assert!(error.to_string().contains("cannot be reached from the jump host bastion: Connection refused"), "{error}");
    let stranger = Ssh::new(Target { pins: Vec::new(), ..behind(&inner, "bastion", &bastion) });
    let error = stranger.exec("", &[], &[]).await.unwrap_err();
    assert!(matches!(error, TransportError::UnknownKey(key) if key.fingerprint == inner.fingerprint("host")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_jump_host_dies_all_hosts_behind_it_say_so_and_work_again_later() {
    let (mut outer, inner) = (sshd!(), sshd!());
    let bastion = outer.ssh();
    let hosts = [through(&inner, &bastion), through(&inner, &bastion)];
    let mut channels = Vec::new();
    for ssh in &hosts {
        let mut channel = ssh.exec("echo on; exec cat /proc/self/fd/1", &[], &[]).await.unwrap();
        channel.stdout.read_exact(&mut [0; 3]).await.unwrap();
        channels.push(channel);
    }
    for connection in bastion.pool.connections() {
        connection.cut();
    }
    for mut channel in channels {
        assert!(channel.stdout.read(&mut [0]).await.is_err());
        let error = channel.status.await.unwrap_err();
        assert!(matches!(error, TransportError::Died { .. }), "{error}");
        assert!(error.to_string().contains("jump host bastion"), "{error}");
    }
    for ssh in &hosts {
        until("the connection is known to be dead", || !ssh.pool.connections().iter().any(|c| c.is_usable())).await;
        assert_eq!(output(ssh, "echo again", &[], &[]).await.0, b"again\n");
    }
    assert_eq!(logins(&outer), 2);

    let _ = outer.child.kill();
    let _ = outer.child.wait();
    for connection in bastion.pool.connections() {
        connection.cut();
    }
    for ssh in &hosts {
        until("the connection is known to be dead", || !ssh.pool.connections().iter().any(|c| c.is_usable())).await;
        let error = ssh.exec("", &[], &[]).await.unwrap_err();
        assert!(error.to_string().starts_with("on the way, at the jump host bastion: "), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_lookup_that_hangs_on_the_jump_host_holds_up_no_other_call() {
    let Some((outer, silent)) = sshd_whose_name_server_is_silent().await else { return };
    let inner = sshd!();
    let bastion = outer.ssh();
    let to = |name: &str| {
        let mut target = behind(&inner, "bastion", &bastion);
        name.clone_into(&mut target.address.host);
        Ssh::new(target)
    };
    let (by_number, by_name) = (to("127.0.0.1"), to("localhost"));
    let mut before = by_number.exec("echo on; exec cat /proc/self/fd/1", &[], &[]).await.unwrap();
    before.stdout.read_exact(&mut [0; 3]).await.unwrap();

    let nowhere = to("nowhere.example.com");
    let asking = tokio::spawn(async move { nowhere.exec("", &[], &[]).await.map(drop) });
    silent.recv_from(&mut [0; 512]).await.unwrap();
    for ssh in [by_number, by_name, to("127.0.0.1"), to("localhost")] {
        assert_eq!(output(&ssh, "echo in", &[], &[]).await.0, b"in\n");
    }
    assert!(!asking.is_finished(), "{:?}", asking.await);
    asking.abort();
    assert_eq!(bastion.pool.connections().len(), 3, "known names and numbers share a connection");
}
