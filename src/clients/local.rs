//! The transport to the machine RMM itself runs on.
//!
//! Scripts are children of RMM in a process group of their own, so that a
//! Ctrl-C meant for RMM does not reach them. They must not inherit RMM's
//! environment, which holds RMM's own secrets: they get the variables of an
//! allowlist and the pairs of the call, nothing else. They run as RMM's own user
//! or as another [`Account`].

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::ExposeSecret;
use tokio::process::Child;
use tokio::runtime::Handle;

pub mod account;
pub mod place;

use self::account::Account;
use super::dial::Dial;
use super::transport::{Channel, EnvPair, Stream, Transport, TransportError};
use crate::domain::fault::machine::MachineFault;
use crate::domain::reason::Reason;

/// The variables a script inherits from RMM, beside everything `LC_…`.
const INHERITED: &[&str] = &["PATH", "LANG", "TZ"];
/// … and those that are about RMM's own user.
const OWN: &[&str] = &["HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "SSH_AUTH_SOCK"];
/// Whether `$HOME` is a directory of the user's own.
const HAS_HOME: &str = r#"[ -d "$HOME" ] && [ -O "$HOME" ] && [ -w "$HOME" ] && [ -x "$HOME" ]"#;

/// How long a script without a reader may go on, which is longer than it takes to start a step.
const UNREAD_LIMIT: Duration = Duration::from_secs(60);

/// Runs scripts on RMM's own machine.
#[derive(Debug, Clone)]
pub struct Local {
    shell: PathBuf,
    directory: Option<PathBuf>,
    account: Option<Arc<Account>>,
    left_limit: Duration,
}

impl Default for Local {
    fn default() -> Self {
        Self::new()
    }
}

impl Local {
    /// Scripts start in RMM's own working directory, with the `sh` of `PATH`.
    pub fn new() -> Self {
        Self { shell: PathBuf::from("sh"), directory: None, account: None, left_limit: UNREAD_LIMIT }
    }

    /// Scripts run as this user and start in the home directory.
    ///
    /// # Errors
    /// When RMM cannot do that.
    pub fn of(account: Account) -> Result<Self, MachineFault> {
        let user = account.name.clone();
        if !rustix::process::geteuid().is_root() {
            return Err(MachineFault::OnlyRoot { user });
        }
        let home = MachineFault::NoHome { user, home: account.home.clone(), there: account.home.exists() };
        let local = Self { directory: Some(account.home.clone()), account: Some(Arc::new(account)), ..Self::new() };
        if local.says_yes(HAS_HOME, &[]) { Ok(local) } else { Err(home) }
    }

    /// Who scripts run as, if it is not RMM's own user.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        self.account.as_deref()
    }

    /// Whether a short script ends with 0.
    #[must_use]
    pub fn says_yes(&self, script: &str, args: &[&OsStr]) -> bool {
        let mut command = self.command(script);
        let asked = command.args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    }

    /// Scripts start in `directory`.
    #[must_use]
    pub fn in_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Scripts are run by `shell` instead of the `sh` of `PATH`.
    #[must_use]
    pub fn with_shell(mut self, shell: impl Into<PathBuf>) -> Self {
        self.shell = shell.into();
        self
    }

    /// The call of a script, without its arguments.
    fn command(&self, script: &str) -> Command {
        let mut command = match &self.account {
            None => Command::new(&self.shell),
            Some(account) => {
                // The program that runs, even if another one was put in its place meanwhile.
                let mut command = Command::new("/proc/self/exe");
                command.arg0("rmm").args(account.arguments()).arg(&self.shell);
                command
            }
        };
        let own = self.account.is_none();
        command
            .args(["-c", script, "rmm"])
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| inherited(name, own)))
            .envs(self.account.iter().flat_map(|account| account.environment()))
            .stdin(Stdio::null())
            .process_group(0);
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }

    fn start(&self, script: &str, args: &[&str], env: &[EnvPair]) -> Result<Channel, TransportError> {
        let mut command = self.command(script);
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, value) in env {
            command.env(name, OsString::from(value.expose_secret()));
        }
        let mut child = tokio::process::Command::from(command).spawn().map_err(|source| {
            // A missing working directory is reported as NotFound, too.
            let here = self.directory.as_ref().is_none_or(|d| d.is_dir());
            if source.kind() == io::ErrorKind::NotFound && here {
                TransportError::ProgramMissing { program: self.shell.display().to_string(), source }
            } else {
                TransportError::not_started(&source)
            }
        })?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let mut script = Script { child: Some(child), left_limit: self.left_limit };
        let (Some(stdout), Some(stderr)) = (stdout, stderr) else {
            return Err(TransportError::not_started(&io::Error::other("the script's output is not connected")));
        };
        Ok(Channel {
            stdout: Box::new(stdout),
            stderr: Box::new(stderr),
            status: Box::pin(async move {
                let status = script.wait().await.map_err(TransportError::lost)?;
                Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
            }),
        })
    }
}

