//! A machine that steps run on, what is seen of their output, and what is left of their processes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use secrecy::SecretString;
use tempfile::TempDir;

use super::super::{Ended, Fence, Known, Prepared, RunDir, Sink, SinkError, StepError, StepSpec, prepare, run, stop};
use crate::clients::local::Local;
use crate::clients::transport::{Channel, EnvPair, Stream, Transport, TransportError};

pub(super) const TOKEN: Fence<'static> = Fence { token: "run-17.a", generation: 7, process: "one" };
/// No traces may be found.
pub(super) const NEW: Known<'static> = Known { prepared: false, vouched: &[] };
/// Its own traces may be found.
pub(super) const OLD: Known<'static> = Known { prepared: true, vouched: &[] };
pub(super) const OTHER: Fence<'static> = Fence { token: "other-17.a", generation: 7, process: "one" };

/// The keys of the first steps.
pub(super) fn keys(count: usize) -> Vec<String> {
    (0..count).map(|key| key.to_string()).collect()
}

/// A machine whose `sh` is one of the shells.
#[derive(Clone)]
pub(super) struct Host {
    pub(super) root: Arc<TempDir>,
    path: EnvPair,
    pub(super) home: Option<EnvPair>,
    pub(super) dir: RunDir,
}

impl Transport for Host {
    fn exec<'a>(
        &'a self,
        script: &'a str,
        args: &'a [&'a str],
        env: &'a [EnvPair],
    ) -> BoxFuture<'a, Result<Channel, TransportError>> {
        Box::pin(async move {
            let mut all = vec![self.path.clone()];
            all.extend(self.home.clone());
            all.extend_from_slice(env);
            let local = Local::new().with_shell(self.root.path().join("bin/sh")).in_directory(self.root.path());
            local.exec(script, args, &all).await
        })
    }

    fn connect<'a>(
        &'a self,
        host: &'a str,
        port: u16,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, TransportError>> {
        Box::pin(async move { Local::new().connect(host, port, limit).await })
    }
}

pub(super) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

impl Host {
    pub(super) async fn new(shell: &str) -> Option<Self> {
        let host = Self::bare(shell)?;
        // The steps 0 and 1 find everything made; those with other keys make it.
        let made = prepare(&host, &host.dir, TOKEN, NEW, &keys(2)).await.unwrap();
        assert_eq!(made.made, Prepared::New);
        Some(host)
    }

    pub(super) fn bare(shell: &str) -> Option<Self> {
        let Some(program) = find(shell) else {
            eprintln!("{shell} is not installed; skipped");
            return None;
        };
        let root = tempfile::tempdir().unwrap();
        let bin = root.path().join("bin");
        fs::create_dir(&bin).unwrap();
        symlink(&program, bin.join("sh")).unwrap();
        if shell == "busybox" {
            let tools = "setsid tail mkfifo mkdir ln mv wc rm rmdir chmod cat sleep kill dd env find";
            for tool in tools.split(' ') {
                symlink(&program, bin.join(tool)).unwrap();
            }
        }
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let dir = RunDir::new(format!("{}/runs/a run's", root.path().display())).unwrap();
        Some(Self { root: Arc::new(root), path: ("PATH".to_owned(), SecretString::from(path)), home: None, dir })
    }

