//! Every test of the protocol runs with dash, bash and busybox, if installed.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use secrecy::SecretString;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;

use super::*;
use crate::clients::local::Local;

const TOKEN: Fence<'static> = Fence { token: "run-17.a", generation: 7 };
const OTHER: Fence<'static> = Fence { token: "other-17.a", generation: 7 };

/// The keys of the first steps.
fn keys(count: usize) -> Vec<String> {
    (0..count).map(|key| key.to_string()).collect()
}

/// A machine whose `sh` is one of the shells.
#[derive(Clone)]
struct Host {
    root: Arc<TempDir>,
    path: EnvPair,
    home: Option<EnvPair>,
    dir: RunDir,
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
    ) -> BoxFuture<'a, Result<Box<dyn crate::clients::transport::Stream>, TransportError>> {
        Box::pin(async move { Local::new().connect(host, port).await })
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

impl Host {
    async fn new(shell: &str) -> Option<Self> {
        let host = Self::bare(shell)?;
        // The steps 0 and 1 find everything made; those with other keys make it.
        let made = prepare(&host, &host.dir, TOKEN, &keys(2)).await.unwrap();
        assert_eq!(made, Prepared::New);
        Some(host)
    }

    fn bare(shell: &str) -> Option<Self> {
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

    fn file(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn step_file(&self, key: &str, name: &str) -> PathBuf {
        Path::new(self.dir.path()).join("steps").join(key).join(name)
    }

    async fn run_at(&self, spec: &StepSpec, offset: u64) -> (Result<Ended, StepError>, Vec<u8>) {
        let seen = Seen::at(offset);
        let ended = run(self, &self.dir, TOKEN, spec, offset, &mut seen.clone()).await;
        (ended, seen.bytes())
    }

    async fn sh(&self, key: &str, command: &str) -> (Ended, Vec<u8>) {
        let (ended, out) = self.run_at(&spec(key, command), 0).await;
        (ended.unwrap(), out)
    }

    /// Follows in a task of its own.
    fn spawn(&self, spec: StepSpec, offset: u64) -> (Seen, tokio::task::JoinHandle<Result<Ended, StepError>>) {
        let (host, seen) = (self.clone(), Seen::at(offset));
        let mut sink = seen.clone();
        let task = tokio::spawn(async move { run(&host, &host.dir, TOKEN, &spec, offset, &mut sink).await });
        (seen, task)
    }

    async fn stop(&self, key: &str, grace_ms: u64) -> Ended {
        let grace = Duration::from_millis(grace_ms);
        stop(self, &self.dir, TOKEN, key, grace).await.unwrap()
    }

    /// The shells that start and follow steps, known by their arguments.
    fn followers(&self) -> Vec<i32> {
        processes(|cmdline| cmdline.contains(self.dir.path()))
    }

    fn watcher(&self, key: &str) -> i32 {
        let claim = fs::read_to_string(self.step_file(key, "claim")).unwrap();
        claim.split(' ').next().unwrap().parse().unwrap()
    }
}

fn spec(key: &str, command: &str) -> StepSpec {
    StepSpec { key: key.to_owned(), command: command.to_owned(), directory: None, env: Vec::new(), again: false }
}

fn processes(wanted: impl Fn(&str) -> bool) -> Vec<i32> {
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
fn alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap().starts_with('Z'))
}

fn kill(signal: &str, pid: i32) {
    let pid = pid.to_string();
    let _ = std::process::Command::new("kill").args(["-s", signal, "--", &pid]).status();
}

/// Waits for something that must come; the time only bounds a failure.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "no end: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[derive(Clone)]
struct Seen {
    start: u64,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Seen {
    fn at(start: u64) -> Self {
        let bytes = Arc::default();
        Self { start, bytes }
    }

    fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }

    fn position(&self) -> u64 {
        self.start + self.bytes.lock().unwrap().len() as u64
    }

    async fn reaches(&self, position: u64) {
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
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Defines each test once per shell.
macro_rules! on_every_shell {
    ($($name:ident),* $(,)?) => {
        mod dash { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name("dash").await; })* }
        mod bash { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name("bash").await; })* }
        mod busybox { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name("busybox").await; })* }
    };
}

