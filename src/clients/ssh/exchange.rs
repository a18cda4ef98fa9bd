//! The key exchange: the way to the host, and which of its keys it is asked for.
//!
//! A host has keys of several types and shows one of them: the first one that it is asked for and has. A trusted key is
//! a fingerprint, whose type may not be known. So a host that shows another key is asked for those of the other types,
//! before there is an alarm. Nothing is sent to it beyond the key exchange before it has shown a trusted key.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::client::{self, Handle};
use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{Preferred, compression};
use tokio::time::Instant;

use super::connection::{Connection, Met};
use super::guard::{Guard, Notes};
use super::line::Line;
use super::memory::Memory;
use super::{Fault, Jump, Target, locked, tunnel};
use crate::clients::dial::Dial;
use crate::clients::overheard::{FirstWords, Overheard, Spoken};
use crate::clients::transport::Stream;
use crate::domain::fault::Speaks;
use crate::domain::fault::ssh::{Negotiated, SshFault};
use crate::domain::host::HostKey;

/// Of a channel's output so many messages wait in memory; a host sends up to 32 KiB in each.
const WAITING_MESSAGES: usize = 16;
/// What may be on its way to RMM per channel.
const WINDOW_BYTES: u32 = 1024 * 1024;
/// A host that had no trusted key is not asked for all of its keys again before this has passed.
const SEARCH_INTERVAL: Duration = Duration::from_mins(1);

/// All types of keys that RMM takes, the best first. SHA-1 is none of them.
fn all_types() -> Vec<Algorithm> {
    let ecdsa = |curve| Algorithm::Ecdsa { curve };
    vec![
        Algorithm::Ed25519,
        ecdsa(EcdsaCurve::NistP256),
        ecdsa(EcdsaCurve::NistP384),
        ecdsa(EcdsaCurve::NistP521),
        Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
        Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
    ]
}

/// One name for the keys that a host has one of: all RSA signatures are made by the same key.
fn kind(algorithm: &str) -> &str {
    if algorithm.starts_with("rsa-") { "ssh-rsa" } else { algorithm }
}

fn kind_of(algorithm: &Algorithm) -> &str {
    if matches!(algorithm, Algorithm::Rsa { .. }) { "ssh-rsa" } else { algorithm.as_str() }
}

/// Which types a host is asked for, as long as it has not shown a trusted key.
struct Search {
    /// The types of the trusted keys, as far as they are known.
    known: Vec<String>,
    /// Whether that is all of them.
    complete: bool,
    /// What it has shown so far.
    seen: Vec<HostKey>,
    /// The types of which it has shown its key, or has none.
    tried: Vec<String>,
}

impl Search {
    fn new(target: &Target, memory: &Memory) -> Self {
        let kinds: Vec<Option<String>> = target
            .pins
            .iter()
            .map(|pin| {
                let shown = memory.met.iter().find(|shown| shown.fingerprint == pin.fingerprint);
                let algorithm = pin.algorithm.as_deref().or(shown.map(|shown| shown.algorithm.as_str()));
                algorithm.map(|algorithm| kind(algorithm).to_owned())
            })
            .collect();
        let complete = kinds.iter().all(Option::is_some);
        Self { known: kinds.into_iter().flatten().collect(), complete, seen: Vec::new(), tried: Vec::new() }
    }

    /// The types to ask for next; nothing when it has been asked for every one that could be right.
    fn next(&self) -> Option<Vec<Algorithm>> {
        let tried = |wanted: &Algorithm| self.tried.iter().any(|tried| tried == kind_of(wanted));
        let mut types = all_types();
        types.sort_by_key(|one| !self.known.iter().any(|known| known == kind_of(one)));
        if !self.seen.is_empty() {
            types.retain(|one| !tried(one) && (!self.complete || self.known.iter().any(|known| known == kind_of(one))));
        }
        (!types.is_empty()).then_some(types)
    }

    /// Notes the key that it showed when it was asked for these types. It showed the first one that it has.
    fn shown(&mut self, types: &[Algorithm], key: HostKey) {
        for one in types.iter().map(kind_of) {
            self.tried.push(one.to_owned());
            if one == kind(&key.algorithm) {
                break;
            }
        }
        self.seen.push(key);
    }
}

