//! What the host is answered while a connection is made and used, and what the connection's own task learns.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use russh::client::{self, DisconnectReason};
use russh::keys::{HashAlg, PublicKeyOrCertificate};
use russh::{ChannelId, ChannelOpenFailure};
use tokio::sync::watch;

use super::locked;
use crate::domain::host::{Fingerprint, HostKey};

/// How a connection ended, as far as its own task knows.
#[derive(Clone)]
pub(super) enum HowEnded {
    ByHost(String),
    Silent,
    Broken(String),
}

/// What the connection's own task has learned.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) offered: Mutex<Option<HostKey>>,
    pub(super) ended: Mutex<Option<HowEnded>>,
    /// Why the host opened no channel when it was asked for one last, in its own words.
    pub(super) unopened: watch::Sender<String>,
    /// Tunnels that are asked for and not answered yet.
    pub(super) asked: AtomicUsize,
}

/// Answers the host: only a trusted key will do.
pub(super) struct Guard {
    pub expected: Vec<Fingerprint>,
    pub notes: Arc<Notes>,
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
        let trusted = !certificate && self.expected.contains(&fingerprint);
        let algorithm = key.algorithm().as_str().to_owned();
        let algorithm = if certificate { format!("certificate of {algorithm}") } else { algorithm };
        *locked(&self.notes.offered) = Some(HostKey { algorithm, fingerprint });
        Ok(trusted)
    }

    async fn channel_open_failure(
        &mut self,
        _: ChannelId,
        _: ChannelOpenFailure,
        description: &str,
        _: &str,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        let words = description.chars().filter(|c| !c.is_control()).take(200).collect();
        self.notes.unopened.send_replace(words);
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Self::Error>) -> Result<(), Self::Error> {
        let (how, result) = match reason {
            DisconnectReason::ReceivedDisconnect(info) => (HowEnded::ByHost(info.message), Ok(())),
            DisconnectReason::Error(russh::Error::KeepaliveTimeout) => {
                (HowEnded::Silent, Err(russh::Error::KeepaliveTimeout))
            }
            DisconnectReason::Error(error) => (HowEnded::Broken(error.to_string()), Err(error)),
        };
        locked(&self.notes.ended).get_or_insert(how);
        result
    }
}
