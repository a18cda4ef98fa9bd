//! A script that a caller waits for: it is run in a shell, and what the shell says is passed on.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use russh::{ChannelMsg, Sig};
use tokio::sync::{mpsc, oneshot};

use super::connection::{Connection, Slot};
use super::lost;
use super::script::Input;
use super::shell::Shell;
use super::start::Start;
use crate::clients::transport::TransportError;
use crate::domain::fault::ssh::SshFault;

/// A script without a reader may end by itself within this: most have just said all they had to say.
const UNREAD_EXIT_TIMEOUT: Duration = Duration::from_secs(1);
/// SSH's number for the standard error.
const STDERR: u32 = 1;

/// A script that a caller waits for, and where its result goes.
pub(super) struct Order {
    pub slot: Slot,
    pub input: Input,
    /// Called when the script has started.
    pub started: fn(&Arc<Connection>),
    pub ready: oneshot::Sender<Result<(), Start>>,
    pub ended: oneshot::Sender<Result<i32, TransportError>>,
    pub released: mpsc::Receiver<Infallible>,
    pub out: mpsc::Sender<io::Result<Bytes>>,
    pub err: mpsc::Sender<io::Result<Bytes>>,
}

impl Order {
    pub(super) fn connection(&self) -> &Arc<Connection> {
        self.slot.connection()
    }

    /// Runs the script in a shell that is opened for it.
    pub(super) async fn run(self) {
        let mut shell = match Shell::open(self.connection()).await {
            Ok(shell) => shell,
            Err(why) => {
                // First, so that a caller that gets the error sees the slot free.
                drop(self.slot);
                let _ = self.ready.send(Err(why));
                return;
            }
        };
        let answer = shell.start(Some(&self.input)).await;
        self.follow(shell, answer).await;
    }

    /// Runs the script in a shell that waits for it already.
    pub(super) async fn run_in(self, shell: Shell) {
        let answer = shell.feed(&self.input).await;
        self.follow(shell, answer).await;
    }

    async fn follow(mut self, mut shell: Shell, mut answer: Result<(), TransportError>) {
        if answer.is_ok() {
            answer = shell.until_script(&self.input.word).await;
        }
        let started = answer.is_ok();
        let gone = self.ready.send(answer.map_err(Start::Failed)).is_err();
        if started && !gone {
            (self.started)(self.slot.connection());
            if pump(&mut shell, self.ended, &mut self.released, &self.out, &self.err).await {
                return;
            }
        }
        // No reader is left.
        shell.close().await;
    }
}

/// Passes on what comes. False if no reader was left long before the end.
async fn pump(
    shell: &mut Shell,
    ended: oneshot::Sender<Result<i32, TransportError>>,
    released: &mut mpsc::Receiver<Infallible>,
    out: &mpsc::Sender<io::Result<Bytes>>,
    err: &mpsc::Sender<io::Result<Bytes>>,
) -> bool {
    let mut abandoned = std::pin::pin!(async {
        let _ = released.recv().await;
        tokio::time::sleep(UNREAD_EXIT_TIMEOUT).await;
    });
    let mut status = None;
    let complete = loop {
        let message = tokio::select! {
            message = shell.hear() => message,
            () = &mut abandoned => return false,
        };
        let Some(message) = message else { break false };
        // A reader that is gone is no reason to stop the script.
        if let ChannelMsg::Data { data } = message {
            let _ = out.send(Ok(data)).await;
        } else if let ChannelMsg::ExtendedData { data, ext: STDERR } = message {
            let _ = err.send(Ok(data)).await;
        } else if let ChannelMsg::ExitStatus { exit_status } = message {
            status = Some(i32::try_from(exit_status).unwrap_or(-1));
        } else if let ChannelMsg::ExitSignal { signal_name, .. } = message {
            status = Some(128 + number(&signal_name));
        } else if matches!(message, ChannelMsg::Close) {
            break true;
        }
    };
    if status.is_some() {
        shell.connection().spare.allow();
    }
    let error = || {
        if complete { TransportError::Died(SshFault::NoStatus.into()) } else { lost(shell.connection()) }
    };
    let _ = ended.send(status.ok_or_else(error));
    if !complete {
        let broken = || Err(io::Error::other(error()));
        let _ = tokio::join!(out.send(broken()), err.send(broken()));
    }
    true
}

fn number(signal: &Sig) -> i32 {
    match signal {
        Sig::HUP => 1,
        Sig::INT => 2,
        Sig::QUIT => 3,
        Sig::ILL => 4,
        Sig::ABRT => 6,
        Sig::FPE => 8,
        Sig::KILL => 9,
        Sig::USR1 => 10,
        Sig::SEGV => 11,
        Sig::PIPE => 13,
        Sig::ALRM => 14,
        Sig::TERM => 15,
        Sig::Custom(_) => 0,
    }
}