on_every_shell!(
    statuses_and_outputs,
    large_output,
    found_again_after_the_followers_were_killed,
    the_shell_of_a_follower_is_killed,
    two_followers_one_execution,
    watcher_killed,
    run_directory_deleted,
    fenced,
    stop_kills_the_group,
    stop_lets_a_step_end_properly,
    a_background_child_survives,
    stopped_before_the_start,
    directories,
    crash_before_the_claim,
    quoting,
    secrets_and_surroundings,
    restarted_host,
    prepare_and_remove,
    generations,
    one_holder,
    old_directories_are_swept,
    below_the_home_directory,
    sink_fails_and_the_run_goes_on,
    a_tool_is_missing,
);

async fn statuses_and_outputs(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    for (key, command, status, output) in [
        ("1", "true", 0, ""),
        ("2", "exit 7", 7, ""),
        ("3", "kill -s KILL $$", 137, ""),
        ("4", "printf 'no newline'", 0, "no newline"),
        ("5", "echo a; echo b >&2; cat", 0, "a\nb\n"),
        ("5.1", "printf '\\nrmm:exit:9:9:\\n' >&2; exit 3", 3, "\nrmm:exit:9:9:\n"),
    ] {
        let (ended, out) = host.sh(key, command).await;
        assert_eq!(ended, Ended::Exited(status), "{command}");
        assert_eq!(text(&out), output, "{command}");
        // Found again, from the start and from an offset.
        let (ended, out) = host.sh(key, command).await;
        assert_eq!((ended, &*text(&out)), (Ended::Exited(status), output));
        if output.len() > 3 {
            let (_, out) = host.run_at(&spec(key, command), 3).await;
            assert_eq!(text(&out), output[3..]);
        }
    }
    let (ended, out) = host.sh("6", "surely-not-a-command").await;
    assert_eq!(ended, Ended::Exited(127));
    assert!(text(&out).contains("surely-not-a-command"), "{}", text(&out));
    let (ended, out) = host.sh("7", "printf '\\0\\377\\001\\012\\015'").await;
    assert_eq!((ended, out), (Ended::Exited(0), vec![0, 255, 1, 10, 13]));
}

async fn large_output(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let mut data = Vec::with_capacity(50 << 20);
    let mut state = 1_u64;
    while data.len() < 50 << 20 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        data.extend_from_slice(&state.to_le_bytes());
    }
    fs::write(host.file("data"), &data).unwrap();
    let (ended, out) = host.sh("1", "cat data; exit 4").await;
    assert_eq!(ended, Ended::Exited(4));
    assert!(out == data, "{} bytes", out.len());
    let (_, out) = host.run_at(&spec("1", ""), 12_345).await;
    assert!(out == data[12_345..]);
}

/// A step that shows it runs, and ends when the file `go` appears.
fn gated() -> StepSpec {
    let command = "echo started; echo x >>count; while [ ! -e go ]; do sleep 0.02; done; printf end";
    spec("1", command)
}

async fn found_again_after_the_followers_were_killed(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let (first, task) = host.spawn(gated(), 0);
    first.reaches(8).await;
    until("count", || host.file("count").exists()).await;
    // As a kill -9 of RMM with all its children would do.
    let tails: Vec<i32> = host.followers().into_iter().flat_map(children).collect();
    for pid in host.followers() {
        kill("KILL", pid);
    }
    let error = task.await.unwrap().unwrap_err();
    assert!(matches!(error, StepError::Cut { .. }), "{error}");

    let again = StepSpec { again: true, ..gated() };
    let (second, task) = host.spawn(again, first.position());
    until("second follower", || !host.followers().is_empty()).await;
    fs::write(host.file("go"), "").unwrap();
    assert_eq!(task.await.unwrap().unwrap(), Ended::Exited(0));
    assert_eq!(text(&first.bytes()) + &text(&second.bytes()), "started\nend");
    assert_eq!(fs::read_to_string(host.file("count")).unwrap(), "x\n");
    until("the followers' end", || host.followers().is_empty()).await;
    until("the tails' end", || !tails.iter().any(|pid| alive(*pid))).await;
}

