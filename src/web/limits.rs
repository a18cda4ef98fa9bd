//! How much one caller may take at the same time, and how much all of them together. What RMM needs for runs, hosts and
//! the operator is never among it.
//!
//! Must not: know what is asked for, or keep anything of callers who hold nothing.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::problem::Problem;
use crate::domain::finding::{Finding, MachineFact, Remedy, Topic};

/// Open files that RMM asks the system for, if it may have them. Beyond that, programs that go through all numbers of
/// open files when they start, as some steps' do, become slow.
const OPEN_FILES: u64 = 65_536;
/// With fewer, RMM works, but a crowd at its address and many hosts at once do not go together.
pub const ENOUGH_OPEN_FILES: u64 = 1024;
/// Connections of the network at the same time at most: each costs some 100 KB while it is answered. Half of them may be streams, which
/// is room for a thousand viewers.
const CONNECTIONS: usize = 2560;
/// Calls of one token at the same time: a busy CI has a few dozen, and each may hold about 1 MB of answer.
const CALLS_PER_TOKEN: usize = 64;
/// Streams of one token at the same time: people share a token on a few screens, and each stream may hold some 500 KB.
const STREAMS_PER_TOKEN: usize = 16;

/// The open files that RMM may have: now, or once it has asked for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFiles(pub u64);

impl OpenFiles {
    /// What [`OpenFiles::raised`] would come to.
    #[must_use]
    pub fn allowed() -> Self {
        let limit = getrlimit(Resource::Nofile);
        let now = limit.current.unwrap_or(OPEN_FILES);
        Self(now.max(limit.maximum.unwrap_or(OPEN_FILES).min(OPEN_FILES)))
    }

    /// Whether they are enough.
    #[must_use]
    pub fn finding(self) -> Finding {
        let fact = MachineFact::OpenFiles { files: self.0, connections: self.connections() };
        match self.0 {
            0..ENOUGH_OPEN_FILES => Finding::warn(Topic::OpenFiles, fact).with(Remedy::MoreOpenFiles),
            ENOUGH_OPEN_FILES.. => Finding::ok(Topic::OpenFiles, fact),
        }
    }

    /// As many as the system gives to this process, which asks for them.
    #[must_use]
    pub fn raised() -> Self {
        let (limit, Self(wanted)) = (getrlimit(Resource::Nofile), Self::allowed());
        match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit }) {
            Ok(()) => Self(wanted),
            Err(error) => {
                tracing::warn!(%error, "the limit of open files could not be raised");
                Self(limit.current.unwrap_or(wanted))
            }
        }
    }

    /// Connections of the network at the same time: half of the files at most, since the other half is for the
    /// operator, hosts, steps, git and the database.
    #[must_use]
    pub fn connections(self) -> usize {
        usize::try_from(self.0 / 2).unwrap_or(CONNECTIONS).min(CONNECTIONS)
    }
}

/// Something that there is a limited number of, and of which each holder may have so many.
#[derive(Debug)]
pub struct Shares<K> {
    most: usize,
    each: usize,
    held: Mutex<Held<K>>,
}

#[derive(Debug)]
struct Held<K> {
    all: usize,
    by: HashMap<K, usize>,
}

/// A share that was not to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// This one has as many as he may.
    OwnShare,
    /// All are taken.
    All,
}

impl<K: Hash + Eq + Clone> Shares<K> {
    /// `most` of them, and `each` for one holder.
    #[must_use]
    pub fn new(most: usize, each: usize) -> Arc<Self> {
        Arc::new(Self { most, each, held: Mutex::new(Held { all: 0, by: HashMap::new() }) })
    }

    /// How many are taken.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).all
    }

    /// Takes one.
    ///
    /// # Errors
    /// When there is none for this holder.
    pub fn take(self: &Arc<Self>, holder: K) -> Result<Share<K>, Taken> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.all >= self.most {
            return Err(Taken::All);
        }
        let own = held.by.get(&holder).copied().unwrap_or(0);
        if own >= self.each {
            return Err(Taken::OwnShare);
        }
        held.all += 1;
        held.by.insert(holder.clone(), own + 1);
        Ok(Share { of: self.clone(), holder })
    }
}

/// One of [`Shares`], given back when it is dropped.
#[derive(Debug)]
pub struct Share<K: Hash + Eq> {
    of: Arc<Shares<K>>,
    holder: K,
}

impl<K: Hash + Eq> Drop for Share<K> {
    fn drop(&mut self) {
        let mut held = self.of.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.all -= 1;
        if let Some(own) = held.by.get_mut(&self.holder) {
            *own -= 1;
            if *own == 0 {
                held.by.remove(&self.holder);
            }
        }
    }
}

/// Who counts as one caller from the network. Of IPv6, all of a network counts as one.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