/// Goes to the host until it has shown a trusted key.
pub(super) async fn meet(target: &Target, memory: &Mutex<Memory>) -> Result<Met, Fault> {
    let mut search = Search::new(target, &locked(memory));
    while let Some(types) = search.next() {
        let notes = Arc::<Notes>::default();
        let fault = match exchange(target, types.clone(), &notes).await {
            Ok((handle, Way { line, through })) => {
                let key = locked(&notes.offered).clone();
                let Some(key) = key else { break };
                let mut memory = locked(memory);
                memory.shown = Some(key.clone());
                if !memory.met.contains(&key) {
                    memory.met.push(key.clone());
                }
                memory.searched = None;
                return Ok(Met { handle, line, through, notes, key });
            }
            Err(Ended::Fault(fault)) => fault,
            // It has no keys but those that it has shown.
            Err(Ended::NoSuchKey(_)) if !search.seen.is_empty() => break,
            Err(Ended::NoSuchKey(fault)) => fault,
        };
        let Fault::UnknownKey(offered) = fault else { return Err(fault) };
        if target.pins.is_empty() {
            return Err(Fault::UnknownKey(offered));
        }
        let first = search.seen.is_empty();
        search.shown(&types, offered);
        if first && asked_before(memory, &search.seen) {
            break;
        }
    }
    let Some(offered) = search.seen.into_iter().next() else {
        return Err(Fault::Unreachable(SshFault::NoHostKey { at: target.at() }));
    };
    let mut memory = locked(memory);
    memory.shown = None;
    memory.searched.get_or_insert_with(|| (offered.clone(), Instant::now()));
    let expected = target.pins.iter().map(|pin| pin.fingerprint.clone()).collect();
    Err(Fault::KeyChanged { expected, offered })
}

/// Whether the host was asked for all of its keys a moment ago, and showed the same wrong one first.
fn asked_before(memory: &Mutex<Memory>, seen: &[HostKey]) -> bool {
    let mut memory = locked(memory);
    let before = memory.searched.as_ref();
    let known = before.is_some_and(|(key, when)| seen.first() == Some(key) && when.elapsed() < SEARCH_INTERVAL);
    if !known {
        memory.searched = None;
    }
    known
}

