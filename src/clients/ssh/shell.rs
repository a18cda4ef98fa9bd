//! A shell on a channel of its own: it is asked for, it is given its script, and it is heard.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use secrecy::ExposeSecret;

use super::connection::{Connection, Opened};
use super::script::{COMMAND, Input};
use super::start::{Start, opened, unopened};
use super::{lost, tunnel};
use crate::clients::transport::TransportError;
use crate::domain::fault::ssh::{Reached, SshFault};

/// How long a shell may take to end when its input has ended.
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);
/// What is kept of the words of start-up files, in case that the script never speaks: so many bytes.
const MAX_NOISE_BYTES: usize = 8 * 1024;
/// … and of the standard error, so many messages; a host sends up to 32 KiB in each.
const MAX_EARLY_MESSAGES: usize = 8;

pub(super) struct Shell {
    opened: Opened,
    read: ChannelReadHalf,
    write: ChannelWriteHalf<Msg>,
    /// What it has said already and was not read yet.
    early: VecDeque<ChannelMsg>,
}

impl Shell {
    /// Opens its channel.
    pub(super) async fn open(connection: &Arc<Connection>) -> Result<Self, Start> {
        let channel = opened(connection, connection.handle.channel_open_session()).await.map_err(|error| {
            if let russh::Error::ChannelOpenFailure(why) = &error {
                Start::Full(tunnel::refusal(why))
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

    /// Asks for the shell, and sends it the script at once if there is one.
    pub(super) async fn start(&mut self, input: Option<&Input>) -> Result<(), TransportError> {
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
            Ok(Ok(Some(false))) => Err(TransportError::Start(SshFault::CommandsForbidden.into())),
            Ok(Ok(None) | Err(_)) => Err(lost(self.connection())),
            Err(_) => Err(self.late(|at, limit| SshFault::CommandLate { at, limit })),
        }
    }

    /// Gives the script to a shell that waits for it.
    pub(super) async fn feed(&self, input: &Input) -> Result<(), TransportError> {
        match tokio::time::timeout(self.connection().target().limits.open, self.send(input)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(lost(self.connection())),
            Err(_) => Err(self.late(|at, limit| SshFault::ScriptLate { at, limit })),
        }
    }

    async fn send(&self, input: &Input) -> Result<(), russh::Error> {
        self.write.data_bytes(Bytes::from(input.text.expose_secret().as_bytes().to_vec())).await?;
        self.write.eof().await
    }

    /// Waits until the script says its first word. What start-up files have printed before is no output of the script;
    /// where it never speaks, that may tell why.
    pub(super) async fn until_script(&mut self, word: &str) -> Result<(), TransportError> {
        let limit = self.connection().target().limits.open;
        match tokio::time::timeout(limit, self.until_word(word.as_bytes())).await {
            Ok(()) => Ok(()),
            Err(_) => {
                let at = self.connection().target().at();
                Err(TransportError::Died(SshFault::ShellSilent { at, limit }.into()))
            }
        }
    }

    async fn until_word(&mut self, word: &[u8]) {
        let mut noise: Vec<u8> = Vec::new();
        while let Some(message) = self.read.wait().await {
            if let ChannelMsg::Data { data } = message {
                noise.extend_from_slice(&data);
                if let Some(at) = noise.windows(word.len()).position(|part| part == word) {
                    let output = Bytes::from(noise.split_off(at + word.len()));
                    self.early.push_back(ChannelMsg::Data { data: output });
                    return;
                }
                // The word may be cut at the end.
                noise.drain(..noise.len().saturating_sub(MAX_NOISE_BYTES));
            } else if matches!(message, ChannelMsg::Close) {
                self.early.extend([ChannelMsg::Data { data: Bytes::from(noise) }, message]);
                return;
            } else if !matches!(message, ChannelMsg::ExtendedData { .. }) || self.early.len() < MAX_EARLY_MESSAGES {
                // The status may come before the output.
                self.early.push_back(message);
            }
        }
    }

    /// A host that does not answer gets no more channels on this connection.
    fn late(&self, fault: impl FnOnce(Reached, Duration) -> SshFault) -> TransportError {
        let connection = self.connection();
        connection.retire();
        TransportError::Died(fault(connection.target().at(), connection.target().limits.open).into())
    }

    /// What comes next; nothing if the connection has ended.
    pub(super) async fn hear(&mut self) -> Option<ChannelMsg> {
        match self.early.pop_front() {
            Some(message) => Some(message),
            None => self.read.wait().await,
        }
    }

    /// Returns when the shell has ended. What it says without a script is dropped.
    pub(super) async fn until_useless(&mut self) {
        while let Some(ChannelMsg::Data { .. } | ChannelMsg::ExtendedData { .. } | ChannelMsg::WindowAdjusted { .. }) =
            self.read.wait().await
        {}
    }

    /// Ends a shell that got no script: without one it has nothing to do.
    pub(super) async fn dismiss(mut self) {
        let ending = async {
            let _ = self.write.eof().await;
            while self.read.wait().await.is_some() {}
        };
        if tokio::time::timeout(EXIT_TIMEOUT, ending).await.is_err() {
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
