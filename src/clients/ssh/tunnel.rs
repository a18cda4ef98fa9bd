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
use super::{Fault, Jump, Target, seconds};
use crate::clients::transport::TransportError;
use crate::domain::host::Address;
use crate::domain::reason::Reason;

/// Why there is no tunnel.
pub(super) enum NotOpened {
    /// The host says no, and perhaps why.
    Refused(ChannelOpenFailure, String),
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
                let said = if came { words.borrow().clone() } else { String::new() };
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

const FAILED: &str = "The SSH client failed; this is a fault of RMM.";

impl NotOpened {
    /// For a caller that wanted to reach `host:port` from the host.
    pub(super) fn for_caller(self, from: &Connection, host: &str, port: u16, limit: Duration) -> TransportError {
        let place = from.target().place();
        let wanted = Address { host: host.to_owned(), port };
        match self {
            Self::Refused(ChannelOpenFailure::AdministrativelyProhibited, _) => {
                TransportError::Forbidden(Reason::told(format!(
                    "{place} does not allow RMM to reach {wanted} through it. Set AllowTcpForwarding to local (and \
                 PermitOpen accordingly) in its sshd_config."
                )))
            }
            Self::Refused(ChannelOpenFailure::ConnectFailed, said) => {
                let said = if said.is_empty() { "nothing listens or answers there" } else { &said };
                TransportError::Refused(Reason::told(format!(
                    "{wanted}, as {place} sees it, takes no connection: {said}."
                )))
            }
            Self::Refused(ChannelOpenFailure::Other { reason, .. }, _) => {
                TransportError::Refused(Reason::told(format!("{wanted} cannot be reached from {place}: {reason}.")))
            }
            Self::Refused(why @ (ChannelOpenFailure::UnknownChannelType | ChannelOpenFailure::ResourceShortage), _) => {
                TransportError::Refused(Reason::told(format!(
                    "{wanted} cannot be reached from {place}: {}.",
                    unopened(&why)
                )))
            }
            Self::Late => TransportError::Silent(Reason::told(Self::late(from.target(), host, port, limit))),
            Self::Lost => TransportError::Unreachable(Reason::told(lost(from))),
            Self::Failed => TransportError::Unreachable(Reason::told(FAILED)),
        }
    }

    /// That nothing was said within `limit`, for a caller that wanted to reach `host:port` from the host.
    pub(super) fn late(from: &Target, host: &str, port: u16, limit: Duration) -> String {
        let (place, wanted) = (from.place(), Address { host: host.to_owned(), port });
        let unknown = perhaps_unknown(host, "it");
        format!("{wanted}, as {place} sees it, did not answer within {}{unknown}.", seconds(limit))
    }

    /// For a caller that wants to go on to another host.
    pub(super) fn on_the_way(self, from: &Connection, target: &Target, jump: &Jump, limit: Duration) -> Fault {
        let (wanted, bastion) = (&target.address, &jump.host);
        let here = |fault| Fault::Jump { host: bastion.clone(), fault: Box::new(fault) };
        match self {
            Self::Refused(ChannelOpenFailure::AdministrativelyProhibited, _) => here(Fault::Login(format!(
                "it does not allow RMM to go on to {wanted}. Set AllowTcpForwarding to local (and PermitOpen accordingly) \
                 in its sshd_config"
            ))),
            Self::Refused(ChannelOpenFailure::ConnectFailed, said) => {
                let unsaid = format!("it refuses, does not answer, or {bastion} does not know its name");
                let said = if said.is_empty() { &unsaid } else { &said };
                Fault::Unreachable(format!("{wanted} cannot be reached from the jump host {bastion}: {said}."))
            }
            Self::Refused(ChannelOpenFailure::Other { reason, .. }, _) => {
                Fault::Unreachable(format!("{wanted} cannot be reached from the jump host {bastion}: {reason}."))
            }
            Self::Refused(why @ (ChannelOpenFailure::UnknownChannelType | ChannelOpenFailure::ResourceShortage), _) => {
                Fault::Unreachable(format!(
                    "{wanted} cannot be reached from the jump host {bastion}: {}.",
                    unopened(&why)
                ))
            }
            Self::Late => Fault::Unreachable(format!(
                "{} did not answer within {}{}.",
                target.place(),
                seconds(limit),
                perhaps_unknown(&wanted.host, bastion.as_str())
            )),
            Self::Lost => here(Fault::Unreachable(lost(from))),
            Self::Failed => Fault::Unreachable(FAILED.to_owned()),
        }
    }
}

/// Why a host opens no channel, as the end of a sentence.
pub(super) fn unopened(why: &ChannelOpenFailure) -> &str {
    match why {
        ChannelOpenFailure::AdministrativelyProhibited => "its configuration does not allow it",
        ChannelOpenFailure::ConnectFailed => "it could not connect",
        ChannelOpenFailure::UnknownChannelType => "it does not know channels of this kind",
        ChannelOpenFailure::ResourceShortage => "it is short of resources",
        ChannelOpenFailure::Other { reason, .. } => reason,
    }
}

/// What else silence may mean where the host has to ask for a name.
fn perhaps_unknown(name: &str, host: &str) -> String {
    if name.parse::<IpAddr>().is_ok() {
        return String::new();
    }
    format!("; perhaps no name server tells {host} what {name} is")
}

fn lost(connection: &Connection) -> String {
    format!("The connection to the host was lost: {}.", connection.why_it_ended())
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
