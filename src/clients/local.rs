//! The transport to the machine RMM itself runs on.
//!
//! Scripts are children of RMM in a process group of their own, so that a
//! Ctrl-C meant for RMM does not reach them. They must not inherit RMM's
//! environment, which holds RMM's own secrets: they get the variables of an
//! allowlist and the pairs of the call, nothing else.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::ExposeSecret;
use tokio::process::Command;

pub mod place;

use super::dial::Dial;
use super::transport::{Channel, EnvPair, Stream, Transport, TransportError};

/// The variables a script inherits from RMM, beside everything `LC_…`.
const INHERITED: &[&str] = &["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR", "SSH_AUTH_SOCK"];

/// How long a connection may take, unless whoever asks has less time.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// Runs scripts on RMM's own machine.
#[derive(Debug, Clone)]
pub struct Local {
    shell: PathBuf,
    directory: Option<PathBuf>,
}

impl Default for Local {
    fn default() -> Self {
        Self::new()
    }
}

impl Local {
    /// Scripts start in RMM's own working directory, with the `sh` of `PATH`.
    pub fn new() -> Self {
        Self { shell: PathBuf::from("sh"), directory: None }
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

    fn start(&self, script: &str, args: &[&str], env: &[EnvPair]) -> Result<Channel, TransportError> {
        let mut command = Command::new(&self.shell);
        command
            .arg("-c")
            .arg(script)
            .arg("rmm")
            .args(args)
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| inherited(name)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        for (name, value) in env {
            command.env(name, OsString::from(value.expose_secret()));
        }
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        let mut child = command.spawn().map_err(|source| {
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

fn inherited(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| INHERITED.contains(&name) || name.starts_with("LC_"))
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
            assert!(shells_own || inherited(OsStr::new(name.0)), "{}", name.0);
        }
        for name in ["RMM_MASTER_KEY", "RMMTOKEN", "LD_PRELOAD", "CARGO"] {
            assert!(!inherited(OsStr::new(name)));
        }
    }

    #[tokio::test]
    async fn a_missing_shell_and_a_missing_directory_are_told_apart() {
        let error = Local::new().with_shell("/nowhere/sh").exec("", &[], &[]).await;
        assert!(matches!(error, Err(TransportError::ProgramMissing { .. })));
        let error = Local::new().in_directory("/nowhere").exec("", &[], &[]).await;
        assert!(matches!(error, Err(TransportError::Start { .. })));
    }
}