/// Why a key exchange came to nothing.
enum Ended {
    Fault(Fault),
    /// The host has no key of the types that it was asked for.
    NoSuchKey(Fault),
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Connects up to the end of the key exchange.
async fn exchange(target: &Target, types: Vec<Algorithm>, notes: &Arc<Notes>) -> Result<(Handle<Guard>, Way), Ended> {
    let config = client::Config {
        preferred: Preferred {
            key: Cow::Owned(types),
            compression: Cow::Borrowed(&[compression::NONE]),
            host_key_certificates: Cow::Borrowed(&[]),
            ..Preferred::default()
        },
        keepalive_interval: Some(target.limits.keepalive),
        keepalive_max: 3,
        channel_buffer_size: WAITING_MESSAGES,
        window_size: WINDOW_BYTES,
        nodelay: true,
        ..client::Config::default()
    };
    let expected = target.pins.iter().map(|pin| pin.fingerprint.clone()).collect();
    let guard = Guard { expected, notes: Arc::clone(notes) };
    let until = Instant::now() + target.limits.connect;
    let (way, stream) = match &target.jump {
        None => directly(target).await?,
        Some(jump) => through(target, jump).await?,
    };
    // The way there has limits of its own.
    let until = if target.jump.is_some() { Instant::now() + target.limits.connect } else { until };
    let (stream, heard) = Overheard::new(stream);
    match tokio::time::timeout_at(until, client::connect_stream(Arc::new(config), stream, guard)).await {
        Ok(Ok(handle)) => Ok((handle, way)),
        Ok(Err(error)) => Err(refused(target, &way, notes, &heard, &error)),
        Err(_) => {
            let late = || SshFault::Late { at: target.at(), limit: target.limits.connect, asks: None };
            Err(Fault::Unreachable(other_than_ssh(target, &heard).unwrap_or_else(late)).into())
        }
    }
}

/// The way to a host: its line, and the connection to the host before it.
struct Way {
    line: Line,
    through: Option<Arc<Connection>>,
}

async fn directly(target: &Target) -> Result<(Way, Box<dyn Stream>), Fault> {
    let (address, limit) = (&target.address, target.limits.connect);
    let dial = Dial { host: &address.host, port: address.port, limit, speaks_first: true };
    let stream = dial.connect().await.map_err(Fault::NotConnected)?;
    let broken = |error: std::io::Error| {
        Fault::Unreachable(SshFault::NotReached { address: address.to_string(), said: error.to_string() })
    };
    let (line, stream) = Line::over_tcp(stream).map_err(broken)?;
    Ok((Way { line, through: None }, stream))
}

/// Goes on from another host.
async fn through(target: &Target, jump: &Jump) -> Result<(Way, Box<dyn Stream>), Fault> {
    let on_the_way = |fault: Fault| match fault {
        further @ Fault::Jump { .. } => further,
        fault @ (Fault::NotConnected(_)
        | Fault::Unreachable(_)
        | Fault::UnknownKey(_)
        | Fault::KeyChanged { .. }
        | Fault::Login(_)) => Fault::Jump { host: jump.host.clone(), fault: Box::new(fault) },
    };
    let address = &target.address;
    let slot = jump.ssh.pool.way_to(&address.host).await.map_err(on_the_way)?;
    let connection = Arc::clone(slot.connection());
    let limit = target.limits.connect.min(connection.target().limits.open);
    let opened = tunnel::open(slot, address.host.clone(), address.port, limit).await;
    let tunnel = opened.map_err(|why| why.on_the_way(&connection, target, jump, limit))?;
    let (line, stream) = Line::through(tunnel);
    Ok((Way { line, through: Some(connection) }, stream))
}

/// Explains why the key exchange came to nothing.
fn refused(target: &Target, way: &Way, notes: &Notes, heard: &FirstWords, error: &russh::Error) -> Ended {
    let offered = locked(&notes.offered).take();
    if let (russh::Error::UnknownKey, Some(offered)) = (error, offered) {
        return Fault::UnknownKey(offered).into();
    }
    let at = target.at();
    if let russh::Error::NoCommonAlgo { kind, theirs, .. } = error {
        let kind = match kind {
            russh::AlgorithmKind::Kex => Negotiated::KeyExchange,
            russh::AlgorithmKind::Key => Negotiated::HostKey,
            russh::AlgorithmKind::Cipher => Negotiated::Cipher,
            russh::AlgorithmKind::Compression => Negotiated::Compression,
            russh::AlgorithmKind::Mac => Negotiated::Mac,
        };
        let fault = Fault::Unreachable(SshFault::NothingInCommon { at, kind, offers: theirs.clone() });
        return if kind == Negotiated::HostKey { Ended::NoSuchKey(fault) } else { fault.into() };
    }
    if let Some(fault) = other_than_ssh(target, heard) {
        return Fault::Unreachable(fault).into();
    }
    if matches!(error, russh::Error::Version) {
        return Fault::Unreachable(SshFault::OtherProtocol { at, speaks: None }).into();
    }
    let cut = match way.through.as_ref().filter(|connection| connection.has_ended()) {
        Some(connection) => SshFault::CutOnTheWay { at, end: connection.end() },
        None => SshFault::CutInExchange { at, said: error.to_string() },
    };
    Fault::Unreachable(cut).into()
}

/// What is spoken there instead of SSH, if it tells.
fn other_than_ssh(target: &Target, heard: &FirstWords) -> Option<SshFault> {
    let speaks = match heard.spoken() {
        Some(Spoken::Ssh) => return None,
        Some(Spoken::Http) => Speaks::Http,
        Some(Spoken::Http2) => Speaks::Http2,
        Some(Spoken::Tls) => Speaks::Tls,
        None => Speaks::Other { line: heard.line()?.to_string() },
    };
    Some(SshFault::OtherProtocol { at: target.at(), speaks: Some(speaks) })
}

/// Does the key exchange for the sake of the key.
pub(super) async fn offered_key(target: &Target, memory: &Mutex<Memory>) -> Result<HostKey, Fault> {
    meet(target, memory).await.map(|met| met.key)
}
