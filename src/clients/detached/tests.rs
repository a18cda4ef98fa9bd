//! Every test of the protocol runs with dash, bash and busybox, if installed.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Instant;

use secrecy::SecretString;
use tokio::io::AsyncReadExt;

use super::*;
use crate::clients::local::Local;

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

mod directories;
mod machine;
mod output;

use machine::*;

on_every_shell!(
    statuses_and_outputs,
    found_again_after_the_followers_were_killed,
    the_shell_of_a_follower_is_killed,
    two_followers_one_execution,
    watcher_killed,
    run_directory_deleted,
    stop_kills_the_group,
    stop_lets_a_step_end_properly,
    a_background_child_survives,
    stopped_before_the_start,
    directories,
    crash_before_the_claim,
    quoting,
    secrets_and_surroundings,
    restarted_host,
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
    assert!(matches!(error, StepError::Cut(_)), "{error}");

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
    let watcher = host.watcher("1");
    kill("KILL", watcher);
    let ended = task.await.unwrap().unwrap();
    assert!(matches!(&ended, Ended::Lost(why) if *why == StepFault::WatcherKilled.into()), "{ended:?}");
    assert!(alive(command));
    // A process closes its files a moment before it is gone.
    until("the watcher's end", || !alive(watcher)).await;
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
    assert!(matches!(ended.unwrap(), Ended::Lost(why) if why == StepFault::RunFilesLost.into()));
    assert!(matches!(host.stop("1", 0).await, Ended::Lost(_)));
    fs::write(host.file("go"), "").unwrap();
    let ended = task.await.unwrap().unwrap();
    assert!(matches!(&ended, Ended::Lost(why) if *why == StepFault::RunFilesLost.into()), "{ended:?}");
    assert_eq!(fs::read_to_string(host.file("count")).unwrap(), "x\n");
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
    // On a busy machine TERM may come after KILL.
    let ended = host.stop("2", 300).await;
    assert!(matches!(ended, Ended::Stopped(143 | 137)), "{ended:?}");
    until("the child's end", || !alive(child)).await;
    assert_eq!(task.await.unwrap().unwrap(), ended);
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
        assert!(matches!(&ended, Ended::NotStarted(why) if *why == StepFault::StoppedBefore.into()));
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
    assert_eq!(ended.unwrap(), Ended::Lost(StepFault::RestartedSince.into()));
    assert!(!host.file("count").exists());
    // A step which RMM begins for the first time may follow a restart.
    assert_eq!(host.sh("2", "true").await.0, Ended::Exited(0));
    assert_ne!(fs::read_to_string(&boot).unwrap(), "another-boot\n");
    // A step that ran during the restart.
    fs::write(host.step_file("2", "claim"), "1 2 another-boot one\n").unwrap();
    fs::remove_file(host.step_file("2", "status")).unwrap();
    for ended in [host.sh("2", "").await.0, host.stop("2", 100).await] {
        assert_eq!(ended, Ended::Lost(StepFault::RestartedDuring.into()));
    }
}

struct Full;

impl Sink for Full {
    fn write<'a>(&'a mut self, _: u64, _: &'a [u8]) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async { Err(SinkError::from("disk full")) })
    }

    fn skip<'a>(&'a mut self, _: u64, _: u64) -> BoxFuture<'a, Result<(), SinkError>> {
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
    assert_eq!(ended.unwrap(), Ended::NotStarted(StepFault::ProgramMissing { program: "setsid".into() }.into()));
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
    let error = prepare(&Local::new(), &dir, Fence { token: "two words", ..TOKEN }, NEW, &keys(0)).await;
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
                listen(channel.stdout, "", 0).await.unwrap().unwrap_err();
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

    fn skip<'a>(&'a mut self, from: u64, to: u64) -> BoxFuture<'a, Result<(), SinkError>> {
        assert_eq!(from, self.0);
        self.0 = to;
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