fn children(pid: i32) -> Vec<i32> {
    fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
        .unwrap_or_default()
        .split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .filter(|pid| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|c| c.starts_with(b"tail")))
        .collect()
}

async fn the_shell_of_a_follower_is_killed(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let (seen, task) = host.spawn(gated(), 0);
    seen.reaches(8).await;
    // The other shell of the pipeline still gives the answer.
    let outer = host.followers();
    let outer = outer.iter().min().unwrap();
    kill("KILL", *outer);
    fs::write(host.file("go"), "").unwrap();
    assert_eq!(task.await.unwrap().unwrap(), Ended::Exited(0));
    assert_eq!(text(&seen.bytes()), "started\nend");

    // RMM gives up on the future: nothing may stay after the step's end.
    fs::remove_file(host.file("go")).unwrap();
    let (seen, task) = host.spawn(StepSpec { key: "2".to_owned(), ..gated() }, 0);
    seen.reaches(8).await;
    task.abort();
    let _ = task.await;
    fs::write(host.file("go"), "").unwrap();
    until("the followers' end", || host.followers().is_empty()).await;
    assert_eq!(host.sh("2", "").await.0, Ended::Exited(0));
    assert_eq!(fs::read_to_string(host.file("count")).unwrap(), "x\nx\n");
}

async fn two_followers_one_execution(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let followers: Vec<_> = (0..4).map(|_| host.spawn(gated(), 0)).collect();
    for (seen, _) in &followers {
        seen.reaches(8).await;
    }
    fs::write(host.file("go"), "").unwrap();
    for (seen, task) in followers {
        assert_eq!(task.await.unwrap().unwrap(), Ended::Exited(0));
        assert_eq!(text(&seen.bytes()), "started\nend");
    }
    // Steps that end at once leave the most room for races.
    for round in 2..12 {
        let step = spec(&round.to_string(), "echo x >>rounds");
        let followers: Vec<_> = (0..3).map(|_| host.spawn(step.clone(), 0)).collect();
        for (_, task) in followers {
            assert_eq!(task.await.unwrap().unwrap(), Ended::Exited(0));
        }
    }
    assert_eq!(fs::read_to_string(host.file("count")).unwrap(), "x\n");
    assert_eq!(fs::read_to_string(host.file("rounds")).unwrap().len(), 20);
}

async fn watcher_killed(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let (seen, task) = host.spawn(spec("1", "echo $$; exec sleep 1000"), 0);
    seen.reaches(2).await;
    let command: i32 = text(&seen.bytes()).trim().parse().unwrap();
    kill("KILL", host.watcher("1"));
    let ended = task.await.unwrap().unwrap();
    assert!(matches!(&ended, Ended::Lost(why) if why.contains("killed")), "{ended:?}");
    assert!(alive(command));
    // What is left can still be stopped; the result stays unknown.
    assert!(matches!(host.stop("1", 20_000).await, Ended::Lost(_)));
    until("the command's end", || !alive(command)).await;
    assert!(matches!(host.stop("1", 0).await, Ended::Lost(_)));
    let (ended, out) = host.sh("1", "").await;
    assert!(matches!(ended, Ended::Lost(_)));
    assert_eq!(text(&out).trim(), command.to_string());
}

async fn run_directory_deleted(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let (seen, task) = host.spawn(gated(), 0);
    seen.reaches(8).await;
    fs::remove_dir_all(host.dir.path()).unwrap();
    let (ended, _) = host.run_at(&gated(), 8).await;
    assert!(matches!(ended.unwrap(), Ended::Lost(why) if why.contains("lost the files")));
    assert!(matches!(host.stop("1", 0).await, Ended::Lost(_)));
    fs::write(host.file("go"), "").unwrap();
    let ended = task.await.unwrap().unwrap();
    assert!(matches!(&ended, Ended::Lost(why) if why.contains("lost the files")), "{ended:?}");
    assert_eq!(fs::read_to_string(host.file("count")).unwrap(), "x\n");
}

