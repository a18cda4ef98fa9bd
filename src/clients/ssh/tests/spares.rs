//! Shells that wait for the next script.

use std::future::ready;

use super::*;

/// An sshd that notes the process of each shell it starts. `saying`: what a shell does before its script.
struct Noting {
    sshd: Sshd,
    notes: TempDir,
}

impl Noting {
    async fn start(saying: &str, extra: &str) -> Option<Self> {
        let notes = tempfile::tempdir().unwrap();
        let file = notes.path().join("shells").display().to_string();
        let config = format!("{extra}\nForceCommand echo $$ >>{file}; {saying} eval \"$SSH_ORIGINAL_COMMAND\"");
        Some(Self { sshd: Sshd::start("ed25519", &config).await?, notes })
    }

    fn shells(&self) -> Vec<String> {
        let text = fs::read_to_string(self.notes.path().join("shells")).unwrap_or_default();
        text.lines().map(ToOwned::to_owned).collect()
    }
}

/// Runs scripts until one finds a shell that was there before it. `right` looks at all they say.
async fn until_a_spare_was_used(host: &Noting, ssh: &Ssh, right: impl Fn(&str, &[u8])) {
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < Duration::from_secs(60), "no script found a spare");
        let before = host.shells();
        let (out, err, status) = output(ssh, "echo $$", &[], &[]).await;
        assert_eq!(status, 0);
        let out = String::from_utf8(out).unwrap();
        right(&out, &err);
        let shell = out.lines().last().unwrap().trim_start_matches('\0').to_owned();
        assert!(host.shells().contains(&shell));
        if before.contains(&shell) {
            return;
        }
    }
}

fn none_open(ssh: &Ssh) -> bool {
    ssh.pool.connections().iter().all(|connection| connection.used() == 0 && connection.opened() == 0)
}

macro_rules! noting {
    ($saying:expr, $extra:expr) => {
        match Noting::start($saying, $extra).await {
            Some(host) => host,
            None => return,
        }
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_script_finds_a_shell_that_waits_for_it() {
    let host = noting!("", "");
    let ssh = host.sshd.ssh();
    // It is not known yet whether scripts run there.
    output(&ssh, "echo first", &[], &[]).await;
    assert_eq!(host.shells().len(), 1);
    let said = |out: &str, err: &[u8]| assert_eq!((out.lines().count(), err), (1, &b""[..]));
    until_a_spare_was_used(&host, &ssh, said).await;

    // It goes when it is not needed, and the connection stays.
    until("the spare's end", || none_open(&ssh)).await;
    assert_eq!(output(&ssh, "echo again", &[], &[]).await.0, b"again\n");
    assert_eq!(host.sshd.log().matches("Accepted publickey").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_start_up_files_print_is_no_output_of_the_script() {
    let host = noting!("echo noise; echo more >&2;", "");
    let ssh = host.sshd.ssh();
    let said = |out: &str, _: &[u8]| assert_eq!(out.lines().count(), 1, "{out}");
    until_a_spare_was_used(&host, &ssh, said).await;

    // However much, and in however many pieces.
    for noise in ["head -c 5000000 /dev/zero;", "for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.01; done;"] {
        let host = noting!(noise, "");
        let ssh = host.sshd.ssh();
        for _ in 0..5 {
            let (out, ..) = output(&ssh, "echo end", &[], &[]).await;
            assert!(out == b"end\n", "{noise}: {} bytes", out.len());
        }
        until("no spare", || none_open(&ssh)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_that_does_not_begin_is_given_up() {
    let host = noting!("test ! -e $HOME/.no-such-file && sleep 1000;", "");
    let mut target = host.sshd.target();
    target.limits.open = Duration::from_millis(300);
    let error = Ssh::new(target).exec("true", &[], &[]).await.unwrap_err();
    assert!(error.may_pass() && error.to_string().contains("did not begin with the script within 300 ms"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_up_file_that_reads_a_part_of_the_script_lets_nothing_run() {
    let host = noting!("read rmm_line;", "");
    let (out, err, status) = output(&host.sshd.ssh(), "echo one\necho two", &[], &[]).await;
    assert_eq!((String::from_utf8(out).unwrap(), status), (String::new(), 125));
    let err = String::from_utf8(err).unwrap();
    assert!(err.contains("did not arrive whole"), "{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spare_that_the_host_has_killed_is_not_used() {
    let host = noting!("", "");
    let ssh = host.sshd.ssh();
    output(&ssh, "true", &[], &[]).await;
    let used = output(&ssh, "echo $$", &[], &[]).await.0;
    until("a spare", || host.shells().len() == 3).await;
    let used = String::from_utf8(used).unwrap();
    let spare = host.shells().into_iter().skip(1).find(|shell| shell != used.trim()).unwrap();
    // It may be over by itself.
    let _ = Command::new("kill").args(["-KILL", &spare]).status().unwrap();
    let connection = ssh.pool.connections().remove(0);
    until("the end is known", || !connection.spare.is_taken()).await;
    assert_eq!(output(&ssh, "echo alive", &[], &[]).await, (b"alive\n".to_vec(), Vec::new(), 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spares_take_no_session_from_calls() {
    for sessions in ["10", "3", "1"] {
        let host = noting!("", &format!("MaxSessions {sessions}"));
        let ssh = host.sshd.ssh();
        output(&ssh, "true", &[], &[]).await;
        for _ in 0..5 {
            output(&ssh, "true", &[], &[]).await;
            twenty_at_once(&ssh).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spare_keeps_no_connection_open() {
    let host = noting!("", "");
    let mut target = host.sshd.target();
    target.limits.idle = Duration::from_millis(50);
    let ssh = Ssh::new(target);
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < Duration::from_secs(60), "no spare on an unused connection");
        output(&ssh, "true", &[], &[]).await;
        let connections = ssh.pool.connections();
        until("the script's end", || connections.iter().all(|connection| connection.used() == 0)).await;
        if connections.iter().any(|connection| connection.spare.is_taken()) {
            break;
        }
    }
    until("the connection's end", || host.sshd.log().contains("Received disconnect")).await;
    assert_eq!(output(&ssh, "echo again", &[], &[]).await.0, b"again\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_script_leaves_no_spare_behind() {
    let host = noting!("", "");
    let ssh = host.sshd.ssh();
    for _ in 0..10 {
        output(&ssh, "true", &[], &[]).await;
        tokio::select! {
            biased;
            started = ssh.exec("exec sleep 1000", &[], &[]) => drop(started),
            () = ready(()) => {}
        }
    }
    until("the channels' end", || none_open(&ssh)).await;
    assert_eq!(output(&ssh, "echo free", &[], &[]).await.0, b"free\n");
}
