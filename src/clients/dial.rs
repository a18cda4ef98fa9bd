//! Opens TCP connections from RMM's own machine, to all addresses of a name side by side.
//!
//! As RFC 8305 has it: the next address is tried when the one before has failed, or was silent for a moment; the first
//! one that answers wins. What fails is told address by address.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::domain::fault::{DialFault, DialOutcome, Tried};
use crate::domain::host::Address;

/// How long one address may be silent before the next one is tried as well.
pub(super) const STAGGER: Duration = Duration::from_millis(250);
/// Addresses of one name that are tried.
pub(super) const MOST: usize = 12;

/// The host to call.
#[derive(Debug, Clone, Copy)]
pub struct Dial<'a> {
    /// A name or an IP address, without brackets.
    pub host: &'a str,
    /// The port.
    pub port: u16,
    /// How long all of it may take.
    pub limit: Duration,
    /// Whether the server says something first. Then an address that takes the connection and says nothing
    /// counts as silent, as long as there are others.
    pub speaks_first: bool,
}

impl Dial<'_> {
    /// Connects.
    ///
    /// # Errors
    /// [`DialFault`], with the cause for every address that was tried.
    pub async fn connect(self) -> Result<TcpStream, DialFault> {
        let until = Instant::now() + self.limit;
        let addresses = self.resolve(until).await?;
        // With little time, each address has its share of it.
        let share = self.limit / u32::try_from(addresses.len() + 1).unwrap_or(u32::MAX);
        let mut race = Race::new(addresses, self.speaks_first, STAGGER.min(share));
        if let Ok(Some(stream)) = tokio::time::timeout_at(until, race.run()).await {
            // Best effort: small packets need not wait for each other.
            let _ = stream.set_nodelay(true);
            return Ok(stream);
        }
        Err(race.fault(self))
    }

    fn name(&self) -> Address {
        Address { host: self.host.to_owned(), port: self.port }
    }

    async fn resolve(&self, until: Instant) -> Result<VecDeque<SocketAddr>, DialFault> {
        let name = self.host.to_owned();
        let found = match tokio::time::timeout_at(until, tokio::net::lookup_host((self.host, self.port))).await {
            Ok(Ok(found)) => interleaved(found),
            Ok(Err(error)) => return Err(DialFault::Unresolved { name, said: why_unresolved(&error) }),
            Err(_) => return Err(DialFault::NameServersSilent { name, limit: self.limit }),
        };
        if found.is_empty() { Err(DialFault::NoAddress { name }) } else { Ok(found) }
    }
}

/// The resolver's words without what the fault says already.
fn why_unresolved(error: &io::Error) -> Option<String> {
    let said = error.to_string();
    let said = said.strip_prefix("failed to lookup address information: ").unwrap_or(&said);
    (said != "Name or service not known").then(|| said.to_owned())
}

/// One of each family in turn, in the order of the resolver.
fn interleaved(found: impl Iterator<Item = SocketAddr>) -> VecDeque<SocketAddr> {
    let mut all: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    let first_family = all.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (VecDeque<_>, VecDeque<_>) =
        all.into_iter().partition(|address| address.is_ipv6() == first_family);
    let mut out = VecDeque::new();
    while out.len() < MOST && !(first.is_empty() && second.is_empty()) {
        out.extend(first.pop_front());
        out.extend(second.pop_front());
    }
    out
}

type Attempt = BoxFuture<'static, (SocketAddr, io::Result<Arc<TcpStream>>)>;

/// The addresses of a name, as far as they have been tried.
struct Race {
    waiting: VecDeque<SocketAddr>,
    connecting: FuturesUnordered<Attempt>,
    /// Connected, and nothing heard yet.
    listening: FuturesUnordered<Attempt>,
    connected: Vec<(SocketAddr, Arc<TcpStream>)>,
    failed: Vec<(SocketAddr, io::Error)>,
    /// All that were begun, in order.
    begun: Vec<SocketAddr>,
    speaks_first: bool,
    stagger: Duration,
}