async fn fenced(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    assert_eq!(prepare(&host, &host.dir, TOKEN, &keys(0)).await.unwrap(), Prepared::Same);
    let (dir, step) = (&host.dir, spec("1", "echo x >>count"));
    let sink = &mut Seen::at(0);
    for error in [
        prepare(&host, dir, OTHER, &keys(0)).await.unwrap_err(),
        run(&host, dir, OTHER, &step, 0, sink).await.unwrap_err(),
        stop(&host, dir, OTHER, "1", Duration::ZERO).await.unwrap_err(),
        remove(&host, dir, OTHER).await.unwrap_err(),
    ] {
        assert!(matches!(error, StepError::Fenced(_)), "{error}");
    }
    assert!(!host.file("count").exists());
    assert_eq!(host.sh("1", "true").await.0, Ended::Exited(0));
}

async fn stop_kills_the_group(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    // Both the command and its child ignore TERM.
    let command = "trap '' TERM; sh -c 'echo $$; while :; do sleep 1; done' & wait";
    let (seen, task) = host.spawn(spec("1", command), 0);
    seen.reaches(2).await;
    let child: i32 = text(&seen.bytes()).trim().parse().unwrap();
    assert_eq!(host.stop("1", 300).await, Ended::Stopped(137));
    until("the child's end", || !alive(child)).await;
    assert_eq!(task.await.unwrap().unwrap(), Ended::Stopped(137));
    assert_eq!(host.stop("1", 300).await, Ended::Stopped(137));
    assert_eq!(host.sh("1", "echo again >again").await.0, Ended::Stopped(137));
    assert!(!host.file("again").exists());

    // Only a child ignores TERM: the command's own end is not enough.
    let command = "(trap '' TERM; exec sh -c 'echo $$; while :; do sleep 1; done') & wait";
    let (seen, task) = host.spawn(spec("2", command), 0);
    seen.reaches(2).await;
    let child: i32 = text(&seen.bytes()).trim().parse().unwrap();
    assert_eq!(host.stop("2", 300).await, Ended::Stopped(143));
    until("the child's end", || !alive(child)).await;
    assert_eq!(task.await.unwrap().unwrap(), Ended::Stopped(143));
}

async fn stop_lets_a_step_end_properly(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let command = "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.02; done";
    let (seen, task) = host.spawn(spec("1", command), 0);
    seen.reaches(3).await;
    assert_eq!(host.stop("1", 60_000).await, Ended::Stopped(5));
    assert_eq!(task.await.unwrap().unwrap(), Ended::Stopped(5));
    assert!(text(&seen.bytes()).ends_with("bye\n"));
    let (seen, task) = host.spawn(spec("2", "echo up; exec sleep 1000"), 0);
    seen.reaches(3).await;
    assert_eq!(host.stop("2", 60_000).await, Ended::Stopped(143));
    assert_eq!(task.await.unwrap().unwrap(), Ended::Stopped(143));
    // A step may signal its own group without harm to the watcher.
    let (ended, _) = host.sh("3", "trap '' TERM USR1; kill -s TERM 0; kill -s USR1 0; exit 6").await;
    assert_eq!(ended, Ended::Exited(6));
}

async fn a_background_child_survives(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let command = "sh -c 'while :; do echo noise; done' & echo $! >child; exit 9";
    let (ended, out) = host.sh("1", command).await;
    let child: i32 = fs::read_to_string(host.file("child")).unwrap().trim().parse().unwrap();
    assert_eq!(ended, Ended::Exited(9));
    assert!(text(&out).lines().all(|line| "noise".starts_with(line)));
    assert!(alive(child));
    // An ended step is left as it is.
    assert_eq!(host.stop("1", 0).await, Ended::Exited(9));
    assert!(alive(child));
    kill("KILL", child);
}

async fn stopped_before_the_start(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    for _ in 0..2 {
        assert!(matches!(host.stop("1", 1000).await, Ended::NotStarted(_)));
        let (ended, out) = host.sh("1", "echo x >>count").await;
        assert!(matches!(&ended, Ended::NotStarted(why) if why.contains("stopped before")));
        assert_eq!(out, b"");
    }
    assert!(!host.file("count").exists());
    // Start and stop at the same time: both must tell the same story.
    for round in 2..12 {
        let key = round.to_string();
        let (_, task) = host.spawn(spec(&key, "exec sleep 1000"), 0);
        let stopped = host.stop(&key, 50).await;
        assert_eq!(task.await.unwrap().unwrap(), stopped);
    }
}