/// A script at work. Dropped, it may finish what it does, but not stay for ever: its output is not read any more.
struct Script {
    child: Option<Child>,
    left_limit: Duration,
}

impl Script {
    async fn wait(&mut self) -> io::Result<ExitStatus> {
        let Some(child) = &mut self.child else { return Err(io::Error::other("the script has been waited for")) };
        let status = child.wait().await?;
        self.child = None;
        Ok(status)
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let (Some(mut child), Ok(runtime)) = (self.child.take(), Handle::try_current()) else { return };
        let limit = self.left_limit;
        runtime.spawn(async move {
            if tokio::time::timeout(limit, child.wait()).await.is_err()
                && let Some(group) = child.id().and_then(|id| Pid::from_raw(id.cast_signed()))
            {
                let _ = kill_process_group(group, Signal::KILL);
                let _ = child.wait().await;
            }
        });
    }
}

impl Transport for Local {
    fn exec<'a>(
        &'a self,
        script: &'a str,
        args: &'a [&'a str],
        env: &'a [EnvPair],
    ) -> BoxFuture<'a, Result<Channel, TransportError>> {
        Box::pin(async move { self.start(script, args, env) })
    }

    fn connect<'a>(
        &'a self,
        host: &'a str,
        port: u16,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, TransportError>> {
        Box::pin(async move {
            let dial = Dial { host, port, limit, speaks_first: false };
            let stream =
                dial.connect().await.map_err(|fault| TransportError::Refused(Reason::NotConnected { fault }))?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}

fn inherited(name: &OsStr, own: bool) -> bool {
    let Some(name) = name.to_str() else { return false };
    INHERITED.contains(&name) || name.starts_with("LC_") || (own && OWN.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;
    use tokio::io::AsyncReadExt;

    async fn output(local: &Local, script: &str, args: &[&str], env: &[EnvPair]) -> (String, i32) {
        let mut channel = local.exec(script, args, env).await.unwrap();
        let mut out = String::new();
        channel.stdout.read_to_string(&mut out).await.unwrap();
        (out, channel.status.await.unwrap())
    }

    #[tokio::test]
    async fn arguments_environment_and_status_arrive() {
        let env = [("GREETING".to_owned(), SecretString::from("it's $HOME"))];
        let script = r#"printf '%s|%s|%s' "$GREETING" "$1" "$2"; exit 7"#;
        let (out, status) = output(&Local::new(), script, &["a b", "$(c)"], &env).await;
        assert_eq!(out, "it's $HOME|a b|$(c)");
        assert_eq!(status, 7);
        let (_, status) = output(&Local::new(), "kill -s KILL $$", &[], &[]).await;
        assert_eq!(status, 137);
    }

    #[tokio::test]
    async fn only_the_allowlist_is_inherited() {
        let (out, _) = output(&Local::new(), "env", &[], &[]).await;
        for name in out.lines().filter_map(|line| line.split_once('=')) {
            let shells_own = ["PWD", "OLDPWD", "SHLVL", "_"].contains(&name.0);
            assert!(shells_own || inherited(OsStr::new(name.0), true), "{}", name.0);
        }
        for name in ["RMM_MASTER_KEY", "RMMTOKEN", "LD_PRELOAD", "CARGO"] {
            assert!(!inherited(OsStr::new(name), true));
        }
        assert!(inherited(OsStr::new("PATH"), false) && !inherited(OsStr::new("SSH_AUTH_SOCK"), false));
    }

    #[tokio::test]
    async fn a_script_without_a_reader_is_ended_after_a_while_with_all_it_started() {
        let place = tempfile::tempdir().unwrap();
        let fifo = place.path().join("held");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let mut held = tokio::net::unix::pipe::OpenOptions::new().open_receiver(&fifo).unwrap();
        let script = "trap '' PIPE; exec 9>\"$1\"; echo >&9; sleep 1000000 & sleep 1000000";
        let local = Local { left_limit: Duration::ZERO, ..Local::new() };
        let channel = local.exec(script, &[fifo.to_str().unwrap()], &[]).await.unwrap();
        assert_eq!(held.read_u8().await.unwrap(), b'\n');
        drop(channel);
        // The end comes when none of its processes is there any more.
        assert_eq!(held.read(&mut [0]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_missing_shell_and_a_missing_directory_are_told_apart() {
        let error = Local::new().with_shell("/nowhere/sh").exec("", &[], &[]).await;
        assert!(matches!(error, Err(TransportError::ProgramMissing { .. })));
        let error = Local::new().in_directory("/nowhere").exec("", &[], &[]).await;
        assert!(matches!(error, Err(TransportError::Start(_))));
    }
}