impl Race {
    fn new(waiting: VecDeque<SocketAddr>, speaks_first: bool, stagger: Duration) -> Self {
        Self {
            stagger,
            speaks_first: speaks_first && waiting.len() > 1,
            waiting,
            connecting: FuturesUnordered::new(),
            listening: FuturesUnordered::new(),
            connected: Vec::new(),
            failed: Vec::new(),
            begun: Vec::new(),
        }
    }

    /// The connection that won; none if there is none to be had.
    async fn run(&mut self) -> Option<TcpStream> {
        loop {
            if self.connecting.is_empty() && self.waiting.is_empty() {
                // The last address left may take its time.
                if self.connected.len() <= 1 {
                    let (address, _) = self.connected.first()?;
                    return self.take(*address);
                }
            }
            if self.connecting.is_empty() && self.listening.is_empty() {
                self.begin();
            }
            let stagger = tokio::time::sleep(if self.waiting.is_empty() { Duration::MAX } else { self.stagger });
            tokio::select! {
                biased;
                Some((address, heard)) = self.listening.next() => match heard {
                    Ok(stream) => {
                        drop(stream);
                        return self.take(address);
                    }
                    Err(error) => {
                        self.connected.retain(|(other, _)| *other != address);
                        self.fail(address, error);
                    }
                },
                Some((address, made)) = self.connecting.next() => match made {
                    Ok(stream) => {
                        self.connected.push((address, Arc::clone(&stream)));
                        if !self.speaks_first {
                            drop(stream);
                            return self.take(address);
                        }
                        self.listening.push(Box::pin(listen(address, stream)));
                    }
                    Err(error) => self.fail(address, error),
                },
                () = stagger => self.begin(),
            }
        }
    }

    fn begin(&mut self) {
        if let Some(address) = self.waiting.pop_front() {
            self.begun.push(address);
            let made = async move { (address, TcpStream::connect(address).await.map(Arc::new)) };
            self.connecting.push(Box::pin(made));
        }
    }

    fn fail(&mut self, address: SocketAddr, error: io::Error) {
        self.failed.push((address, error));
        self.begin();
    }

    fn take(&mut self, address: SocketAddr) -> Option<TcpStream> {
        self.listening.clear();
        let at = self.connected.iter().position(|(other, _)| *other == address)?;
        Arc::into_inner(self.connected.swap_remove(at).1)
    }

    /// What became of every address.
    fn fault(&self, dial: Dial<'_>) -> DialFault {
        let limit = dial.limit;
        let outcome = |address: &SocketAddr| match self.failed.iter().find(|(other, _)| other == address) {
            Some((_, error)) => outcome(error),
            None if self.connected.iter().any(|(other, _)| other == address) => DialOutcome::Mute { limit },
            None => DialOutcome::Late { limit },
        };
        let asked = dial.name().to_string();
        match self.begun.as_slice() {
            [only] if dial.host.parse::<IpAddr>().is_ok() => DialFault::Address { asked, outcome: outcome(only) },
            several => {
                let tried =
                    |address: &SocketAddr| Tried { address: address.ip().to_string(), outcome: outcome(address) };
                DialFault::Name { asked, tried: several.iter().map(tried).collect() }
            }
        }
    }
}

/// Waits for the first word, and leaves it where it is.
async fn listen(address: SocketAddr, stream: Arc<TcpStream>) -> (SocketAddr, io::Result<Arc<TcpStream>>) {
    let heard = match stream.peek(&mut [0]).await {
        Ok(0) => Err(io::Error::new(ErrorKind::UnexpectedEof, "ended")),
        Ok(_) => Ok(stream),
        Err(error) => Err(error),
    };
    (address, heard)
}

/// What a failure to connect says.
fn outcome(error: &io::Error) -> DialOutcome {
    if error.kind() == ErrorKind::ConnectionRefused {
        DialOutcome::Refused
    } else if error.kind() == ErrorKind::TimedOut {
        DialOutcome::TimedOut
    } else if error.kind() == ErrorKind::UnexpectedEof {
        DialOutcome::Ended
    } else if matches!(error.kind(), ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) {
        DialOutcome::Unreachable { said: reason(error) }
    } else {
        DialOutcome::NotConnected { said: reason(error) }
    }
}

