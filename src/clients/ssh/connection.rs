//! One connection to a host, logged in, and its end.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::Disconnect;
use russh::client::Handle;
use tokio::sync::watch;

use super::guard::{Guard, HowEnded, Notes};
use super::line::Line;
use super::memory::Memory;
use super::spare::Spares;
use super::{Target, locked};
use crate::domain::fault::ssh::ConnectionEnd;
use crate::domain::host::HostKey;
use crate::telemetry::metrics::{self, SshConnection};

/// How long the disconnect may take.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Channels on one connection, unless the host allows fewer. sshd allows ten sessions.
pub(super) const CHANNELS: usize = 8;

/// A host that has shown a trusted key.
pub(super) struct Met {
    pub handle: Handle<Guard>,
    pub line: Line,
    /// The connection to the host on the way.
    pub through: Option<Arc<Connection>>,
    pub notes: Arc<Notes>,
    pub key: HostKey,
}

/// A connection after login. Dropping it cuts it.
pub(super) struct Connection {
    pub(super) handle: Handle<Guard>,
    notes: Arc<Notes>,
    #[cfg_attr(not(test), expect(dead_code, reason = "it is cut when it is dropped"))]
    line: Line,
    /// The connection to the host on the way.
    through: Option<Arc<Connection>>,
    target: Arc<Target>,
    used: watch::Sender<usize>,
    /// How many of them are tunnels.
    tunnels: AtomicUsize,
    /// Names that the host is asking for.
    lookups: AtomicUsize,
    memory: Arc<Mutex<Memory>>,
    /// A channel was open on it at some time.
    served: AtomicBool,
    retired: AtomicBool,
    /// Channels that are open on it: what it can carry at least.
    opened: AtomicUsize,
    pub(super) spare: Spares,
    _counted: SshConnection,
}

/// What a slot is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A shell.
    Session,
    /// A TCP connection from the host.
    Tunnel,
    /// The same to a name that the host may not know. sshd does nothing else on a connection while it asks for a name, so
    /// no other call may use it until it has the answer.
    Lookup,
}

/// The right to open one channel. The connection counts as used until it is dropped.
pub(super) struct Slot(Arc<Connection>, Kind);

/// A channel is open.
pub(super) struct Opened(Arc<Connection>);

impl Connection {
    /// A connection that has logged in.
    pub(super) fn new(met: Met, target: Arc<Target>, memory: Arc<Mutex<Memory>>) -> Self {
        let Met { handle, line, through, notes, .. } = met;
        let (used, _) = watch::channel(0);
        let (served, retired) = (AtomicBool::new(false), AtomicBool::new(false));
        let [tunnels, lookups, opened] = [const { AtomicUsize::new(0) }; 3];
        let spare = Spares::default();
        let _counted = metrics::of_process().ssh_connected();
        Self {
            handle,
            notes,
            line,
            through,
            target,
            used,
            tunnels,
            lookups,
            memory,
            served,
            retired,
            opened,
            spare,
            _counted,
        }
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

    /// The tunnels through it, and the right to more.
    pub(super) fn tunnels(&self) -> usize {
        self.tunnels.load(Ordering::SeqCst)
    }

    /// Whether the host may be asking for a name, and so does nothing else on it.
    pub(super) fn looks_up(&self) -> bool {
        self.lookups.load(Ordering::SeqCst) > 0
    }

    /// The other channels on it, and the right to more.
    pub(super) fn used(&self) -> usize {
        self.used.borrow().saturating_sub(self.tunnels())
    }

    pub(super) fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }

    /// Tells how many channels it carries.
    pub(super) fn watch(&self) -> watch::Receiver<usize> {
        self.used.subscribe()
    }

    pub(super) fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Whether it is known why it ended.
    pub(super) fn has_ended(&self) -> bool {
        locked(&self.notes.ended).is_some() || self.through().is_some_and(Self::has_ended)
    }

    fn through(&self) -> Option<&Self> {
        self.through.as_deref()
    }

    /// How it ended; by the host on the way, if the end came from there.
    pub(super) fn end(&self) -> ConnectionEnd {
        if let (Some(jump), Some(through)) = (&self.target.jump, self.through())
            && through.has_ended()
        {
            let address = self.target.address.to_string();
            return ConnectionEnd::OfJump { address, jump: jump.host.clone(), end: Box::new(through.end()) };
        }
        let at = self.target.at();
        match locked(&self.notes.ended).clone() {
            None => ConnectionEnd::Unknown { at },
            Some(HowEnded::ByHost(said)) => ConnectionEnd::ByHost { at, said },
            Some(HowEnded::Silent) => ConnectionEnd::Silent { at },
            Some(HowEnded::Broken(said)) => ConnectionEnd::Broken { at, said },
        }
    }

    /// Says goodbye.
    pub(super) async fn close(&self) {
        self.retire();
        let disconnect = self.handle.disconnect(Disconnect::ByApplication, "", "");
        let _ = tokio::time::timeout(DISCONNECT_TIMEOUT, disconnect).await;
    }

    /// Ends it at once, as a broken line would.
    #[cfg(test)]
    pub(super) fn cut(&self) {
        self.line.cut();
    }
}

impl Slot {
    pub(super) fn new(connection: &Arc<Connection>, kind: Kind) -> Self {
        if kind != Kind::Session {
            connection.tunnels.fetch_add(1, Ordering::SeqCst);
        }
        if kind == Kind::Lookup {
            connection.lookups.fetch_add(1, Ordering::SeqCst);
        }
        connection.used.send_modify(|used| *used += 1);
        Self(Arc::clone(connection), kind)
    }

    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.0
    }

    /// A tunnel to a name is long in coming: the host may be asking for it, though it knew it once.
    pub(super) fn may_look_up(&mut self, name: &str) {
        if self.1 == Kind::Tunnel && name.parse::<IpAddr>().is_err() {
            self.1 = Kind::Lookup;
            self.0.lookups.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// The host has said whether a tunnel is open. A name that it knew once does not keep it long another time.
    pub(super) fn answered(&mut self, name: &str, opened: bool) {
        if name.parse::<IpAddr>().is_err() {
            let names = &mut locked(&self.0.memory).names;
            if opened {
                names.insert(name.to_owned())
            } else {
                names.remove(name)
            };
        }
        if self.1 == Kind::Lookup {
            self.1 = Kind::Tunnel;
            self.0.lookups.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.1 != Kind::Session {
            self.0.tunnels.fetch_sub(1, Ordering::SeqCst);
        }
        if self.1 == Kind::Lookup {
            self.0.lookups.fetch_sub(1, Ordering::SeqCst);
        }
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
