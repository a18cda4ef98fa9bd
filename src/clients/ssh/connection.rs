//! One connection to a host: the key exchange with the check of the host's key, and its end.

use std::borrow::Cow;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use russh::client::{self, DisconnectReason, Handle};
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKeyOrCertificate};
use russh::{Disconnect, Preferred, compression};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::{Fault, Target, login, seconds, spare};
use crate::domain::host::{Fingerprint, HostKey};

/// Of a channel's output so many messages wait in memory; a host sends up to 32 KiB in each.
const WAITING_MESSAGES: usize = 16;
/// What may be on its way to RMM per channel.
const WINDOW: u32 = 1024 * 1024;
/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// A connection with somebody logged in. Dropping it cuts it.
pub(super) struct Connection {
    pub(super) handle: Handle<Guard>,
    notes: Arc<Notes>,
    #[cfg_attr(not(test), expect(dead_code, reason = "it is there to be dropped"))]
    socket: Socket,
    target: Arc<Target>,
    used: watch::Sender<usize>,
    /// A channel was open on it at some time.
    served: AtomicBool,
    retired: AtomicBool,
    /// Channels that are open on it: what it can carry at least.
    opened: AtomicUsize,
    pub(super) spare: spare::Place,
}

/// The right to open one channel. The connection counts as used until it is dropped.
pub(super) struct Slot(Arc<Connection>);

/// A channel is open.
pub(super) struct Opened(Arc<Connection>);

/// What the connection's own task has learned.
#[derive(Default)]
pub(super) struct Notes {
    offered: Mutex<Option<HostKey>>,
    ended: Mutex<Option<String>>,
}

/// Ends the connection when dropped, even if its task hangs.
struct Socket(std::net::TcpStream);

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// Answers the host: only the trusted key will do.
pub(super) struct Guard {
    expected: Option<Fingerprint>,
    notes: Arc<Notes>,
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl client::Handler for Guard {
    type Error = russh::Error;

    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let (key, certificate) = match offered {
            PublicKeyOrCertificate::PublicKey { key, .. } => (key.clone(), false),
            PublicKeyOrCertificate::Certificate(certificate) => (certificate.public_key().clone().into(), true),
        };
        let Ok(fingerprint) = Fingerprint::parse(key.fingerprint(HashAlg::Sha256).to_string()) else {
            return Ok(false);
        };
        let trusted = !certificate && self.expected.as_ref() == Some(&fingerprint);
        let algorithm = key.algorithm().as_str().to_owned();
        let algorithm = if certificate { format!("certificate of {algorithm}") } else { algorithm };
        *locked(&self.notes.offered) = Some(HostKey { algorithm, fingerprint });
        Ok(trusted)
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Self::Error>) -> Result<(), Self::Error> {
        let (sentence, result) = match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                (format!("the host ended the connection: {}", info.message), Ok(()))
            }
            DisconnectReason::Error(russh::Error::KeepaliveTimeout) => {
                ("the host does not answer any more".to_owned(), Err(russh::Error::KeepaliveTimeout))
            }
            DisconnectReason::Error(error) => (error.to_string(), Err(error)),
        };
        locked(&self.notes.ended).get_or_insert(sentence);
        result
    }
}

/// What the host is asked for. SHA-1 and compression are not.
fn preferred(algorithm: Option<&str>) -> Preferred {
    let ecdsa = |curve| Algorithm::Ecdsa { curve };
    let mut key = vec![
        Algorithm::Ed25519,
        ecdsa(EcdsaCurve::NistP256),
        ecdsa(EcdsaCurve::NistP384),
        ecdsa(EcdsaCurve::NistP521),
        Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
        Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
    ];
    if let Some(wanted) = algorithm {
        let wanted = if wanted.starts_with("rsa-") { "ssh-rsa" } else { wanted };
        key.sort_by_key(|known| (if known.clone().is_rsa() { "ssh-rsa" } else { known.as_str() }) != wanted);
    }
    Preferred {
        key: Cow::Owned(key),
        compression: Cow::Borrowed(&[compression::NONE]),
        host_key_certificates: Cow::Borrowed(&[]),
        ..Preferred::default()
    }
}