/// The limits of all callers.
#[derive(Debug)]
pub struct Limits {
    /// Connections, by address. One address has half of them at most: all callers behind a proxy have the same.
    pub connections: Arc<Shares<IpAddr>>,
    /// Connections to the operator's socket. They are the operator's own, so more of them wait.
    pub operator: usize,
    /// Connections that are only told that there is no room.
    pub turned_away: usize,
    calls: Arc<Shares<i64>>,
    streams_by_address: Arc<Shares<IpAddr>>,
    streams_by_token: Arc<Shares<i64>>,
}

impl Limits {
    /// What so many open files allow.
    #[must_use]
    pub fn new(files: OpenFiles) -> Self {
        let connections = files.connections();
        // Nothing else may hold a connection for long, so what streams leave comes free again within seconds.
        let streams = connections / 2;
        Self {
            connections: Shares::new(connections, connections / 2),
            operator: (connections / 4).max(16),
            turned_away: (connections / 8).max(1),
            calls: Shares::new(usize::MAX, CALLS_PER_TOKEN),
            streams_by_address: Shares::new(streams, streams / 2),
            streams_by_token: Shares::new(usize::MAX, STREAMS_PER_TOKEN),
        }
    }

    /// How many streams are open; those of the operator's socket are not limited, and not among them.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.streams_by_address.held()
    }

    /// A place for a call of a token.
    ///
    /// # Errors
    /// When it makes too many at the same time.
    pub fn call(&self, token: i64) -> Result<Share<i64>, Problem> {
        self.calls.take(token).map_err(|_| {
            let sentence = format!(
                "this token has {CALLS_PER_TOKEN} calls under way, and more are not answered; wait for some of them"
            );
            busy("too_many_calls", sentence, 1)
        })
    }

    /// A place for a stream of a token from an address.
    ///
    /// # Errors
    /// When one of them has too many, or there are too many at all.
    pub fn stream(&self, token: i64, address: IpAddr) -> Result<(Share<i64>, Share<IpAddr>), Problem> {
        let of_token = self.streams_by_token.take(token).map_err(|_| {
            let sentence =
                format!("this token has {STREAMS_PER_TOKEN} streams open, and may not have more; close some of them");
            busy("too_many_streams", sentence, 10)
        })?;
        let of_address = self.streams_by_address.take(network(address)).map_err(|taken| match taken {
            Taken::OwnShare => {
                let each = self.streams_by_address.each;
                busy("too_many_streams", format!("{each} streams are open from your address; close some of them"), 10)
            }
            Taken::All => too_busy("too_many_streams", "as many streams are open as RMM has room for; try again later"),
        })?;
        Ok((of_token, of_address))
    }
}

/// What a connection is told for which there is no room.
#[must_use]
pub fn no_room(taken: Taken) -> Problem {
    match taken {
        Taken::OwnShare => {
            let sentence = "too many connections are open from your address; close some of them, or try again in 10 s";
            busy("too_many_connections", sentence, 10)
        }
        Taken::All => {
            too_busy("too_many_connections", "as many connections are open as RMM has room for; try again in 10 s")
        }
    }
}

fn busy(code: &str, sentence: impl Into<String>, seconds: u64) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, code, sentence).retry_after(seconds)
}

fn too_busy(code: &str, sentence: &str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, sentence).retry_after(10)
}

/// Where a call leaves its share, to be held until the answer was taken or given up.
#[derive(Debug, Clone, Default)]
pub(super) struct Slot(Arc<Mutex<Option<Share<i64>>>>);

impl Slot {
    pub(super) fn keep(&self, share: Share<i64>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(share);
    }
}

pub(super) async fn hold(mut request: Request, next: Next) -> Response {
    let slot = Slot::default();
    request.extensions_mut().insert(slot.clone());
    let response = next.run(request).await;
    let share = slot.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    match share {
        Some(share) => response.map(|body| Body::new(Holding { body, _share: share })),
        None => response,
    }
}

/// A body whose call counts until it is gone.
struct Holding {
    body: Body,
    _share: Share<i64>,
}

impl axum::body::HttpBody for Holding {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, axum::Error>>> {
        std::pin::Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_caller_takes_more_than_a_share_and_what_is_given_back_is_free() {
        let shares = Shares::new(3, 2);
        let first = shares.take("a").unwrap();
        let _second = shares.take("a").unwrap();
        assert_eq!(shares.take("a").unwrap_err(), Taken::OwnShare);
        let _third = shares.take("b").unwrap();
        assert_eq!(shares.take("c").unwrap_err(), Taken::All);
        drop(first);
        assert_eq!(shares.held.lock().unwrap().by.get("a"), Some(&1));
        let _fourth = shares.take("c").unwrap();
        assert_eq!(shares.held.lock().unwrap().by.len(), 3);
    }

    #[test]
    fn one_caller_is_a_network_of_ipv6_and_an_address_of_ipv4() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn half_of_the_open_files_are_never_for_the_network() {
        assert_eq!(OpenFiles(128).connections(), 64);
        assert_eq!(OpenFiles(1 << 20).connections(), CONNECTIONS);
        assert!(OpenFiles::allowed().0 > 0);
    }
}
