//! The transport to a host by SSH.
//!
//! All calls to a host share its connections: each carries several channels, and another one is opened when the host
//! allows no more. Nothing is sent to a host beyond the key exchange before it has shown the trusted key. Nothing is
//! tried again in here: the caller knows whether that may be.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::SecretString;
use tokio::time::Instant;

use super::transport::{Channel, EnvPair, Stream, Transport, TransportError};
use crate::domain::fault::DialFault;
use crate::domain::fault::ssh::{PrivateKeyFault, Reached, SshFault};
use crate::domain::host::{Address, Fingerprint, HostKey, Limits};
use crate::domain::ids::HostName;
use crate::domain::reason::Reason;

mod channel;
mod connect;
mod connection;
mod exchange;
mod guard;
mod line;
mod login;
mod lookup;
mod memory;
mod order;
mod pool;
mod script;
mod shell;
mod spare;
mod start;
mod tunnel;

use connection::{Connection, Kind, Slot};
use pool::Pool;
use start::Start;
use tunnel::{NotOpened, Tunnel};

/// A host, and how to get in.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where its SSH server listens.
    pub address: Address,
    /// As whom to log in.
    pub user: String,
    /// How to prove to be that user.
    pub credential: Credential,
    /// The keys that the host may show: any of them will do. Without one there is no login.
    pub pins: Vec<Pin>,
    /// How long to wait for it.
    pub limits: Limits,
    /// The host through which it is reached, if RMM does not reach it itself.
    pub jump: Option<Jump>,
}

impl Target {
    fn at(&self) -> Reached {
        Reached { address: self.address.to_string(), through: self.jump.as_ref().map(|jump| jump.host.clone()) }
    }
}

/// A host on the way to another one. All that are reached through it share its connections.
#[derive(Clone, Debug)]
pub struct Jump {
    /// Its name.
    pub host: HostName,
    /// The way to it.
    pub ssh: Ssh,
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

/// Why a private key cannot be used.
#[must_use]
pub fn key_problem(key: &SecretString, passphrase: Option<&SecretString>) -> Option<PrivateKeyFault> {
    login::decode(key, passphrase).err()
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

    /// The key that the host shows when it is asked as every call asks it. Nothing is sent to it beyond the key
    /// exchange.
    ///
    /// # Errors
    /// As for every call: none of its keys is trusted, or it does not answer as an SSH server.
    pub async fn offered_key(&self) -> Result<HostKey, TransportError> {
        self.pool.offered_key().await.map_err(TransportError::from)
    }

    /// The trusted key that the host has shown last, if it has been reached.
    #[must_use]
    pub fn shown_key(&self) -> Option<HostKey> {
        self.pool.shown_key()
    }

    /// Logs in, unless a connection is open already, and does nothing else.
    ///
    /// # Errors
    /// Why the login failed.
    pub async fn log_in(&self) -> Result<(), TransportError> {
        self.pool.slot(Kind::Session).await.map(drop).map_err(TransportError::from)
    }

    async fn on_shell(&self, script: &str, args: &[&str], env: &[EnvPair]) -> Result<Channel, TransportError> {
        self.on_connection(|slot| channel::exec(slot, script::input(script, args, env))).await
    }

    /// Reaches an address from the host as a host behind it is reached: what a name stands for is for its sshd to
    /// find out.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn reach(&self, host: &str, port: u16, limit: Duration) -> Result<Tunnel, TransportError> {
        let until = Instant::now() + limit;
        let late = |_| TransportError::Silent(NotOpened::late(self.pool.target(), host, port, limit));
        let slot = tokio::time::timeout_at(until, self.pool.way_to(host)).await.map_err(late)??;
        let connection = Arc::clone(slot.connection());
        let opened = tunnel::open(slot, host.to_owned(), port, until - Instant::now()).await;
        opened.map_err(|why| why.for_caller(&connection, host, port, limit))
    }

    /// Opens a session on a connection, on another one if this one has no room.
    async fn on_connection<T, F>(&self, mut open: impl FnMut(Slot) -> F) -> Result<T, TransportError>
    where
        F: Future<Output = Result<T, Start>>,
    {
        loop {
            let slot = self.pool.slot(Kind::Session).await?;
            let connection = Arc::clone(slot.connection());
            match open(slot).await {
                Ok(opened) => return Ok(opened),
                Err(Start::Failed(error)) => return Err(error),
                // A spare took the place: it is there for the next try.
                Err(Start::Full(_)) if connection.spare.is_taken() => {}
                Err(Start::Full(why)) => {
                    if !self.pool.was_full(&connection) {
                        let fault = SshFault::NoCommand { at: self.pool.target().at(), why };
                        return Err(TransportError::Start(fault.into()));
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
        Box::pin(self.on_shell(script, args, env))
    }

    fn connect<'a>(
        &'a self,
        host: &'a str,
        port: u16,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, TransportError>> {
        Box::pin(async move {
            let is_number = host.parse::<IpAddr>().is_ok();
            let tunnel =
                if is_number { self.reach(host, port, limit).await } else { self.reach_name(host, port, limit).await };
            Ok(Box::new(tunnel?) as Box<dyn Stream>)
        })
    }
}

/// Why there is no connection. As [`TransportError`], for all callers that waited for the same attempt.
#[derive(Clone, Debug)]
enum Fault {
    NotConnected(DialFault),
    Unreachable(SshFault),
    UnknownKey(HostKey),
    KeyChanged {
        expected: Vec<Fingerprint>,
        offered: HostKey,
    },
    Login(SshFault),
    /// The trouble is with a host on the way.
    Jump {
        host: HostName,
        fault: Box<Fault>,
    },
}

impl From<Fault> for TransportError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotConnected(fault) => Self::Unreachable(Reason::HostNotConnected { fault }),
            Fault::Unreachable(fault) => Self::Unreachable(fault.into()),
            Fault::UnknownKey(key) => Self::UnknownKey(key),
            Fault::KeyChanged { expected, offered } => Self::KeyChanged { expected, offered },
            Fault::Login(fault) => Self::Login(fault.into()),
            Fault::Jump { host, fault } => Self::Jump { host, error: Box::new(Self::from(*fault)) },
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lost(connection: &Connection) -> TransportError {
    TransportError::Died(SshFault::Lost { end: connection.end() }.into())
}

#[cfg(test)]
mod tests;
