//! The process of one environment: found by its locked pid file, ended, and replaced by a new one that outlives the
//! step of RMM which starts it.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::{Definition, SUBCOMMAND, Site, say};

const POLL: Duration = Duration::from_millis(2);
/// How long a process may take to end after TERM.
const TERM_TIME: Duration = Duration::from_secs(5);
/// How long the kernel may take to end a process after KILL, or to give the port back.
const KERNEL_TIME: Duration = Duration::from_secs(2);
const START_TIME: Duration = Duration::from_secs(10);
const SHOWN_LOG_LINES: usize = 20;

/// Becomes the program in its arguments, without the files that it has inherited: 0, 1 and 2 are ours, but any other
/// may be a pipe that keeps a step of RMM from ending.
const CLOSE_FILES: &str = r#"
for file in /dev/fd/*; do
    file=${file##*/}
    case $file in
    [0-2]) ;;
    [3-9]) eval "exec $file>&-" ;;
    # dash has no word for these.
    [1-9][0-9]*) [ -z "${BASH_VERSION:-}" ] || eval "exec $file>&-" ;;
    esac
done
exec "$@""#;

/// Runs the script in `$1` by bash where there is one. Every step replaces itself, so the pid stays.
const BY_THE_BEST_SHELL: &str = r#"
script=$1
shift
if command -v bash >/dev/null; then exec bash -c "$script" bash "$@"; fi
eval "$script""#;

/// Takes the port of the process.
pub(super) async fn bind(port: u16) -> Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port)).await.with_context(|| format!("cannot listen on port {port}"))
}

/// The locked pid file of the process that we are.
pub(super) struct PidFile(File);

impl PidFile {
    pub(super) async fn take(data: &Path) -> Result<Self> {
        let mut file = open_pid_file(data)?;
        // A process that only checks whether this one runs may hold the lock for a moment.
        let taken = wait_for(KERNEL_TIME, async || is_locked(file.try_lock()).map(|busy| !busy)).await?;
        ensure!(taken, "another process serves {} already", data.display());
        file.set_len(0).context("cannot empty the pid file")?;
        file.rewind().context("cannot rewind the pid file")?;
        Ok(Self(file))
    }

    pub(super) fn write(&mut self) -> Result<()> {
        self.0.write_all(std::process::id().to_string().as_bytes()).context("cannot write the pid file")
    }
}

fn pid_path(data: &Path) -> PathBuf {
    data.join("guestbook.pid")
}

fn open_pid_file(data: &Path) -> Result<File> {
    let path = pid_path(data);
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    options.open(&path).with_context(|| format!("cannot open {}", path.display()))
}

fn is_locked(attempt: Result<(), TryLockError>) -> Result<bool> {
    match attempt {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error).context("the pid file cannot be locked"),
    }
}

/// Whether a process of this environment lives. The lock goes with the process, however it ends, so a pid that another
/// program has got since never counts.
fn is_running(data: &Path) -> Result<bool> {
    if !pid_path(data).exists() {
        return Ok(false);
    }
    is_locked(open_pid_file(data)?.try_lock_shared())
}

/// The recorded pid; nothing while the process is still starting.
fn recorded_pid(data: &Path) -> Option<u32> {
    std::fs::read_to_string(pid_path(data)).ok()?.trim().parse().ok()
}

/// Whether the process is a guestbook. Where there is no /proc the lock alone decides.
fn is_guestbook(pid: u32) -> bool {
    if !Path::new("/proc/self/cmdline").exists() {
        return true;
    }
    std::fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|line| line.split(|byte| *byte == 0).any(|word| word == SUBCOMMAND.as_bytes()))
}

/// Ends the guestbook whose folder is `data`: TERM, and KILL where that does not help. Says whether one was running.
///
/// # Errors
/// When the lock is held by something that is not a guestbook, or the process does not end.
pub async fn stop(data: &Path) -> Result<bool> {
    let mut was_running = false;
    for (name, time) in [("TERM", TERM_TIME), ("KILL", KERNEL_TIME)] {
        // A process that is just starting has the lock, but no pid yet.
        wait_for(START_TIME, async || Ok(!is_running(data)? || recorded_pid(data).is_some())).await?;
        if !is_running(data)? {
            return Ok(was_running);
        }
        was_running = true;
        let pid = recorded_pid(data).context("a process is running, but it has not recorded its pid")?;
        // It may have ended between the two questions; only a live stranger is an error.
        if !is_guestbook(pid) {
            ensure!(!is_running(data)?, "process {pid} in {} is not a guestbook", pid_path(data).display());
            return Ok(was_running);
        }
        send_signal(name, pid).await?;
        if wait_for(time, async || Ok(!is_running(data)?)).await? {
            return Ok(was_running);
        }
    }
    bail!("the process in {} does not end", pid_path(data).display())
}

