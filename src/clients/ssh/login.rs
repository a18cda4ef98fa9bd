//! The login: by password or by key, whichever the admin chose, and what can go wrong.

use std::sync::Arc;

use russh::MethodKind;
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse as Interactive};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, decode_secret_key};
use secrecy::{ExposeSecret, SecretString};

use super::guard::Guard;
use super::{Credential, Fault, Target};
use crate::domain::fault::ssh::{LoginFault, PrivateKeyFault, SshFault};

/// What is shown to the host.
pub(super) enum Proof {
    Password(SecretString),
    Key(Arc<PrivateKey>),
}

/// Reads the credential, before any host is called.
pub(super) async fn proof(target: &Target) -> Result<Proof, Fault> {
    match &target.credential {
        Credential::Password(password) => Ok(Proof::Password(password.clone())),
        Credential::Key { key, passphrase } => {
            let (key, passphrase) = (key.clone(), passphrase.clone());
            // Keys with a passphrase are slow to open on purpose.
            let decoded = tokio::task::spawn_blocking(move || decode(&key, passphrase.as_ref())).await;
            match decoded.unwrap_or(Err(PrivateKeyFault::Unreadable)) {
                Ok(key) => Ok(Proof::Key(Arc::new(key))),
                Err(fault) => Err(no_login(target, LoginFault::PrivateKey { fault })),
            }
        }
    }
}

pub(super) fn decode(key: &SecretString, passphrase: Option<&SecretString>) -> Result<PrivateKey, PrivateKeyFault> {
    let key = key.expose_secret().replace('\r', "");
    let key = key.trim();
    if key.starts_with("ssh-") || key.starts_with("ecdsa-") {
        return Err(PrivateKeyFault::Public);
    }
    if !key.contains("-----BEGIN ") && !key.starts_with("PuTTY-") {
        return Err(PrivateKeyFault::NoKey);
    }
    decode_secret_key(key, passphrase.map(ExposeSecret::expose_secret)).map_err(|error| {
        use russh::keys::Error;
        let encrypted = key.contains("ENCRYPTED");
        match (error, passphrase) {
            (Error::KeyIsEncrypted, _) => PrivateKeyFault::NoPassphrase,
            (Error::SshKey(russh::keys::ssh_key::Error::Crypto), Some(_)) => PrivateKeyFault::WrongPassphrase,
            (_, Some(_)) if encrypted => PrivateKeyFault::NotOpened,
            (_, None) if encrypted => PrivateKeyFault::NoPassphrase,
            // The library's texts could quote the key.
            (_, _) => PrivateKeyFault::Unreadable,
        }
    })
}

fn no_login(target: &Target, fault: LoginFault) -> Fault {
    Fault::Login(SshFault::Login { user: target.user.clone(), at: target.at(), fault })
}

/// Logs in, or says why not and what to do.
pub(super) async fn log_in(handle: &mut Handle<Guard>, target: &Target, proof: Proof) -> Result<(), Fault> {
    match proof {
        Proof::Password(password) => with_password(handle, target, &password).await,
        Proof::Key(key) => with_key(handle, target, key).await,
    }
}

fn broken(target: &Target, error: &russh::Error) -> Fault {
    Fault::Unreachable(SshFault::LoginCut { at: target.at(), said: error.to_string() })
}

/// Explains a refusal: the host did not let RMM in for this reason, if it is not that it allows no such login at all.
fn refused(
    handle: &Handle<Guard>,
    target: &Target,
    fault: LoginFault,
    kind: MethodKind,
    allowed: &[MethodKind],
) -> Fault {
    let fault = if allowed.is_empty() && handle.is_closed() {
        LoginFault::Ended
    } else if allowed.is_empty() || allowed.contains(&kind) {
        fault
    } else {
        LoginFault::Method { method: name(&kind), allowed: allowed.iter().map(name).collect() }
    };
    no_login(target, fault)
}

fn name(method: &MethodKind) -> String {
    <&str>::from(method).to_owned()
}

async fn with_password(handle: &mut Handle<Guard>, target: &Target, password: &SecretString) -> Result<(), Fault> {
    let answer = handle.authenticate_password(&target.user, password.expose_secret()).await;
    let (allowed, partial) = match answer.map_err(|error| broken(target, &error))? {
        AuthResult::Success => return Ok(()),
        AuthResult::Failure { remaining_methods, partial_success } => (remaining_methods, partial_success),
    };
    if partial {
        return Err(second_proof(target, &allowed));
    }
    if allowed.contains(&MethodKind::Password) || !allowed.contains(&MethodKind::KeyboardInteractive) {
        return Err(refused(handle, target, LoginFault::Password, MethodKind::Password, &allowed));
    }
    // Some hosts ask for the password this way only.
    let mut answered = false;
    let mut said = handle.authenticate_keyboard_interactive_start(&target.user, None).await;
    loop {
        match said.map_err(|error| broken(target, &error))? {
            Interactive::Success => return Ok(()),
            Interactive::Failure { remaining_methods, partial_success: true } => {
                return Err(second_proof(target, &remaining_methods));
            }
            Interactive::Failure { partial_success: false, .. } => {
                return Err(no_login(target, LoginFault::Password));
            }
            Interactive::InfoRequest { prompts, .. } => {
                let responses = match prompts.as_slice() {
                    [] => Vec::new(),
                    [prompt] if !prompt.echo && !answered => {
                        answered = true;
                        vec![password.expose_secret().to_owned()]
                    }
                    [..] => {
                        return Err(no_login(target, LoginFault::MoreThanPassword));
                    }
                };
                said = handle.authenticate_keyboard_interactive_respond(responses).await;
            }
        }
    }
}

async fn with_key(handle: &mut Handle<Guard>, target: &Target, key: Arc<PrivateKey>) -> Result<(), Fault> {
    let hashes = if key.algorithm().is_rsa() {
        match handle.best_supported_rsa_hash().await.map_err(|error| broken(target, &error))? {
            Some(Some(hash)) => vec![Some(hash)],
            // Never SHA-1.
            Some(None) | None => vec![Some(HashAlg::Sha512), Some(HashAlg::Sha256)],
        }
    } else {
        vec![None]
    };
    let mut allowed = None;
    for hash in hashes {
        let key = PrivateKeyWithHashAlg::new(Arc::clone(&key), hash);
        let answer = handle.authenticate_publickey(&target.user, key).await;
        match answer.map_err(|error| broken(target, &error))? {
            AuthResult::Success => return Ok(()),
            AuthResult::Failure { remaining_methods, partial_success: true } => {
                return Err(second_proof(target, &remaining_methods));
            }
            AuthResult::Failure { remaining_methods, partial_success: false } => allowed = Some(remaining_methods),
        }
    }
    let public = key.public_key();
    let line = public.to_openssh().unwrap_or_default().trim_end().to_owned();
    let fault = LoginFault::Key { fingerprint: public.fingerprint(HashAlg::Sha256).to_string(), line };
    let allowed = allowed.as_deref().unwrap_or(&[]);
    Err(refused(handle, target, fault, MethodKind::PublicKey, allowed))
}

fn second_proof(target: &Target, allowed: &[MethodKind]) -> Fault {
    no_login(target, LoginFault::SecondProof { wanted: allowed.iter().map(name).collect() })
}
