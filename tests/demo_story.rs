//! `rmm demo --once`, as a user would start it: it ends well, says so to people and to machines, and leaves nothing.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Starts the program with temporary files in a folder of its own.
fn demo(args: &[&str], temp: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rmm"));
    command.arg("demo").args(args).env("TMPDIR", temp.path()).stdin(Stdio::null());
    // What a real RMM on this machine is told must not matter, nor a proxy for the world outside.
    command.env("RMM__SERVER__LISTEN", "127.0.0.1:1").env("RMM_CONFIG", "/nowhere/rmm.toml");
    command.env("HTTP_PROXY", "http://127.0.0.1:1").env("http_proxy", "http://127.0.0.1:1");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(args: &[&str], temp: &TempDir) -> (Output, String, String) {
    let output = demo(args, temp).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

/// Nothing of the demo is left: neither a file nor a process.
#[track_caller]
fn assert_clean(temp: &TempDir) {
    let left: Vec<_> = std::fs::read_dir(temp.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(processes_of(temp.path()), Vec::<String>::new());
}

/// The command lines that name a folder.
fn processes_of(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(folder.to_str().unwrap())).collect()
}

#[test]
fn plays_the_story_and_proves_it_to_machines() {
    let temp = tempfile::tempdir().unwrap();
    let (output, out, err) = run(&["--once", "--json"], &temp);
    assert!(output.status.success(), "{out}\n{err}");
    let summary: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(summary["ok"], true);
    assert!(summary["seconds"].as_f64().unwrap() < 60.0, "{summary}");
    assert!(summary.get("folder").is_none());

    let released = |at: usize| {
        let release = &summary["releases"][at];
        let text = |name: &str| release[name].as_str().unwrap_or("-").to_owned();
        (text("tag"), text("status"), text("rollback_to_tag"))
    };
    let expected = |tag: &str, status: &str, back: &str| (tag.to_owned(), status.to_owned(), back.to_owned());
    assert_eq!(released(0), expected("v1.0.0", "deployed", "-"));
    assert_eq!(released(1), expected("v1.1.0", "rollback_done", "v1.0.0"));
    assert_eq!(released(2), expected("v1.2.0", "rollback_done", "v1.1.0"));
    let phases = |at: usize| {
        let phases = summary["releases"][at]["phases"].as_array().unwrap();
        phases.iter().map(|phase| phase["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(phases(0), ["stage", "approvals", "production"]);
    for at in [1, 2] {
        assert_eq!(phases(at), ["stage", "rehearsal", "approvals", "production", "rollback"]);
    }

    for environment in ["stage", "production"] {
        let served = &summary["environments"][environment];
        assert_eq!(
            (&served["version"], &served["schema"], &served["health"]),
            (&"1.0.0".into(), &1.into(), &200.into())
        );
    }
    let guests = serde_json::json!(["Ada", "Grace", "Edsger", "Barbara"]);
    assert_eq!(summary["environments"]["production"]["guests"], guests);
    for name in
        ["rehearsed", "approved", "rolled_back_by_itself", "guests_survived", "production_locked", "audit_chain"]
    {
        let check = summary["checks"].as_array().unwrap().iter().find(|check| check["name"] == name);
        assert_eq!(check.unwrap()["ok"], true, "{name}");
    }
    // The progress goes beside it.
    assert!(err.contains("v1.2.0 fails in production"), "{err}");
    assert_clean(&temp);
}

#[test]
fn speaks_plainly_in_a_pipe() {
    let temp = tempfile::tempdir().unwrap();
    let (output, out, err) = run(&["--once"], &temp);
    assert!(output.status.success(), "{out}\n{err}");
    assert!(!out.contains('\x1b') && !out.contains('\r'), "{out}");
    assert_eq!(err, "");
    for line in [
        "== 5/5 One command takes production back to v1.0.0",
        "reversed 002_greetings",
        "chen approves #2 v1.1.0 (3/3)",
        "✓ #3 v1.2.0: rollback_done",
        "checks held",
    ] {
        assert!(out.contains(line), "{line:?} is missing in\n{out}");
    }
    assert_clean(&temp);
}

#[test]
fn ends_cleanly_when_it_is_interrupted() {
    use std::io::{BufRead, BufReader};
    let temp = tempfile::tempdir().unwrap();
    // In the middle of a run, and while it goes on serving.
    for (until, success) in [("stage: rehearsal of", false), ("Ctrl-C ends", true)] {
        let mut child = demo(&[], &temp).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        assert!(lines.any(|line| line.contains(until)), "{until}");
        let interrupt = format!("kill -s INT {}", child.id());
        assert!(Command::new("sh").args(["-c", &interrupt]).status().unwrap().success());
        lines.for_each(drop);
        assert_eq!(child.wait().unwrap().success(), success, "{until}");
        assert_clean(&temp);
    }
}

#[test]
fn what_it_prints_to_try_works_as_it_stands() {
    use std::io::{BufRead, BufReader};
    let temp = tempfile::tempdir().unwrap();
    let mut child = demo(&[], &temp).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let printed: Vec<_> = lines
        .by_ref()
        .skip_while(|line| !line.starts_with("RMM goes on serving"))
        .take_while(|line| !line.contains("Ctrl-C ends"))
        .collect();
    let long: Vec<_> =
        printed.iter().filter(|line| line.len() > 79 && !line.contains(env!("CARGO_BIN_EXE_rmm"))).collect();
    assert!(long.is_empty(), "{long:#?}");
    let commands: Vec<_> = printed.iter().filter_map(|line| line.strip_prefix("  ")).collect();
    // The last one listens for ever.
    let (listen, commands) = commands.split_last().unwrap();
    assert!(listen.contains("/stream?"));
    let mut shell = Command::new("sh");
    // As a person who has no RMM of their own.
    shell.args(["-euxc", &commands.join("\n")]).env_remove("RMM_CONFIG").env("NO_COLOR", "1");
    let output = shell.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("#2 is deployed"), "{said}");
    let unlock = "/unlock\n";
    let after = String::from_utf8_lossy(&output.stderr).split(unlock).nth(1).map(str::len);
    assert!(after.is_some_and(|length| length < 200), "{said}");
    let interrupt = format!("kill -s INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &interrupt]).status().unwrap().success());
    lines.for_each(drop);
    assert!(child.wait().unwrap().success());
    assert_clean(&temp);
}

#[test]
fn says_that_git_is_missing() {
    let temp = tempfile::tempdir().unwrap();
    let output = demo(&["--once"], &temp).env("PATH", "/nowhere").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("git is not installed"), "{said}");
    assert_clean(&temp);
}