async fn directories(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let here = host.root.path().canonicalize().unwrap();
    fs::create_dir(host.file("-it's a $(dir)")).unwrap();
    let inside =
        |key: &str, directory: &str| StepSpec { directory: Some(directory.to_owned()), ..spec(key, "pwd; touch here") };
    let absolute = here.join("-it's a $(dir)").display().to_string();
    let (_, out) = host.sh("1", "pwd").await;
    assert_eq!(text(&out).trim_end(), here.display().to_string());
    for (key, directory) in [("2", &*absolute), ("3", "-it's a $(dir)")] {
        let (ended, out) = host.run_at(&inside(key, directory), 0).await;
        assert_eq!(ended.unwrap(), Ended::Exited(0));
        assert_eq!(text(&out).trim_end(), absolute);
    }
    for (key, directory) in [("4", "/no/where"), ("5", "-")] {
        let (ended, out) = host.run_at(&inside(key, directory), 0).await;
        assert_eq!(ended.unwrap(), Ended::Exited(126));
        let wanted = format!("RMM: the directory {directory} cannot be entered");
        assert!(text(&out).contains(&wanted), "{}", text(&out));
    }
    assert!(!host.file("here").exists());
}

async fn crash_before_the_claim(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    fs::create_dir_all(host.step_file("1", "")).unwrap();
    let again = StepSpec { again: true, ..spec("1", "echo x >>count") };
    for _ in 0..2 {
        assert_eq!(host.run_at(&again, 0).await.0.unwrap(), Ended::Exited(0));
    }
    assert_eq!(fs::read_to_string(host.file("count")).unwrap(), "x\n");
}

async fn quoting(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let tortured = "it's \"q\" \\ $HOME $(touch pwned) `touch pwned`\n\tü€ %s \\n *";
    let command = format!("printf '%s' '{}'\n# end '", tortured.replace('\'', r"'\''"));
    let (ended, out) = host.sh("1", &command).await;
    assert_eq!((ended, &*text(&out)), (Ended::Exited(0), tortured));
    let (ended, out) = host.sh("2", "-e surely not").await;
    assert_eq!(ended, Ended::Exited(127), "{}", text(&out));
    let env = vec![("VALUE".to_owned(), SecretString::from(tortured))];
    let step = StepSpec { env, ..spec("3", "printf '%s' \"$VALUE\"; test -t 0; read x") };
    let (ended, out) = host.run_at(&step, 0).await;
    assert_eq!((ended.unwrap(), &*text(&out)), (Ended::Exited(1), tortured));
    assert!(!host.file("pwned").exists());
    let (ended, _) = host.sh("4", &format!(": {}", "x".repeat(90 * 1024))).await;
    assert_eq!(ended, Ended::Exited(0));
}

