//! The transport to a host by SSH.
//!
//! All calls to a host share its connections: each carries several channels, and another one is opened when the host
//! allows no more. Nothing is sent to a host beyond the key exchange before it has shown the trusted key. Nothing is
//! tried again in here: whoever calls knows whether that may be.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use super::transport::{Channel, EnvPair, Stream, Transport, TransportError};
use crate::domain::host::{Address, Fingerprint, HostKey, Limits};

mod channel;
mod connection;
mod login;
mod pool;
mod script;
mod shell;
mod spare;
mod tunnel;

use channel::Start;
use connection::{Connection, Slot};
use pool::Pool;

/// A host, and how to get in.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where its SSH server listens.
    pub address: Address,
    /// As whom to log in.
    pub user: String,
    /// How to prove to be that user.
    pub credential: Credential,
    /// The key that the host must show. Without one nobody logs in.
    pub pin: Option<Pin>,
    /// How long to wait for it.
    pub limits: Limits,
}

/// How RMM proves who it is.
#[derive(Clone, Debug)]
pub enum Credential {
    /// By password.
    Password(SecretString),
    /// By a private key.
    Key {
        /// The key, in OpenSSH's or PEM format.
        key: SecretString,
        /// What opens it.
        passphrase: Option<SecretString>,
    },
}

/// The trusted key of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Its type, if known: then the host is asked for a key of this type.
    pub algorithm: Option<String>,
}

/// Runs scripts on one host. Clones share its connections.
#[derive(Clone)]
pub struct Ssh {
    pool: Arc<Pool>,
}

impl fmt::Debug for Ssh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ssh").field("address", &self.pool.target().address).finish_non_exhaustive()
    }
}

impl Ssh {
    /// Connects when there is something to do.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self { pool: Arc::new(Pool::new(target)) }
    }

    /// The key that the host shows now. Nothing is sent to it beyond the key exchange.
    ///
    /// # Errors
    /// The host does not answer as an SSH server.
    pub async fn offered_key(&self) -> Result<HostKey, TransportError> {
        connection::offered_key(self.pool.target()).await.map_err(TransportError::from)
    }

    /// Opens something on a connection, on another one if this one has no room.
    async fn on_connection<T, F>(&self, mut open: impl FnMut(Slot) -> F) -> Result<T, TransportError>
    where
        F: Future<Output = Result<T, Start>>,
    {
        loop {
            let slot = self.pool.slot().await?;
            let connection = Arc::clone(slot.connection());
            match open(slot).await {
                Ok(opened) => return Ok(opened),
                Err(Start::Failed(error)) => return Err(error),
                // A spare took the place: it is there for the next try.
                Err(Start::Full(_)) if connection.spare.is_taken() => {}
                Err(Start::Full(why)) => {
                    if !self.pool.was_full(&connection) {
                        let sentence = format!("{} allows no command: {why}", self.pool.target().address);
                        return Err(TransportError::Start { source: io::Error::other(sentence) });
                    }
                }
            }
        }
    }
}

impl Transport for Ssh {
    fn exec<'a>(
        &'a self,
        script: &'a str,
        args: &'a [&'a str],
        env: &'a [EnvPair],
    ) -> BoxFuture<'a, Result<Channel, TransportError>> {
        Box::pin(async move { self.on_connection(|slot| channel::exec(slot, script::input(script, args, env))).await })
    }

    fn connect<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, Result<Box<dyn Stream>, TransportError>> {
        Box::pin(async move { self.on_connection(|slot| tunnel::open(slot, host.to_owned(), port)).await })
    }
}

/// Why there is no connection. As [`TransportError`], for everybody who waited for the same attempt.
#[derive(Clone, Debug)]
enum Fault {
    Unreachable(String),
    UnknownKey(HostKey),
    KeyChanged { expected: Fingerprint, offered: HostKey },
    Login(String),
}

impl From<Fault> for TransportError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unreachable(sentence) => Self::Unreachable(sentence),
            Fault::UnknownKey(key) => Self::UnknownKey(key),
            Fault::KeyChanged { expected, offered } => Self::KeyChanged { expected, offered },
            Fault::Login(sentence) => Self::Login(sentence),
        }
    }
}

/// A limit as people write it.
fn seconds(limit: Duration) -> String {
    if limit.subsec_millis() == 0 { format!("{} s", limit.as_secs()) } else { format!("{} ms", limit.as_millis()) }
}

fn lost(connection: &Connection) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, connection.why_it_ended())
}

#[cfg(test)]
mod tests;