/// By the shell, whose built-in `kill` is the only way to signal another process without unsafe code.
async fn send_signal(name: &str, pid: u32) -> Result<()> {
    let mut kill = Command::new("sh");
    kill.args(["-c", r#"kill -s "$1" "$2" 2>/dev/null"#, "sh", name]).arg(pid.to_string());
    // Its status says no more than the lock does: the process may have ended by itself.
    kill.stdin(Stdio::null()).status().await.with_context(|| format!("cannot send {name} to process {pid}"))?;
    Ok(())
}

/// Asks every [`POLL`] until the answer is yes; says no when the time is over.
async fn wait_for(time: Duration, question: impl AsyncFn() -> Result<bool>) -> Result<bool> {
    let answer = timeout(time, async {
        while !question().await? {
            sleep(POLL).await;
        }
        Ok(true)
    });
    answer.await.unwrap_or(Ok(false))
}

pub(super) async fn restart(site: &Site) -> Result<()> {
    let resolve = |path: &Path| path.canonicalize().with_context(|| format!("cannot resolve {}", path.display()));
    let data = &site.data.data;
    std::fs::create_dir_all(data).with_context(|| format!("cannot create the folder {}", data.display()))?;
    let (code, data) = (resolve(&site.code.code)?, resolve(data)?);

    stop(&data).await?;
    let free = wait_for(KERNEL_TIME, async || Ok(bind(site.port).await.is_ok())).await?;
    ensure!(free, "port {} is in use by another program", site.port);

    let log_path = data.join("guestbook.log");
    let mut log = File::options().create(true).append(true).read(true).open(&log_path);
    let log = log.as_mut().map_err(|error| anyhow::anyhow!("cannot open {}: {error}", log_path.display()))?;
    let old_end = log.seek(SeekFrom::End(0)).context("cannot find the end of the log")?;

    // Forgets the old pid: the new process might get the same one, and would seem to be up before it is.
    drop(PidFile::take(&data).await?);
    let (pid, early_end) = start(site, &code, &data, log).await?;
    if recorded_pid(&data) != Some(pid) {
        let lines = last_lines(log, old_end).context("cannot read the log")?;
        let what = early_end.map_or("accepts no connections".to_owned(), |status| format!("ended with {status}"));
        bail!("the new process {what}; its log says:\n{lines}");
    }
    let version = Definition::read(&code)?.version;
    say(format!("guestbook {version} serves {} on port {}, process {pid}", site.environment.name(), site.port));
    Ok(())
}

/// Starts `serve` in a session of its own, and waits until it has recorded its pid (it accepts connections), has ended,
/// or has had enough time. Gives its pid and how it ended, if it did.
async fn start(site: &Site, code: &Path, data: &Path, log: &File) -> Result<(u32, Option<ExitStatus>)> {
    let spawn = |mut command: Command| -> Result<std::io::Result<Child>> {
        let out = log.try_clone().context("cannot share the log")?;
        let err = log.try_clone().context("cannot share the log")?;
        command.args(["-c", BY_THE_BEST_SHELL, "sh", CLOSE_FILES]).env_remove("BASH_ENV");
        // A backtrace would push the sentence that matters out of the lines that a failed start shows.
        command.env_remove("RUST_BACKTRACE").env_remove("RUST_LIB_BACKTRACE");
        command.arg(std::env::current_exe().context("cannot find the path of this program")?);
        command.args([SUBCOMMAND, "serve", "--code"]).arg(code).arg("--data").arg(data);
        command.args(["--port", &site.port.to_string(), "--environment", site.environment.name()]);
        command.current_dir("/").stdin(Stdio::null()).stdout(out).stderr(err);
        Ok(command.spawn())
    };
    let mut setsid = Command::new("setsid");
    setsid.arg("sh");
    let mut child = match spawn(setsid)? {
        // macOS has no setsid command: there a process group of its own has to do.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut sh = Command::new("sh");
            sh.process_group(0);
            spawn(sh)?
        }
        started => started,
    }
    .context("cannot start the new process")?;
    // setsid and the shells replace themselves, so this is the pid that `serve` will write.
    let pid = child.id().context("the new process has no pid")?;
    let mut status = None;
    tokio::select! {
        ended = child.wait() => status = Some(ended.context("cannot wait for the new process")?),
        up = wait_for(START_TIME, async || Ok(recorded_pid(data) == Some(pid))) => { up?; }
    }
    if status.is_none() && recorded_pid(data) != Some(pid) {
        child.kill().await.context("cannot end the new process, which does not come up")?;
    }
    Ok((pid, status))
}

fn last_lines(log: &mut File, from: u64) -> Result<String> {
    log.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    log.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(SHOWN_LOG_LINES)..].join("\n"))
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_those_of_this_start() {
        let mut log = tempfile::tempfile().unwrap();
        log.write_all(b"old\n").unwrap();
        for line in 0..30 {
            writeln!(log, "{line}").unwrap();
        }
        let lines = last_lines(&mut log, 4).unwrap();
        assert!(lines.starts_with("10\n") && lines.ends_with("\n29"), "{lines}");
    }
}
