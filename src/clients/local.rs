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
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::ExposeSecret;

pub mod account;
pub mod place;

use self::account::Account;
use super::dial::Dial;
use super::transport::{Channel, EnvPair, Stream, Transport, TransportError};

/// The variables a script inherits from RMM, beside everything `LC_…`.
const INHERITED: &[&str] = &["PATH", "LANG", "TZ"];
/// … and those that are about RMM's own user.
const OWN: &[&str] = &["HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "SSH_AUTH_SOCK"];
/// Whether `$HOME` is a directory of the user's own.
const HAS_HOME: &str = r#"[ -d "$HOME" ] && [ -O "$HOME" ] && [ -w "$HOME" ] && [ -x "$HOME" ]"#;

/// How long a connection may take, unless whoever asks has less time.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// Runs scripts on RMM's own machine.
#[derive(Debug, Clone)]
pub struct Local {
    shell: PathBuf,
    directory: Option<PathBuf>,
    account: Option<Arc<Account>>,
}

impl Default for Local {
    fn default() -> Self {
        Self::new()
    }
}

impl Local {
    /// Scripts start in RMM's own working directory, with the `sh` of `PATH`.
    pub fn new() -> Self {
        Self { shell: PathBuf::from("sh"), directory: None, account: None }
    }

    /// Scripts run as this user and start in the home directory.
    ///
    /// # Errors
    /// When RMM cannot do that, as a sentence that says what to do.
    pub fn of(account: Account) -> Result<Self, String> {
        let Account { name, home, .. } = &account;
        if !rustix::process::geteuid().is_root() {
            return Err(format!(
                "only root can run steps as {name}: run RMM as root, or leave [local] out and let RMM reach this machine by \
                 SSH (address = \"127.0.0.1\", user = \"{name}\")"
            ));
        }
        // What is there already may be the system's: nothing is to be done to that.
        let make = if home.exists() {
            "name another one as `home`".to_owned()
        } else {
            format!("make it (`install -d -m 700 -o {name} {}`), or name another one as `home`", home.display())
        };
        let home = format!("{name} needs a home directory of its own, which {} is not; {make}", home.display());
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
                TransportError::Start { source }
            }
        })?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(TransportError::Start { source: io::Error::other("the script's output is not connected") });
        };
        Ok(Channel {
            stdout: Box::new(stdout),
            stderr: Box::new(stderr),
            status: Box::pin(async move {
                let status = child.wait().await.map_err(|source| TransportError::Died { source })?;
                Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
            }),
        })
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

    fn connect<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, Result<Box<dyn Stream>, TransportError>> {
        Box::pin(async move {
            let dial = Dial { host, port, limit: CONNECT_LIMIT, speaks_first: false };
            let stream = dial.connect().await.map_err(|error| TransportError::Refused(error.to_string()))?;
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
    async fn a_missing_shell_and_a_missing_directory_are_told_apart() {
        let error = Local::new().with_shell("/nowhere/sh").exec("", &[], &[]).await;
        assert!(matches!(error, Err(TransportError::ProgramMissing { .. })));
        let error = Local::new().in_directory("/nowhere").exec("", &[], &[]).await;
        assert!(matches!(error, Err(TransportError::Start { .. })));
    }
}
