//! A shell on a channel of its own: it is asked for, it is given its script, and it is heard.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use secrecy::{ExposeSecret, SecretString};

use super::channel::{Start, opened, unopened};
use super::connection::{Connection, Opened};
use super::script::COMMAND;
use super::{lost, seconds};
use crate::clients::transport::TransportError;

/// How long a shell may take to end when its input has ended.
const ENDING: Duration = Duration::from_secs(10);
/// Messages that may come before the script is there; a host sends up to 32 KiB in each.
const EARLY: usize = 32;

pub(super) struct Shell {
    opened: Opened,
    read: ChannelReadHalf,
    write: ChannelWriteHalf<Msg>,
    /// What it said before it had its script: start-up files may print.
    early: VecDeque<ChannelMsg>,
}

impl Shell {
    /// Opens its channel.
    pub(super) async fn open(connection: &Arc<Connection>) -> Result<Self, Start> {
        let channel = opened(connection, connection.handle.channel_open_session()).await.map_err(|error| {
            if let russh::Error::ChannelOpenFailure(why) = &error {
                Start::Full(format!("{why:?}"))
            } else {
                unopened(connection, &error)
            }
        })?;
        let (read, write) = channel.split();
        Ok(Self { opened: Opened::new(connection), read, write, early: VecDeque::new() })
    }

    pub(super) fn connection(&self) -> &Arc<Connection> {
        self.opened.connection()
    }

    /// Asks for the shell, and gives it the script in the same breath if there is one.
    pub(super) async fn start(&mut self, input: Option<&SecretString>) -> Result<(), TransportError> {
        let limit = self.connection().target().limits.open;
        let accepted = async {
            self.write.exec(true, COMMAND).await?;
            if let Some(input) = input {
                self.send(input).await?;
            }
            Ok::<_, russh::Error>(accepted(&mut self.read).await)
        };
        match tokio::time::timeout(limit, accepted).await {
            Ok(Ok(Some(true))) => Ok(()),
            Ok(Ok(Some(false))) => {
                let source = io::Error::other("its SSH server refuses to run commands for this user");
                Err(TransportError::Start { source })
            }
            Ok(Ok(None) | Err(_)) => Err(TransportError::Died { source: lost(self.connection()) }),
            Err(_) => Err(self.late("say", "whether it runs the command")),
        }
    }

    /// Gives the script to a shell that waits for it.
    pub(super) async fn feed(&self, input: &SecretString) -> Result<(), TransportError> {
        match tokio::time::timeout(self.connection().target().limits.open, self.send(input)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(TransportError::Died { source: lost(self.connection()) }),
            Err(_) => Err(self.late("take", "the script")),
        }
    }

    async fn send(&self, input: &SecretString) -> Result<(), russh::Error> {
        self.write.data_bytes(Bytes::from(input.expose_secret().as_bytes().to_vec())).await?;
        self.write.eof().await
    }

    /// A host that does not answer gets no more channels on this connection.
    fn late(&self, verb: &str, what: &str) -> TransportError {
        let connection = self.connection();
        connection.retire();
        let (address, limit) = (&connection.target().address, seconds(connection.target().limits.open));
        let sentence = format!("{address} did not {verb} within {limit} {what}");
        TransportError::Died { source: io::Error::new(io::ErrorKind::TimedOut, sentence) }
    }

    /// What comes next; nothing if the connection has ended.
    pub(super) async fn hear(&mut self) -> Option<ChannelMsg> {
        match self.early.pop_front() {
            Some(message) => Some(message),
            None => self.read.wait().await,
        }
    }

    /// Returns when the shell cannot be used any more: it has ended, or says too much without a script.
    pub(super) async fn until_useless(&mut self) {
        while self.early.len() < EARLY {
            let Some(message) = self.read.wait().await else { return };
            if matches!(message, ChannelMsg::Data { .. } | ChannelMsg::ExtendedData { .. }) {
                self.early.push_back(message);
            } else if !matches!(message, ChannelMsg::WindowAdjusted { .. }) {
                return;
            }
        }
    }

    /// Ends a shell that got no script: without one it has nothing to do.
    pub(super) async fn dismiss(mut self) {
        let ending = async {
            let _ = self.write.eof().await;
            while self.read.wait().await.is_some() {}
        };
        if tokio::time::timeout(ENDING, ending).await.is_err() {
            let _ = self.write.close().await;
        }
    }

    /// Leaves it to itself. The host's word that the channel is closed does not come this far.
    pub(super) async fn close(self) {
        let _ = self.write.close().await;
    }
}

/// Whether the host accepts the command; nothing if the connection ended.
async fn accepted(read: &mut ChannelReadHalf) -> Option<bool> {
    loop {
        let message = read.wait().await?;
        // Nothing else has a meaning yet.
        if matches!(message, ChannelMsg::Success | ChannelMsg::Failure) {
            return Some(matches!(message, ChannelMsg::Success));
        } else if matches!(message, ChannelMsg::Close) {
            return None;
        }
    }
}