async fn secrets_and_surroundings(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    // In two parts, so that this test's own command line cannot match.
    let secret = format!("hunter{}", "-2-secret");
    let surroundings = "umask; ls /proc/self/fd; grep SigIgn /proc/self/status; ulimit -a";
    let command = "
        for f in /proc/[0-9]*/cmdline; do cat $f; done 2>/dev/null | tr '\\0' ' ' >all
        find \"$DIR\" -type f -exec cat {} + 2>/dev/null | grep \"hunter[-]2\" && exit 8; grep \"hunter[-]2\" all && exit 9; test ${#SECRET} = 15";
    let pair = |name: &str, value: &str| (name.to_owned(), SecretString::from(value));
    // Names a script might use for itself arrive unchanged, too.
    let env = vec![pair("SECRET", &secret), pair("DIR", host.dir.path()), pair("token", "mine")];
    let command = format!("{surroundings}; {command} && test $token = mine");
    let (ended, out) = host.run_at(&StepSpec { env, ..spec("1", &command) }, 0).await;
    let out = text(&out);
    assert_eq!(ended.unwrap(), Ended::Exited(0), "{out}");
    // As it was for the script itself: umask, descriptors, ignored signals.
    let mut plain = String::new();
    let mut channel = host.exec(surroundings, &[], &[]).await.unwrap();
    channel.stdout.read_to_string(&mut plain).await.unwrap();
    assert_eq!(out, plain);
    let mode = fs::metadata(host.dir.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

async fn restarted_host(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let boot = Path::new(host.dir.path()).join("boot");
    fs::write(&boot, "another-boot\n").unwrap();
    let again = StepSpec { again: true, ..spec("1", "echo x >>count") };
    let (ended, _) = host.run_at(&again, 0).await;
    assert!(matches!(ended.unwrap(), Ended::Lost(why) if why.contains("restarted")));
    assert!(!host.file("count").exists());
    // A step which RMM begins for the first time may follow a restart.
    assert_eq!(host.sh("2", "true").await.0, Ended::Exited(0));
    assert_ne!(fs::read_to_string(&boot).unwrap(), "another-boot\n");
    // A step that ran during the restart.
    fs::write(host.step_file("2", "claim"), "1 2 another-boot\n").unwrap();
    fs::remove_file(host.step_file("2", "status")).unwrap();
    for ended in [host.sh("2", "").await.0, host.stop("2", 100).await] {
        assert!(matches!(&ended, Ended::Lost(why) if why.contains("restarted")), "{ended:?}");
    }
}

async fn prepare_and_remove(shell: &str) {
    let Some(host) = Host::bare(shell) else {
        return;
    };
    // Many at once: one makes it, nobody fails.
    let tries: Vec<_> = (0..4)
        .map(|_| {
            let host = host.clone();
            tokio::spawn(async move { prepare(&host, &host.dir, TOKEN, &keys(3)).await.unwrap() })
        })
        .collect();
    let mut counts = HashMap::new();
    for task in tries {
        *counts.entry(task.await.unwrap() == Prepared::New).or_insert(0) += 1;
    }
    assert_eq!(counts.get(&true), Some(&1));
    assert!(["0", "1", "2"].iter().all(|key| host.step_file(key, "alive").exists()));
    host.sh("1", "echo").await;
    for _ in 0..2 {
        remove(&host, &host.dir, TOKEN).await.unwrap();
        assert!(!Path::new(host.dir.path()).exists());
    }
    fs::create_dir(host.dir.path()).unwrap();
    fs::write(Path::new(host.dir.path()).join("precious"), "").unwrap();
    let error = remove(&host, &host.dir, TOKEN).await.unwrap_err();
    assert!(matches!(error, StepError::Refused(_)), "{error}");
    let nowhere = RunDir::new("/proc/nowhere").unwrap();
    let error = prepare(&host, &nowhere, TOKEN, &keys(0)).await.unwrap_err();
    assert!(error.to_string().contains("cannot be made"), "{error}");
}

async fn generations(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let later = Fence { generation: 10, ..TOKEN };
    assert_eq!(prepare(&host, &host.dir, later, &keys(0)).await.unwrap(), Prepared::Same);
    let (dir, step) = (&host.dir, spec("1", "echo x >>count"));
    for error in [
        prepare(&host, dir, TOKEN, &keys(0)).await.unwrap_err(),
        run(&host, dir, TOKEN, &step, 0, &mut Seen::at(0)).await.unwrap_err(),
        stop(&host, dir, TOKEN, "1", Duration::ZERO).await.unwrap_err(),
        remove(&host, dir, TOKEN).await.unwrap_err(),
    ] {
        assert!(matches!(error, StepError::Fenced(_)), "{error}");
    }
    assert!(!host.file("count").exists());
    assert_eq!(run(&host, dir, later, &step, 0, &mut Seen::at(0)).await.unwrap(), Ended::Exited(0));
    remove(&host, dir, later).await.unwrap();
    assert!(!Path::new(dir.path()).exists());
}

async fn one_holder(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let holder = host.file("runs/holder");
    assert!(fs::read_to_string(&holder).unwrap().starts_with("run-17.a\n"));
    let sibling = RunDir::new(host.file("runs/other").display().to_string()).unwrap();
    let error = prepare(&host, &sibling, OTHER, &keys(1)).await.unwrap_err();
    let file = holder.display().to_string();
    assert!(matches!(&error, StepError::Held { holder, file: f } if holder == "run-17.a" && *f == file), "{error}");
    assert!(!Path::new(sibling.path()).exists());
    // A later run of the same RMM takes over; the former one starts nothing.
    let next = Fence { token: "run-18", ..TOKEN };
    let directory = RunDir::new(host.file("runs/next").display().to_string()).unwrap();
    assert_eq!(host.sh("0", "echo known").await.0, Ended::Exited(0));
    assert_eq!(prepare(&host, &directory, next, &keys(1)).await.unwrap(), Prepared::New);
    let error = run(&host, &host.dir, TOKEN, &spec("1", "echo x >>count"), 0, &mut Seen::at(0)).await.unwrap_err();
    assert!(matches!(error, StepError::Fenced(_)), "{error}");
    assert!(!host.file("count").exists());
    assert_eq!(host.sh("0", "").await, (Ended::Exited(0), b"known\n".to_vec()));
    // What is removed without having it leaves it to the holder, who gives it up.
    remove(&host, &host.dir, TOKEN).await.unwrap();
    assert!(holder.exists());
    remove(&host, &directory, next).await.unwrap();
    assert!(!holder.exists());
    // A holder whose directory is gone does not count.
    fs::write(&holder, "gone-1\nnowhere\n").unwrap();
    assert_eq!(prepare(&host, &sibling, OTHER, &keys(1)).await.unwrap(), Prepared::New);
    assert!(fs::read_to_string(&holder).unwrap().starts_with("other-17.a\n"));
    let names: Vec<_> = fs::read_dir(host.file("runs")).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

async fn old_directories_are_swept(shell: &str) {
    let Some(host) = Host::bare(shell) else {
        return;
    };
    for (name, token, age) in [
        ("old", "run-1", "2001-01-01"),
        ("foreign", "other-1", "2001-01-01"),
        ("young", "run-2", "1 day ago"),
        ("no run", "", "2001-01-01"),
    ] {
        let dir = host.file("runs").join(name);
        fs::create_dir_all(dir.join("steps")).unwrap();
        if !token.is_empty() {
            fs::write(dir.join("token"), format!("{token}\n")).unwrap();
        }
        assert!(std::process::Command::new("touch").args(["-d", age]).arg(&dir).status().unwrap().success());
    }
    prepare(&host, &host.dir, TOKEN, &keys(1)).await.unwrap();
    let kept = |name: &str| host.file("runs").join(name).exists();
    assert!(!kept("old") && kept("foreign") && kept("young") && kept("no run"));
}

async fn below_the_home_directory(shell: &str) {
    let Some(mut host) = Host::bare(shell) else {
        return;
    };
    host.home = Some(("HOME".to_owned(), SecretString::from(host.root.path().display().to_string())));
    host.dir = RunDir::new("~/.rmm/a b.c/1").unwrap();
    prepare(&host, &host.dir, TOKEN, &keys(1)).await.unwrap();
    assert!(host.file(".rmm/a b.c/1/token").exists());
    let (ended, out) = host.sh("0", "pwd").await;
    assert_eq!((ended, text(&out).trim_end()), (Ended::Exited(0), host.root.path().to_str().unwrap()));
    let env = vec![("HOME".to_owned(), SecretString::from("/"))];
    let (ended, _) = host.run_at(&StepSpec { env, ..spec("1", "true") }, 0).await;
    assert!(matches!(ended, Err(StepError::Invalid(_))));
    remove(&host, &host.dir, TOKEN).await.unwrap();
    assert!(!host.file(".rmm/a b.c/1").exists() && !host.file("~").exists());
}

struct Full;

impl Sink for Full {
    fn write<'a>(&'a mut self, _: u64, _: &'a [u8]) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async { Err(SinkError::from("disk full")) })
    }
}

async fn sink_fails_and_the_run_goes_on(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let error = run(&host, &host.dir, TOKEN, &gated(), 0, &mut Full).await.unwrap_err();
    assert!(matches!(error, StepError::Sink(_)), "{error}");
    fs::write(host.file("go"), "").unwrap();
    let (ended, out) = host.run_at(&gated(), 0).await;
    assert_eq!((ended.unwrap(), &*text(&out)), (Ended::Exited(0), "started\nend"));
}

async fn a_tool_is_missing(shell: &str) {
    let Some(host) = Host::new(shell).await else {
        return;
    };
    let built_in = std::process::Command::new(host.file("bin/sh"))
        .args(["-c", "command -v setsid"])
        .env("PATH", "/nowhere")
        .output()
        .is_ok_and(|output| output.status.success());
    if built_in {
        eprintln!("{shell} has its own setsid; skipped");
        return;
    }
    let path = format!("{}/bin", host.root.path().display());
    fs::remove_file(host.file("bin/setsid")).ok();
    let env = vec![("PATH".to_owned(), SecretString::from(path))];
    let step = StepSpec { env, ..spec("1", "true") };
    let (ended, _) = host.run_at(&step, 0).await;
    assert!(matches!(ended.unwrap(), Ended::NotStarted(why) if why.contains("setsid")));
    assert_eq!(host.sh("1", "true").await.0, Ended::Exited(0));
}

#[tokio::test]
async fn invalid_arguments_are_refused() {
    for path in ["", "/", "relative", "~", "~/", "~/..", "~x/y", "/a/../b", "/a//b", "/a/", "/a\nb"] {
        assert!(RunDir::new(path).is_err(), "{path:?}");
    }
    let dir = RunDir::new("/nowhere/run").unwrap();
    let named = |name: &str| StepSpec { env: vec![(name.to_owned(), SecretString::from("x"))], ..spec("1", "true") };
    for step in [
        spec("", "true"),
        spec("..", "true"),
        spec("1/2", "true"),
        spec("1", "a\0b"),
        spec("1", &"x".repeat(200 * 1024)),
        named("A B"),
        named("1A"),
        named("rmm_dir"),
    ] {
        let error = run(&Local::new(), &dir, TOKEN, &step, 0, &mut Full).await;
        assert!(matches!(error, Err(StepError::Invalid(_))));
    }
    let error = prepare(&Local::new(), &dir, Fence { token: "two words", ..TOKEN }, &keys(0)).await;
    assert!(matches!(error, Err(StepError::Invalid(_))));
}

/// Not a test: `cargo test --release overhead -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "a measurement"]
async fn overhead() {
    for shell in ["dash", "bash", "busybox"] {
        let Some(host) = Host::new(shell).await else {
            continue;
        };
        for command in ["true", "echo hello"] {
            let rounds = 100;
            let start = Instant::now();
            for _ in 0..rounds {
                let mut channel = host.exec(command, &[], &[]).await.unwrap();
                listen(channel.stdout, 0).await.unwrap().unwrap_err();
                (&mut channel.status).await.unwrap();
            }
            let plain = start.elapsed() / rounds;
            let start = Instant::now();
            for round in 0..rounds {
                let key = format!("{round}.{}", command.len());
                host.sh(&key, command).await;
            }
            let step = start.elapsed() / rounds;
            println!("{shell}, {command}: sh -c {plain:?}, step {step:?}");
        }
    }
}

struct Count(u64);

impl Sink for Count {
    fn write<'a>(&'a mut self, offset: u64, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), SinkError>> {
        assert_eq!(offset, self.0);
        self.0 += bytes.len() as u64;
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test]
#[ignore = "writes 1 GB"]
async fn a_gigabyte_needs_no_memory() {
    let Some(host) = Host::new("dash").await else {
        return;
    };
    let step = spec("1", "dd if=/dev/zero bs=1048576 count=1024 2>/dev/null");
    let mut sink = Count(0);
    let ended = run(&host, &host.dir, TOKEN, &step, 0, &mut sink).await;
    assert_eq!((ended.unwrap(), sink.0), (Ended::Exited(0), 1 << 30));
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    let peak: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(peak < 64 * 1024, "{peak} KiB");
    println!("peak {peak} KiB");
}