    /// Every shell runs this first, as a start-up file does.
    pub(super) fn start_with(&self, command: &str) {
        let (real, sh) = (self.file("bin/real"), self.file("bin/sh"));
        fs::create_dir(&real).unwrap();
        let real = real.join("sh");
        fs::rename(&sh, &real).unwrap();
        let real = real.display();
        let text = format!("#!{real}\n{command}\nexec {real} \"$@\"\n");
        // Written by another process: a file that this one has open for writing, and with it whatever another test starts just
        // then, cannot be started.
        let write = r#"printf %s "$1" >"$0" && chmod 755 "$0""#;
        let written = std::process::Command::new("sh").arg("-c").arg(write).arg(&sh).arg(text).status().unwrap();
        assert!(written.success());
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(super) fn step_file(&self, key: &str, name: &str) -> PathBuf {
        Path::new(self.dir.path()).join("steps").join(key).join(name)
    }

    pub(super) async fn run_at(&self, spec: &StepSpec, offset: u64) -> (Result<Ended, StepError>, Vec<u8>) {
        let seen = Seen::at(offset);
        let ended = run(self, &self.dir, TOKEN, spec, offset, &mut seen.clone()).await;
        (ended, seen.bytes())
    }

    pub(super) async fn sh(&self, key: &str, command: &str) -> (Ended, Vec<u8>) {
        let (ended, out) = self.run_at(&spec(key, command), 0).await;
        (ended.unwrap(), out)
    }

    /// Follows in a task of its own.
    pub(super) fn spawn(
        &self,
        spec: StepSpec,
        offset: u64,
    ) -> (Seen, tokio::task::JoinHandle<Result<Ended, StepError>>) {
        let (host, seen) = (self.clone(), Seen::at(offset));
        let mut sink = seen.clone();
        let task = tokio::spawn(async move { run(&host, &host.dir, TOKEN, &spec, offset, &mut sink).await });
        (seen, task)
    }

    pub(super) async fn stop(&self, key: &str, grace_ms: u64) -> Ended {
        let grace = Duration::from_millis(grace_ms);
        stop(self, &self.dir, TOKEN, key, grace).await.unwrap()
    }

    /// The shells that start and follow steps, known by their arguments.
    pub(super) fn followers(&self) -> Vec<i32> {
        processes(|cmdline| cmdline.contains(self.dir.path()))
    }

    pub(super) fn watcher(&self, key: &str) -> i32 {
        let claim = fs::read_to_string(self.step_file(key, "claim")).unwrap();
        claim.split(' ').next().unwrap().parse().unwrap()
    }
}

pub(super) fn spec(key: &str, command: &str) -> StepSpec {
    StepSpec { key: key.to_owned(), command: command.to_owned(), directory: None, env: Vec::new(), again: false }
}

pub(super) fn processes(wanted: impl Fn(&str) -> bool) -> Vec<i32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else {
            continue;
        };
        let cmdline = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if wanted(&String::from_utf8_lossy(&cmdline)) {
            found.push(pid);
        }
    }
    found
}

/// Neither gone nor a zombie.
pub(super) fn alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap().starts_with('Z'))
}

pub(super) fn kill(signal: &str, pid: i32) {
    let pid = pid.to_string();
    let _ = std::process::Command::new("kill").args(["-s", signal, "--", &pid]).status();
}

/// Waits for something that must come; the time only bounds a failure.
pub(super) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "no end: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[derive(Clone)]
pub(super) struct Seen {
    start: u64,
    bytes: Arc<Mutex<Vec<u8>>>,
    /// Behind how many bytes something is missing, and how much.
    gaps: Arc<Mutex<Vec<(usize, u64)>>>,
}

impl Seen {
    pub(super) fn at(start: u64) -> Self {
        Self { start, bytes: Arc::default(), gaps: Arc::default() }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }

    pub(super) fn position(&self) -> u64 {
        self.start + self.bytes.lock().unwrap().len() as u64 + self.missing()
    }

    /// What the host has left out.
    pub(super) fn missing(&self) -> u64 {
        self.gaps.lock().unwrap().iter().map(|(_, missing)| missing).sum()
    }

    pub(super) fn gaps(&self) -> Vec<(usize, u64)> {
        self.gaps.lock().unwrap().clone()
    }

    pub(super) async fn reaches(&self, position: u64) {
        until("output", || self.position() >= position).await;
    }
}

impl Sink for Seen {
    fn write<'a>(&'a mut self, offset: u64, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), SinkError>> {
        assert_eq!(offset, self.position(), "a gap or a repetition");
        assert!(!bytes.is_empty());
        self.bytes.lock().unwrap().extend_from_slice(bytes);
        Box::pin(async { Ok(()) })
    }

    fn skip<'a>(&'a mut self, from: u64, to: u64) -> BoxFuture<'a, Result<(), SinkError>> {
        assert_eq!(from, self.position(), "a gap or a repetition");
        let at = self.bytes.lock().unwrap().len();
        self.gaps.lock().unwrap().push((at, to - from));
        Box::pin(async { Ok(()) })
    }
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
