//! A TCP connection from the host to something it can reach.

use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use russh::client::Msg;
use russh::{ChannelOpenFailure, ChannelStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use super::connection::{Connection, Slot};
use super::{Fault, Jump, Target};
use crate::clients::transport::TransportError;
use crate::domain::fault::ssh::{AsksFor, ChannelRefusal, SshFault};
use crate::domain::host::Address;
use crate::domain::ids::HostName;
use crate::domain::reason::Reason;

/// Why there is no tunnel.
pub(super) enum NotOpened {
    /// The host says no, and perhaps why.
    Refused(ChannelOpenFailure, Option<String>),
    /// It said nothing in time.
    Late,
    /// The connection to it ended.
    Lost,
    /// A fault of RMM.
    Failed,
}

/// Opens a tunnel. As a task, so that a caller who gives up leaves nothing open: an answer that comes later finds that
/// its caller is gone. The host may take minutes to try an address that is silent.
pub(super) async fn open(mut slot: Slot, host: String, port: u16, limit: Duration) -> Result<Tunnel, NotOpened> {
    let (ready, answer) = oneshot::channel();
    tokio::spawn(async move {
        let connection = Arc::clone(slot.connection());
        let notes = connection.notes();
        let mut words = notes.unopened.subscribe();
        let alone = notes.asked.fetch_add(1, Ordering::SeqCst) == 0;
        let opening = connection.handle.channel_open_direct_tcpip(host.as_str(), u32::from(port), "127.0.0.1", 0);
        let mut opening = pin!(opening);
        let opened = match tokio::time::timeout(OPEN_GRACE, &mut opening).await {
            Ok(opened) => opened,
            Err(_) => {
                slot.may_look_up(&host);
                opening.await
            }
        };
        slot.answered(&host, opened.is_ok());
        let alone = notes.asked.fetch_sub(1, Ordering::SeqCst) == 1 && alone;
        let opened = match opened {
            Ok(channel) => Ok(Tunnel { stream: channel.into_stream(), _slot: slot }),
            Err(russh::Error::ChannelOpenFailure(why)) => {
                // The words come a moment after the refusal. Whose they are is not told, so they count only where no
                // other caller has asked meanwhile.
                let came = alone
                    && tokio::time::timeout(REFUSAL_TEXT_TIMEOUT, words.changed()).await.is_ok_and(|came| came.is_ok());
                let said = came.then(|| words.borrow().clone()).filter(|said| !said.is_empty());
                Err(NotOpened::Refused(why, said))
            }
            Err(_) => Err(NotOpened::Lost),
        };
        let _ = ready.send(opened);
    });
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(_)) => Err(NotOpened::Failed),
        Err(_) => Err(NotOpened::Late),
    }
}

/// A host that knows a name opens a tunnel within this time, or is about to.
const OPEN_GRACE: Duration = Duration::from_secs(1);

/// How long the host's words about a refusal are waited for.
const REFUSAL_TEXT_TIMEOUT: Duration = Duration::from_millis(100);

impl NotOpened {
    /// For a caller that wanted to reach `host:port` from the host.
    pub(super) fn for_caller(self, from: &Connection, host: &str, port: u16, limit: Duration) -> TransportError {
        let at = from.target().at();
        let wanted = Address { host: host.to_owned(), port }.to_string();
        match self {
            Self::Refused(ChannelOpenFailure::AdministrativelyProhibited, _) => {
                TransportError::Forbidden(SshFault::ForwardingForbidden { at, wanted }.into())
            }
            Self::Refused(ChannelOpenFailure::ConnectFailed, said) => {
                TransportError::Refused(SshFault::NotTaken { at, wanted, said }.into())
            }
            Self::Refused(why, _) => {
                TransportError::Refused(SshFault::NotForwarded { at, wanted, why: refusal(&why) }.into())
            }
            Self::Late => TransportError::Silent(Self::late(from.target(), host, port, limit)),
            Self::Lost => TransportError::Unreachable(SshFault::Lost { end: from.end() }.into()),
            Self::Failed => TransportError::Unreachable(SshFault::ClientFailed { address: None }.into()),
        }
    }

    /// That nothing was said within `limit`, for a caller that wanted to reach `host:port` from the host.
    pub(super) fn late(from: &Target, host: &str, port: u16, limit: Duration) -> Reason {
        let wanted = Address { host: host.to_owned(), port }.to_string();
        SshFault::WantedLate { at: from.at(), wanted, limit, asks: asks_for(host, None) }.into()
    }

    /// For a caller that wants to go on to another host.
    pub(super) fn on_the_way(self, from: &Connection, target: &Target, jump: &Jump, limit: Duration) -> Fault {
        let (wanted, jump) = (target.address.to_string(), jump.host.clone());
        let here = |fault, jump| Fault::Jump { host: jump, fault: Box::new(fault) };
        Fault::Unreachable(match self {
            Self::Refused(ChannelOpenFailure::AdministrativelyProhibited, _) => {
                return here(Fault::Login(SshFault::JumpForbidden { wanted }), jump);
            }
            Self::Refused(ChannelOpenFailure::ConnectFailed, said) => SshFault::NotTakenBehind { jump, wanted, said },
            Self::Refused(why, _) => SshFault::NotForwardedBehind { jump, wanted, why: refusal(&why) },
            Self::Late => SshFault::Late { at: target.at(), limit, asks: asks_for(&target.address.host, Some(&jump)) },
            Self::Lost => return here(Fault::Unreachable(SshFault::Lost { end: from.end() }), jump),
            Self::Failed => SshFault::ClientFailed { address: None },
        })
    }
}

/// Why a host opens no channel.
pub(super) fn refusal(why: &ChannelOpenFailure) -> ChannelRefusal {
    match why {
        ChannelOpenFailure::AdministrativelyProhibited => ChannelRefusal::Forbidden,
        ChannelOpenFailure::ConnectFailed => ChannelRefusal::NotConnected,
        ChannelOpenFailure::UnknownChannelType => ChannelRefusal::UnknownKind,
        ChannelOpenFailure::ResourceShortage => ChannelRefusal::ShortOfResources,
        ChannelOpenFailure::Other { reason, .. } => ChannelRefusal::Other { said: reason.to_string() },
    }
}

/// What silence may mean where a host has to ask for a name.
fn asks_for(name: &str, host: Option<&HostName>) -> Option<AsksFor> {
    name.parse::<IpAddr>().is_err().then(|| AsksFor { name: name.to_owned(), host: host.cloned() })
}

/// A connection from a host to something that it can reach. Dropping it closes it.
pub struct Tunnel {
    stream: ChannelStream<Msg>,
    _slot: Slot,
}

impl AsyncRead for Tunnel {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
