//! Runs a command of the configuration that takes a file in or gives one out: no shell, nothing of RMM's environment but where
//! programs and settings are found, a group of processes of its own that ends with it, and the end of what it complains about.
//!
//! Must not: hold the file in memory, or go on after its limit.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use super::group::Group;
use crate::domain::backup::CommandEnd;

/// Of what a command complains about, the last bytes.
const MOST_SAID: usize = 2048;
/// The variables that a command inherits, beside everything `LC_…` and `XDG_…`.
const INHERITED: &[&str] = &["PATH", "LANG", "TZ", "HOME", "USER", "LOGNAME", "TMPDIR"];

/// How a command ended that did not do its work, and the end of what it said about it.
#[derive(Debug)]
pub struct Fault {
    /// How it ended.
    pub end: CommandEnd,
    /// The last of its error output, or why it was not started.
    pub said: Vec<u8>,
}

/// Runs a program with its arguments in a folder until it ends, or `limit` does.
///
/// # Errors
/// When it cannot be started, ends with another status than 0, or does not end in time.
pub async fn run(
    words: &[String],
    folder: &Path,
    (stdin, stdout): (Stdio, Stdio),
    limit: impl Future<Output = ()>,
) -> Result<(), Fault> {
    let not_started = |error: &io::Error| Fault { end: CommandEnd::NotStarted, said: error.to_string().into_bytes() };
    let Some((program, arguments)) = words.split_first() else {
        return Err(not_started(&io::ErrorKind::InvalidInput.into()));
    };
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| is_inherited(name)))
        .current_dir(folder)
        .stdin(stdin)
        .stdout(stdout)
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| not_started(&error))?;
    let group = Group::of(&child);
    let (stderr, mut said) = (child.stderr.take(), Vec::new());
    let ended = {
        let ends = async {
            let status = child.wait().await;
            // What it leaves behind would hold its output open.
            drop(group);
            status
        };
        let work = async { tokio::join!(ends, keep_last(stderr, &mut said)).0 };
        tokio::select! {
            status = work => Some(status),
            () = limit => None,
        }
    };
    match ended {
        Some(Ok(status)) if status.success() => Ok(()),
        Some(Ok(status)) => Err(Fault { end: how(status), said }),
        Some(Err(error)) => Err(Fault { end: CommandEnd::Status(-1), said: error.to_string().into_bytes() }),
        None => Err(Fault { end: CommandEnd::TimeLimit, said }),
    }
}

fn how(status: ExitStatus) -> CommandEnd {
    status.signal().map_or_else(|| CommandEnd::Status(status.code().unwrap_or(-1)), CommandEnd::Signal)
}

fn is_inherited(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    INHERITED.contains(&name) || name.starts_with("LC_") || name.starts_with("XDG_")
}

/// Reads to the end, and keeps the last of it, by whole lines: in half of one, half of a secret would not be known for what it is.
async fn keep_last(stream: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut stream) = stream else { return };
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut piece).await {
        kept.extend_from_slice(&piece[..read]);
        if let Some(above @ 1..) = kept.len().checked_sub(MOST_SAID) {
            let line = kept[above..].iter().position(|byte| *byte == b'\n').map_or(kept.len(), |end| above + end + 1);
            kept.drain(..line);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn words(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(ToOwned::to_owned).to_vec()
    }

    async fn run_it(script: &str, limit: impl Future<Output = ()>) -> Result<(), (CommandEnd, String)> {
        let streams = (Stdio::null(), Stdio::null());
        let ended = run(&words(script), Path::new("/"), streams, limit).await;
        ended.map_err(|fault| (fault.end, String::from_utf8_lossy(&fault.said).into_owned()))
    }

    #[tokio::test]
    async fn a_file_goes_in_and_what_is_printed_becomes_another() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| folder.path().join(name));
        std::fs::write(&from, "a copy").unwrap();
        let streams = (Stdio::from(File::open(&from).unwrap()), Stdio::from(File::create(&to).unwrap()));
        run(&words("tr a-z A-Z"), folder.path(), streams, std::future::pending()).await.unwrap();
        assert_eq!(std::fs::read_to_string(&to).unwrap(), "A COPY");
    }

    #[tokio::test]
    async fn what_went_wrong_is_told() {
        let never = std::future::pending;
        let ended = run_it("echo no such bucket >&2; exit 7", never()).await;
        assert_eq!(ended, Err((CommandEnd::Status(7), "no such bucket\n".into())));
        let ended = run_it("seq 100000 >&2; kill -9 $$", never()).await.unwrap_err();
        assert_eq!(ended.0, CommandEnd::Signal(9));
        assert!(ended.1.len() <= MOST_SAID && ended.1.starts_with('9') && ended.1.ends_with("100000\n"));
        let missing = ["/no/such/program".to_owned()];
        let ended = run(&missing, Path::new("/"), (Stdio::null(), Stdio::null()), never()).await.unwrap_err();
        assert_eq!(ended.end, CommandEnd::NotStarted);
    }

    #[tokio::test]
    async fn a_command_that_does_not_end_is_ended_with_all_it_has_started() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        // A process that holds the pipe open is alive: the reader sees its end when none is.
        let script = format!("sh -c 'echo begun; sleep 1000' > {} & wait", pipe.display());
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let reader = tokio::task::spawn_blocking(move || {
            use std::io::{BufRead, BufReader, Read};
            let (mut pipe, mut line) = (BufReader::new(File::open(pipe).unwrap()), String::new());
            pipe.read_line(&mut line).unwrap();
            begun.send(()).unwrap();
            pipe.read_to_string(&mut line).unwrap();
            line
        });
        let ended = run_it(&script, async { has_begun.await.unwrap() }).await.unwrap_err();
        assert_eq!(ended.0, CommandEnd::TimeLimit);
        assert_eq!(reader.await.unwrap(), "begun\n");
    }

    #[tokio::test]
    async fn nothing_of_rmms_environment_is_handed_on() {
        run_it("test -z \"$CARGO_MANIFEST_DIR\" && test -n \"$PATH\"", std::future::pending()).await.unwrap();
    }
}