/// Connects up to the end of the key exchange.
async fn exchange(target: &Target, notes: &Arc<Notes>) -> Result<(Handle<Guard>, Socket), Fault> {
    let (address, limit) = (&target.address, target.limits.connect);
    let config = client::Config {
        preferred: preferred(target.pin.as_ref().and_then(|pin| pin.algorithm.as_deref())),
        keepalive_interval: Some(target.limits.keepalive),
        keepalive_max: 3,
        channel_buffer_size: WAITING_MESSAGES,
        window_size: WINDOW,
        nodelay: true,
        ..client::Config::default()
    };
    let expected = target.pin.as_ref().map(|pin| pin.fingerprint.clone());
    let guard = Guard { expected: expected.clone(), notes: Arc::clone(notes) };
    let attempt = async {
        let unreachable = |error: std::io::Error| Fault::Unreachable(format!("{address} cannot be reached: {error}."));
        let stream = TcpStream::connect((address.host.as_str(), address.port)).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let stream = stream.into_std().map_err(unreachable)?;
        let socket = Socket(stream.try_clone().map_err(unreachable)?);
        let stream = TcpStream::from_std(stream).map_err(unreachable)?;
        match client::connect_stream(Arc::new(config), stream, guard).await {
            Ok(handle) => Ok((handle, socket)),
            Err(error) => Err(refused(target, expected, notes, &error)),
        }
    };
    let late = || Fault::Unreachable(format!("{address} did not answer within {}.", seconds(limit)));
    tokio::time::timeout(limit, attempt).await.map_err(|_| late())?
}

/// Explains why the key exchange came to nothing.
fn refused(target: &Target, expected: Option<Fingerprint>, notes: &Notes, error: &russh::Error) -> Fault {
    let address = &target.address;
    let offered = locked(&notes.offered).take();
    if let (russh::Error::UnknownKey, Some(offered)) = (error, offered) {
        return match expected {
            None => Fault::UnknownKey(offered),
            Some(expected) => Fault::KeyChanged { expected, offered },
        };
    }
    if let russh::Error::NoCommonAlgo { kind, theirs, .. } = error {
        let theirs = theirs.join(", ");
        return Fault::Unreachable(format!(
            "{address} and RMM have no {kind:?} algorithm in common; it offers {theirs}."
        ));
    }
    if matches!(error, russh::Error::Version) {
        return Fault::Unreachable(format!("{address} does not answer as an SSH server."));
    }
    Fault::Unreachable(format!("{address} ended the connection before the key exchange was complete: {error}."))
}

/// Does the key exchange for the sake of the key.
pub(super) async fn offered_key(target: &Target) -> Result<HostKey, Fault> {
    // Without a pin every key ends the exchange.
    let target = Target { pin: None, ..target.clone() };
    match exchange(&target, &Arc::default()).await {
        Err(Fault::UnknownKey(key)) => Ok(key),
        Err(fault) => Err(fault),
        Ok(_) => Err(Fault::Unreachable(format!("{} has shown no host key.", target.address))),
    }
}

impl Connection {
    /// Connects and logs in.
    pub(super) async fn new(target: Arc<Target>) -> Result<Self, Fault> {
        let proof = login::proof(&target).await?;
        let notes = Arc::<Notes>::default();
        let (mut handle, socket) = exchange(&target, &notes).await?;
        let limit = target.limits.auth;
        match tokio::time::timeout(limit, login::log_in(&mut handle, &target, proof)).await {
            Ok(done) => done?,
            Err(_) => {
                let (address, limit) = (&target.address, seconds(limit));
                return Err(Fault::Unreachable(format!("{address} did not answer the login within {limit}.")));
            }
        }
        let (used, _) = watch::channel(0);
        let (served, retired, opened) = (AtomicBool::new(false), AtomicBool::new(false), AtomicUsize::new(0));
        let spare = spare::Place::default();
        Ok(Self { handle, notes, socket, target, used, served, retired, opened, spare })
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Whether new channels may be opened on it.
    pub(super) fn is_usable(&self) -> bool {
        !self.handle.is_closed() && !self.retired.load(Ordering::SeqCst)
    }

    /// No new channel will be opened on it.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
    }

    pub(super) fn served(&self) -> bool {
        self.served.load(Ordering::SeqCst)
    }

    pub(super) fn used(&self) -> usize {
        *self.used.borrow()
    }

    pub(super) fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }

    /// Tells how many channels it carries.
    pub(super) fn watch(&self) -> watch::Receiver<usize> {
        self.used.subscribe()
    }

    pub(super) fn why_it_ended(&self) -> String {
        let why = locked(&self.notes.ended).clone();
        format!("{}: {}", self.target.address, why.as_deref().unwrap_or("the connection ended"))
    }

    /// Says goodbye.
    pub(super) async fn close(&self) {
        self.retire();
        let farewell = self.handle.disconnect(Disconnect::ByApplication, "", "");
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    }

    /// Ends it at once, as a broken line would.
    #[cfg(test)]
    pub(super) fn cut(&self) {
        let _ = self.socket.0.shutdown(Shutdown::Both);
    }
}

impl Slot {
    pub(super) fn new(connection: &Arc<Connection>) -> Self {
        connection.used.send_modify(|used| *used += 1);
        Self(Arc::clone(connection))
    }

    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.0
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.used.send_modify(|used| *used -= 1);
    }
}

impl Opened {
    pub(super) fn new(connection: &Arc<Connection>) -> Self {
        connection.served.store(true, Ordering::SeqCst);
        connection.opened.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(connection))
    }

    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.0
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.opened.fetch_sub(1, Ordering::SeqCst);
    }
}