/// The system's words without its number.
fn reason(error: &io::Error) -> String {
    let said = error.to_string();
    said.split(" (os error").next().unwrap_or(&said).to_lowercase()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;
    use crate::domain::reason::Reason;
    use crate::wording::english;

    const LONG: Duration = Duration::from_secs(20);

    async fn race(addresses: &[SocketAddr], speaks_first: bool) -> Option<SocketAddr> {
        let mut race = Race::new(addresses.iter().copied().collect(), speaks_first, STAGGER);
        let stream = tokio::time::timeout(LONG, race.run()).await.ok()??;
        stream.peer_addr().ok()
    }

    /// Takes no connection: its queue is full.
    async fn deaf() -> (TcpListener, Vec<TcpStream>, SocketAddr) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut held = Vec::new();
        while let Ok(Ok(stream)) = tokio::time::timeout(STAGGER, TcpStream::connect(address)).await {
            held.push(stream);
        }
        (listener, held, address)
    }

    async fn speaker(words: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.write_all(words).await.unwrap();
                held.push(stream);
            }
        });
        address
    }

    async fn refusing() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
    }

    #[tokio::test]
    async fn a_silent_address_and_one_that_refuses_do_not_hold_up_the_next() {
        let (_listener, _held, deaf) = deaf().await;
        let well = speaker(b"SSH-2.0-x\r\n").await;
        assert_eq!(race(&[deaf, well], false).await, Some(well));
        assert_eq!(race(&[refusing().await, deaf, well], true).await, Some(well));
        assert_eq!(race(&[refusing().await], true).await, None);
    }

    #[tokio::test]
    async fn a_silent_server_loses_against_one_that_speaks() {
        let (mute, well) = (speaker(b"").await, speaker(b"SSH-2.0-x\r\n").await);
        assert_eq!(race(&[mute, well], true).await, Some(well));
        // The last one left may be slow.
        assert_eq!(race(&[mute, refusing().await], true).await, Some(mute));
    }

    #[tokio::test]
    async fn every_address_is_told_with_its_cause() {
        let (_listener, _held, deaf) = deaf().await;
        let refusing = refusing().await;
        let limit = Duration::from_millis(600);
        let dial = Dial { host: "db.example.com", port: 5432, limit, speaks_first: false };
        let mut race = Race::new([deaf, refusing].into(), false, STAGGER);
        assert!(tokio::time::timeout(limit, race.run()).await.is_err());
        let said = english(&Reason::NotConnected { fault: race.fault(dial) });
        assert_eq!(
            said,
            "none of the addresses of db.example.com:5432 answers: 127.0.0.1 did not answer within 600 ms; \
             127.0.0.1 refuses the connection: nothing listens there"
        );
        let dial = Dial { host: "127.0.0.1", port: refusing.port(), ..dial };
        let said = english(&Reason::NotConnected { fault: dial.connect().await.unwrap_err() });
        assert_eq!(said, format!("{refusing} refuses the connection: nothing listens there"));
        let dial = Dial { host: "no-such-name.invalid", limit: LONG, ..dial };
        let fault = dial.connect().await.unwrap_err();
        assert!(matches!(&fault, DialFault::Unresolved { name, .. } if name == "no-such-name.invalid"), "{fault:?}");
    }

    #[test]
    fn both_families_take_turns() {
        let addresses = ["[::1]:1", "[::2]:1", "[::2]:1", "127.0.0.1:1", "127.0.0.2:1"].map(|a| a.parse().unwrap());
        let order: Vec<_> = interleaved(addresses.into_iter()).iter().map(ToString::to_string).collect();
        assert_eq!(order, ["[::1]:1", "127.0.0.1:1", "[::2]:1", "127.0.0.2:1"]);
    }
}
