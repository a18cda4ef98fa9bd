//! What RMM needs from a host: to run a POSIX shell script there, and to reach
//! what listens there.
//!
//! A transport starts `sh -c SCRIPT rmm ARGS…` on its host and hands back the
//! streams and the exit status. It knows nothing about steps. It must never
//! put an environment value on a command line, into a file or into a log,
//! since the values are secrets.

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::domain::host::{Fingerprint, HostKey};
use crate::domain::ids::HostName;
use crate::domain::reason::Reason;
use crate::wording::english;

/// An environment variable for the script: its name and its secret value.
pub type EnvPair = (String, SecretString);

/// A way to run a shell script on one host.
pub trait Transport: Send + Sync {
    /// Starts `sh -c script rmm args…` with `env` added to the environment
    /// and without any input.
    ///
    /// The script goes on when the returned channel is dropped; it only loses
    /// its reader. What has not ended after a minute may be ended then.
    fn exec<'a>(
        &'a self,
        script: &'a str,
        args: &'a [&'a str],
        env: &'a [EnvPair],
    ) -> BoxFuture<'a, Result<Channel, TransportError>>;

    /// Opens a TCP connection to `host`:`port` as the host itself sees them,
    /// within `limit`.
    fn connect<'a>(
        &'a self,
        host: &'a str,
        port: u16,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, TransportError>>;
}

/// A connection in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A script that runs on a host. Dropping it closes the streams.
pub struct Channel {
    /// What the script writes to its standard output.
    pub stdout: Box<dyn AsyncRead + Send + Unpin>,
    /// What the script writes to its standard error.
    pub stderr: Box<dyn AsyncRead + Send + Unpin>,
    /// The script's exit status; 128 + N when signal N ended it.
    pub status: BoxFuture<'static, Result<i32, TransportError>>,
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").finish_non_exhaustive()
    }
}

/// Why a script could not be run or followed.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The program that reaches the host is not there.
    #[error("The program {program} is missing on the machine RMM runs on.")]
    ProgramMissing {
        /// The program's name.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The script could not be started.
    #[error("{}", english(.0))]
    Start(Reason),
    /// The connection ended while the script ran.
    #[error("{}", english(.0))]
    Died(Reason),
    /// The host does not answer. The call has begun nothing there.
    #[error("{}", english(.0))]
    Unreachable(Reason),
    /// The host has shown a key that is not confirmed. Nothing was sent to
    /// it beyond the key exchange.
    #[error("The host key {0} is not trusted yet.")]
    UnknownKey(HostKey),
    /// The host has shown another key than the trusted one, and has none that
    /// is trusted. Nothing was sent to it beyond the key exchange.
    #[error("THE HOST KEY HAS CHANGED: {} is trusted, but the host shows {offered}.", any_of(expected))]
    KeyChanged {
        /// The trusted ones; never empty.
        expected: Vec<Fingerprint>,
        /// The one it has shown first.
        offered: HostKey,
    },
    /// The trouble is with another host, which is on the way. The call has
    /// begun nothing.
    #[error("on the way, at the jump host {host}: {error}")]
    Jump {
        /// Where the trouble is.
        host: HostName,
        /// What it is.
        error: Box<TransportError>,
    },
    /// The host did not let RMM in. The call has begun nothing there.
    #[error("{}", english(.0))]
    Login(Reason),
    /// What [`Transport::connect`] asked for is not there.
    #[error("{}", english(.0))]
    Refused(Reason),
    /// What [`Transport::connect`] asked for has not answered in time; or the
    /// host has not, which another call tells.
    #[error("{}", english(.0))]
    Silent(Reason),
    /// The host does not allow what [`Transport::connect`] asks for.
    #[error("{}", english(.0))]
    Forbidden(Reason),
}

/// `a, or b, or c`.
fn any_of(keys: &[Fingerprint]) -> String {
    keys.iter().map(Fingerprint::as_str).collect::<Vec<_>>().join(" or ")
}

impl TransportError {
    /// The system did not start the script.
    pub fn not_started(error: &std::io::Error) -> Self {
        Self::Start(Reason::ScriptNotStarted { said: error.to_string() })
    }

    /// The connection broke while something was read or written.
    pub fn lost(error: std::io::Error) -> Self {
        error.downcast().unwrap_or_else(|error| Self::Died(Reason::ConnectionLost { said: error.to_string() }))
    }

    /// The same as a fact.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::ProgramMissing { program, .. } => Reason::ProgramMissing { program: program.clone() },
            Self::UnknownKey(key) => Reason::KeyUnknown { key: key.clone() },
            Self::KeyChanged { expected, offered } => {
                Reason::KeyChanged { trusted: expected.clone(), offered: offered.clone() }
            }
            Self::Jump { host, error } => Reason::OnTheWay { host: host.clone(), cause: Box::new(error.reason()) },
            Self::Start(reason)
            | Self::Died(reason)
            | Self::Unreachable(reason)
            | Self::Login(reason)
            | Self::Refused(reason)
            | Self::Silent(reason)
            | Self::Forbidden(reason) => reason.clone(),
        }
    }

    /// The host that the trouble is with, if it is not the one that was called, and what it is.
    #[must_use]
    pub fn at(&self) -> (Option<&HostName>, &Self) {
        match self {
            Self::Jump { host, error } => {
                let (further, error) = error.at();
                (further.or(Some(host)), error)
            }
            Self::ProgramMissing { .. }
            | Self::Start(_)
            | Self::Died(_)
            | Self::Unreachable(_)
            | Self::UnknownKey(_)
            | Self::KeyChanged { .. }
            | Self::Login(_)
            | Self::Refused(_)
            | Self::Silent(_)
            | Self::Forbidden(_) => (None, self),
        }
    }

    /// Whether waiting may help; otherwise something has to be changed.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Jump { error, .. } => error.may_pass(),
            Self::Died(_) | Self::Unreachable(_) | Self::UnknownKey(_) | Self::Silent(_) => true,
            Self::ProgramMissing { .. }
            | Self::Start(_)
            | Self::KeyChanged { .. }
            | Self::Login(_)
            | Self::Refused(_)
            | Self::Forbidden(_) => false,
        }
    }

    /// Whether the call has certainly begun nothing on the host.
    #[must_use]
    pub fn began_nothing(&self) -> bool {
        match self {
            Self::ProgramMissing { .. }
            | Self::Start(_)
            | Self::Unreachable(_)
            | Self::UnknownKey(_)
            | Self::KeyChanged { .. }
            | Self::Jump { .. }
            | Self::Login(_)
            | Self::Refused(_)
            | Self::Silent(_)
            | Self::Forbidden(_) => true,
            Self::Died(_) => false,
        }
    }
}
