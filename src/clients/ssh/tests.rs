//! Against a real sshd on the loopback device, which each test starts for itself.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::clients::detached::{self, Ended, Fence, Known, Prepared, RunDir, Sink, SinkError, StepError, StepSpec};
use crate::clients::{checkup, health};
use crate::domain::finding::State;
use crate::domain::host::Fingerprint;
use crate::domain::reason::Reason;
use crate::wording::english;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

struct Sshd {
    child: Child,
    root: TempDir,
    port: u16,
    key_type: String,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keygen(args: &[&str]) -> Option<()> {
    Command::new("ssh-keygen").args(args).stdout(Stdio::null()).status().ok()?.success().then_some(())
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "no end: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl Sshd {
    /// Starts it with a key of each of these types; nothing if it is not installed.
    async fn start(key_type: &str, extra: &str) -> Option<Self> {
        let sshd = Self::try_start(key_type, extra).await;
        if sshd.is_none() {
            eprintln!("sshd or ssh-keygen is not installed; skipped");
        }
        sshd
    }

    async fn try_start(key_type: &str, extra: &str) -> Option<Self> {
        Self::start_under(&[], key_type, extra).await
    }

    /// Starts it by way of another program.
    async fn start_under(way: &[&str], key_type: &str, extra: &str) -> Option<Self> {
        let program = ["/usr/sbin/sshd", "/usr/bin/sshd", "/sbin/sshd"].into_iter().find(|p| Path::new(p).exists())?;
        let root = tempfile::tempdir().unwrap();
        let file = |name: &str| root.path().join(name).display().to_string();
        let mut keys = String::new();
        for (index, key_type) in key_type.split(' ').enumerate() {
            let name = file(&if index == 0 { "host".to_owned() } else { format!("host-{key_type}") });
            keygen(&["-q", "-t", key_type, "-N", "", "-f", &name])?;
            keys += &format!("HostKey {name}\n");
        }
        keygen(&["-q", "-t", "ed25519", "-N", "", "-f", &file("user")])?;
        fs::copy(file("user.pub"), file("authorized")).unwrap();
        // sshd wants it for its unprivileged part.
        let _ = fs::create_dir_all("/run/sshd");
        {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            // At a deeper level of shells, bash does not read the user's own files, which may say or do anything.
            let config = format!(
                "Port {port}\nListenAddress 127.0.0.1\n{keys}AuthorizedKeysFile {}\nPermitRootLogin yes\n\
                 StrictModes no\nUsePAM no\nPidFile none\nLogLevel VERBOSE\nSetEnv SHLVL=1\n{extra}\n",
                file("authorized")
            );
            fs::write(file("config"), config).unwrap();
            let (config, log) = (file("config"), file("log"));
            let line = [way, &[program, "-D", "-f", &config, "-E", &log]].concat();
            let child = Command::new(line[0]).args(&line[1..]).spawn().ok()?;
            let mut sshd = Self { child, root, port, key_type: key_type.to_owned() };
            let start = Instant::now();
            while start.elapsed() < Duration::from_secs(30) {
                if sshd.log().contains("Server listening") {
                    return Some(sshd);
                }
                if sshd.child.try_wait().unwrap().is_some() {
                    if !way.is_empty() {
                        return None;
                    }
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            panic!("sshd does not start: {}", sshd.log());
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    fn target(&self) -> Target {
        let fingerprint = self.fingerprint("host");
        let user = Command::new("id").arg("-un").output().unwrap();
        Target {
            address: Address { host: "127.0.0.1".to_owned(), port: self.port },
            user: String::from_utf8(user.stdout).unwrap().trim().to_owned(),
            credential: self.key("user", None),
            pins: vec![Pin { fingerprint, algorithm: None }],
            limits: Limits::default(),
            jump: None,
        }
    }

    /// The fingerprint of one of its keys.
    fn fingerprint(&self, name: &str) -> Fingerprint {
        let public = fs::read_to_string(self.file(&format!("{name}.pub"))).unwrap();
        let key = russh::keys::PublicKey::from_openssh(public.trim()).unwrap();
        Fingerprint::parse(key.fingerprint(russh::keys::HashAlg::Sha256).to_string()).unwrap()
    }

    fn key(&self, name: &str, passphrase: Option<&str>) -> Credential {
        let key = SecretString::from(fs::read_to_string(self.file(name)).unwrap());
        Credential::Key { key, passphrase: passphrase.map(SecretString::from) }
    }

    fn ssh(&self) -> Ssh {
        Ssh::new(self.target())
    }
}

async fn output(ssh: &Ssh, script: &str, args: &[&str], env: &[EnvPair]) -> (Vec<u8>, Vec<u8>, i32) {
    let Channel { mut stdout, mut stderr, status } = ssh.exec(script, args, env).await.unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (a, b) = tokio::join!(stdout.read_to_end(&mut out), stderr.read_to_end(&mut err));
    a.and(b).unwrap();
    (out, err, status.await.unwrap())
}

macro_rules! sshd {
    () => {
        sshd!("ed25519", "")
    };
    ($key:expr, $extra:expr) => {
        match Sshd::start($key, $extra).await {
            Some(sshd) => sshd,
            None => return,
        }
    };
}

mod jump;
mod keys;
mod spares;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arguments_environment_outputs_and_status_arrive() {
    let sshd = sshd!();
    let ssh = sshd.ssh();
    let env = [("GREETING".to_owned(), SecretString::from("it's $HOME\n# not a comment\n"))];
    let script = "# a comment\nprintf '%s|%s|%s' \"$GREETING\" \"$1\" \"$2\"\nprintf '\\000\\377' >&2\ncat\nexit 7";
    let (out, err, status) = output(&ssh, script, &["a 'b", "$(c)"], &env).await;
    assert_eq!(String::from_utf8_lossy(&out), "it's $HOME\n# not a comment\n|a 'b|$(c)");
    assert_eq!(err, [0, 255]);
    assert_eq!(status, 7);
    let (_, _, status) = output(&ssh, "kill -s KILL $$", &[], &[]).await;
    assert_eq!(status, 137);
    assert_eq!(ssh.pool.connections().len(), 1);

    // Secrets are in no command line.
    let script = "cat /proc/[0-9]*/cmdline | tr '\\0' ' '";
    let secret = [("SECRET".to_owned(), SecretString::from("hunter".to_owned() + "2hunter"))];
    let (out, _, _) = output(&ssh, script, &[], &secret).await;
    let out = String::from_utf8_lossy(&out);
    assert!(out.contains("eval") && !out.contains("hunter2hunter"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_login_at_a_host_with_a_wrong_key() {
    for key_type in ["ed25519", "ecdsa", "rsa"] {
        let sshd = sshd!(key_type, "");
        let target = sshd.target();
        let pin = target.pins[0].clone();
        let shown = sshd.ssh().offered_key().await.unwrap();
        assert_eq!(shown.fingerprint, pin.fingerprint);
        assert!(shown.algorithm.contains(&sshd.key_type), "{}", shown.algorithm);

        let unknown = Ssh::new(Target { pins: Vec::new(), ..target.clone() }).exec("", &[], &[]).await.unwrap_err();
        assert!(matches!(unknown, TransportError::UnknownKey(key) if key == shown));
        let other = Fingerprint::parse(format!("SHA256:{}", "A".repeat(43))).unwrap();
        let wrong = vec![Pin { fingerprint: other.clone(), algorithm: Some(shown.algorithm.clone()) }];
        let changed = Ssh::new(Target { pins: wrong, ..target.clone() }).exec("", &[], &[]).await.unwrap_err();
        assert!(matches!(changed, TransportError::KeyChanged { expected, offered }
            if expected == [other] && offered == shown));
        until("the connections' end", || sshd.log().matches("[preauth]").count() >= 3).await;
        let log = sshd.log();
        for sign in ["user", "Accepted", "Failed", "Postponed"] {
            assert!(!log.contains(sign), "{log}");
        }

        let pins = vec![Pin { algorithm: Some(shown.algorithm), ..pin }];
        let (out, _, _) = output(&Ssh::new(Target { pins, ..target }), "echo in", &[], &[]).await;
        assert_eq!(out, b"in\n");
    }
}

async fn refusal(sshd: &Sshd, credential: Credential) -> String {
    let ssh = Ssh::new(Target { credential, ..sshd.target() });
    let error = ssh.exec("", &[], &[]).await.unwrap_err();
    let TransportError::Login(why) = error else { panic!("{error}") };
    english(&why)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_login_says_why() {
    let sshd = sshd!("ed25519", "PasswordAuthentication no\nKbdInteractiveAuthentication no");
    let file = |name: &str| sshd.file(name).display().to_string();
    keygen(&["-q", "-t", "ed25519", "-N", "", "-f", &file("other")]).unwrap();
    let said = refusal(&sshd, sshd.key("other", None)).await;
    assert!(said.contains("did not accept the key SHA256:"), "{said}");
    let said = refusal(&sshd, Credential::Password(SecretString::from("x"))).await;
    assert!(said.contains("allows only publickey"), "{said}");
    let said = refusal(&sshd, sshd.key("user.pub", None)).await;
    assert!(said.contains("is a public key"), "{said}");
    let said = refusal(&sshd, sshd.key("config", None)).await;
    assert!(said.contains("no private key"), "{said}");

    keygen(&["-q", "-t", "rsa", "-b", "2048", "-N", "sesame", "-f", &file("locked")]).unwrap();
    fs::copy(file("locked.pub"), file("authorized")).unwrap();
    let said = refusal(&sshd, sshd.key("locked", None)).await;
    assert!(said.contains("needs a passphrase"), "{said}");
    let said = refusal(&sshd, sshd.key("locked", Some("wrong"))).await;
    assert!(said.contains("passphrase is wrong"), "{said}");
    let credential = sshd.key("locked", Some("sesame"));
    let (out, _, _) = output(&Ssh::new(Target { credential, ..sshd.target() }), "echo in", &[], &[]).await;
    assert_eq!(out, b"in\n");
}

/// Each of them gets its own answer.
async fn twenty_at_once(ssh: &Ssh) {
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let ssh = ssh.clone();
            tokio::spawn(async move { output(&ssh, "echo $1", &[&n.to_string()], &[]).await })
        })
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.unwrap(), (format!("{n}\n").into_bytes(), Vec::new(), 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_scripts_at_once_whatever_the_host_allows() {
    for sessions in ["10", "1"] {
        let sshd = sshd!("ed25519", &format!("MaxSessions {sessions}"));
        let ssh = sshd.ssh();
        twenty_at_once(&ssh).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_connection_is_noticed_and_replaced() {
    let sshd = sshd!();
    let ssh = sshd.ssh();
    let mut channel = ssh.exec("echo on; exec cat /proc/self/fd/1", &[], &[]).await.unwrap();
    let mut on = [0; 3];
    channel.stdout.read_exact(&mut on).await.unwrap();
    for connection in ssh.pool.connections() {
        connection.cut();
    }
    assert!(channel.stdout.read(&mut on).await.is_err());
    assert!(matches!(channel.status.await, Err(TransportError::Died(_))));
    until("the connection is known to be dead", || !ssh.pool.connections().iter().any(|c| c.is_usable())).await;
    assert_eq!(output(&ssh, "echo again", &[], &[]).await.0, b"again\n");
}

fn resident_kib() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_costs_no_memory() {
    let sshd = sshd!();
    let ssh = sshd.ssh();
    let mut channel = ssh.exec("head -c 200000000 /dev/zero; echo done >&2", &[], &[]).await.unwrap();
    let mut buffer = vec![0; 64 * 1024];
    let (mut count, before) = (0, resident_kib());
    loop {
        tokio::task::yield_now().await;
        match channel.stdout.read(&mut buffer).await.unwrap() {
            0 => break,
            n => count += n,
        }
        if count % (1 << 22) < 1000 {
            assert!(resident_kib() < before + 100_000, "{} KiB", resident_kib());
        }
    }
    assert_eq!(count, 200_000_000);
    assert_eq!(channel.status.await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn output_that_is_not_read_any_more_is_closed() {
    let sshd = sshd!("ed25519", "MaxSessions 1");
    let ssh = sshd.ssh();
    drop(ssh.exec("exec sleep 1000", &[], &[]).await.unwrap());
    until("the channel's end", || ssh.pool.connections().iter().all(|c| c.used() == 0)).await;
    assert_eq!(output(&ssh, "echo free", &[], &[]).await.0, b"free\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_has_heard_enough_soon_frees_its_session() {
    let sshd = sshd!();
    let ssh = sshd.ssh();
    for _ in 0..30 {
        let mut channel = ssh.exec("echo on", &[], &[]).await.unwrap();
        channel.stdout.read_exact(&mut [0; 3]).await.unwrap();
    }
    until("the scripts' end", || ssh.pool.connections().iter().all(|c| c.used() == 0)).await;
    assert_eq!(sshd.log().matches("Accepted publickey").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_connection_is_closed() {
    let sshd = sshd!();
    let mut target = sshd.target();
    target.limits.idle = Duration::from_millis(50);
    let ssh = Ssh::new(target);
    output(&ssh, "true", &[], &[]).await;
    until("the connection's end", || sshd.log().contains("Received disconnect")).await;
    assert_eq!(output(&ssh, "echo again", &[], &[]).await.0, b"again\n");
}

/// An sshd whose only name server is silent, and that name server; nothing where one cannot be had. sshd does nothing else
/// on a connection while it asks for a name itself.
async fn sshd_whose_name_server_is_silent() -> Option<(Sshd, tokio::net::UdpSocket)> {
    static NUMBER: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(1);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    let low = std::process::id().to_be_bytes();
    let server = format!("127.{}.{}.{number}", low[2] | 64, low[3]);
    let Ok(silent) = tokio::net::UdpSocket::bind((server.as_str(), 53)).await else {
        eprintln!("port 53 is not to be had; skipped");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let resolv = folder.path().join("resolv.conf").display().to_string();
    fs::write(&resolv, format!("nameserver {server}\noptions timeout:30 attempts:5\n")).unwrap();
    let mounted = format!("mount --bind {resolv} /etc/resolv.conf && exec \"$0\" \"$@\"");
    let way = ["unshare", "--mount", "sh", "-c", &mounted];
    let sshd = Sshd::start_under(&way, "ed25519", "").await;
    if sshd.is_none() {
        eprintln!("no sshd with a name server of its own; skipped");
    }
    Some((sshd?, silent))
}

/// Answers every connection with 200.
async fn web(address: &str) -> u16 {
    let listener = tokio::net::TcpListener::bind((address, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_is_not_answered_is_an_ill_attempt_and_holds_up_nothing_else() {
    let Some((sshd, silent)) = sshd_whose_name_server_is_silent().await else { return };
    // No limit of the host's own decides how long an attempt takes.
    for open in [Duration::from_secs(1), LONG] {
        let ssh = Ssh::new(Target { limits: Limits { open, ..Limits::default() }, ..sshd.target() });
        let port = web("127.0.0.1").await;
        let known = format!("http://localhost:{port}/");
        let ask = async |url: &str, limit| health::get_over(&ssh, url, health::Expected::default(), limit).await;
        ask(&known, LONG).await.unwrap();
        let address = format!("nowhere.example.com:{port}");
        let url = format!("http://{address}/");
        let limit = Duration::from_secs(2);
        let place = sshd.target().address;
        let (http, tcp, beside) = tokio::join!(ask(&url, limit), health::reach_over(&ssh, &address, limit), async {
            silent.recv_from(&mut [0; 512]).await.unwrap();
            (ask(&known, LONG).await.unwrap(), output(&ssh, "echo in", &[], &[]).await.0)
        });
        assert_eq!(beside.1, b"in\n");
        for (unwell, asked) in [(http.unwrap_err(), &url), (tcp.unwrap_err(), &address)] {
            let health::Unwell::Surface(fault) = unwell else { panic!("{unwell:?}") };
            let said = english(&Reason::Health { fault });
            let why = format!("no name server said within 2 s what nowhere.example.com is, as {place} asks");
            assert_eq!(said, format!("{asked} could not be reached: {why}"));
        }
    }
    let ssh = sshd.ssh();
    let port = web("127.0.0.1").await;
    let silent = checkup::Asked { host: "nowhere.example.com".into(), port, instead: false, here: false };
    let known = checkup::Asked { host: "localhost".into(), ..silent.clone() };
    let (silent, known) = tokio::join!(checkup::ask(&ssh, &silent), checkup::ask(&ssh, &known));
    assert_eq!((silent.state, known.state), (State::Fail, State::Ok), "{silent:?} {known:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_reached_at_whichever_of_its_addresses_answers() {
    let hosts = tempfile::tempdir().unwrap();
    let file = hosts.path().join("hosts").display().to_string();
    fs::write(&file, "127.0.0.1 localhost\n127.9.0.1 twice.internal\n127.9.0.2 twice.internal\n").unwrap();
    let mounted = format!("mount --bind {file} /etc/hosts && exec \"$0\" \"$@\"");
    let Some(sshd) = Sshd::start_under(&["unshare", "--mount", "sh", "-c", &mounted], "ed25519", "").await else {
        return eprintln!("no sshd with names of its own; skipped");
    };
    let ssh = sshd.ssh();
    let port = web("127.9.0.2").await;
    ssh.connect("twice.internal", port, LONG).await.map(drop).unwrap();
    assert_eq!(ssh.pool.connections().len(), 1);
    // A full backlog: an address that is silent.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(format!("127.9.0.1:{port}").parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let _held = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    ssh.connect("twice.internal", port, LONG).await.map(drop).unwrap();
    let Err(TransportError::Refused(why)) = ssh.connect("nowhere.invalid", port, LONG).await else { panic!() };
    let said = english(&why);
    assert!(said.contains("has no address for nowhere.invalid"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tunnels() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let sshd = sshd!();
    let ssh = sshd.ssh();
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.unwrap();
        stream.write_all(heard.to_uppercase().as_bytes()).await.unwrap();
    };
    let ask = async {
        let mut stream = ssh.connect("127.0.0.1", port, LONG).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "HELLO");
    };
    tokio::join!(serve, ask);
    drop(listener);
    let Err(TransportError::Refused(why)) = ssh.connect("127.0.0.1", port, LONG).await else { panic!() };
    let said = english(&why);
    assert!(said.contains("takes no connection: Connection refused"), "{said}");

    let sshd = sshd!("ed25519", "AllowTcpForwarding no");
    let Err(TransportError::Forbidden(why)) = sshd.ssh().connect("127.0.0.1", port, LONG).await else { panic!() };
    let said = english(&why);
    assert!(said.contains("AllowTcpForwarding"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_says_nothing_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let limits = Limits { connect: Duration::from_millis(100), ..Limits::default() };
    let target = |port| Target {
        address: Address { host: "127.0.0.1".to_owned(), port },
        user: "nobody".to_owned(),
        credential: Credential::Password(SecretString::from("x")),
        pins: Vec::new(),
        limits,
        jump: None,
    };
    let port = silent.local_addr().unwrap().port();
    let error = Ssh::new(target(port)).exec("", &[], &[]).await.unwrap_err();
    assert_eq!(error.to_string(), format!("127.0.0.1:{port} did not answer within 100 ms."));
    assert!(error.began_nothing());
    drop(silent);
    let error = Ssh::new(target(port)).exec("", &[], &[]).await.unwrap_err();
    // Another test may have taken the port meanwhile.
    assert!(matches!(&error, TransportError::Unreachable(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_of_something_else_is_told_by_what_it_speaks() {
    for (answer, part) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "speaks HTTP, not SSH"),
        (b"<!DOCTYPE HTML>\n<html>", "speaks HTTP, not SSH"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "speaks TLS, not SSH"),
        (b"220 mail.example.com ESMTP\r\n", "does not answer as an SSH server: it says \"220 mail.example.com ESMTP\""),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 100]).await;
                let _ = stream.write_all(answer).await;
            }
        });
        let target = Target {
            address: Address { host: "127.0.0.1".to_owned(), port },
            user: "nobody".to_owned(),
            credential: Credential::Password(SecretString::from("x")),
            pins: Vec::new(),
            limits: Limits::default(),
            jump: None,
        };
        let said = Ssh::new(target).exec("", &[], &[]).await.unwrap_err().to_string();
        let advice = "`address` must name the port of the host's SSH server, mostly 22.";
        assert_eq!(said, format!("127.0.0.1:{port} {part}. {advice}"));
    }
}

/// Keeps the output.
#[derive(Default)]
struct Kept(Vec<u8>);

impl Sink for Kept {
    fn write<'a>(&'a mut self, offset: u64, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), SinkError>> {
        assert_eq!(offset, self.0.len() as u64);
        self.0.extend_from_slice(bytes);
        Box::pin(async { Ok(()) })
    }

    fn skip<'a>(&'a mut self, from: u64, to: u64) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async move { panic!("{from} to {to} is missing") })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_durable_step_outlives_its_connection() {
    let sshd = sshd!();
    let ssh = sshd.ssh();
    let dir = RunDir::new(sshd.file("runs/17").display().to_string()).unwrap();
    let fence = Fence { token: "here-17", generation: 1, process: "one" };
    let known = Known { prepared: false, vouched: &[] };
    assert_eq!(detached::prepare(&ssh, &dir, fence, known, &["0".to_owned()]).await.unwrap().made, Prepared::New);
    let env = vec![("GREETING".to_owned(), SecretString::from("it's me"))];
    let go = sshd.file("go").display().to_string();
    let command = format!("echo \"$GREETING\"; until [ -e '{go}' ]; do sleep 0.05; done; printf end; exit 3");
    let spec = StepSpec { key: "0".to_owned(), command, directory: None, env, again: false };
    let mut kept = Kept::default();
    let cutting = async {
        let out = sshd.file("runs/17/steps/0/out");
        until("output", || fs::metadata(&out).is_ok_and(|file| file.len() == 8)).await;
        for connection in ssh.pool.connections() {
            connection.cut();
        }
    };
    let (ended, ()) = tokio::join!(detached::run(&ssh, &dir, fence, &spec, 0, &mut kept), cutting);
    assert!(matches!(ended, Err(StepError::Transport(TransportError::Died(_)))), "{ended:?}");
    until("the connection is known to be dead", || !ssh.pool.connections().iter().any(|c| c.is_usable())).await;
    fs::write(&go, "").unwrap();
    let again = StepSpec { again: true, ..spec };
    let from = kept.0.len() as u64;
    let ended = detached::run(&ssh, &dir, fence, &again, from, &mut kept).await.unwrap();
    assert_eq!((ended, &*kept.0), (Ended::Exited(3), &b"it's me\nend"[..]));
    detached::remove(&ssh, &dir, fence).await.unwrap();
}
