//! The login: by password or by key, whichever the admin chose, and sentences for what can go wrong.

use std::sync::Arc;

use russh::MethodKind;
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse as Interactive};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, decode_secret_key};
use secrecy::{ExposeSecret, SecretString};

use super::exchange::Guard;
use super::{Credential, Fault, Target};

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
            let unreadable = || Err("has a form that RMM cannot read; use a key made by ssh-keygen".to_owned());
            match decoded.unwrap_or_else(|_| unreadable()) {
                Ok(key) => Ok(Proof::Key(Arc::new(key))),
                Err(why) => Err(Fault::Login(format!("The private key for {} {why}.", whom(target)))),
            }
        }
    }
}

pub(super) fn decode(key: &SecretString, passphrase: Option<&SecretString>) -> Result<PrivateKey, String> {
    let key = key.expose_secret().replace('\r', "");
    let key = key.trim();
    if key.starts_with("ssh-") || key.starts_with("ecdsa-") {
        return Err("is a public key; give the private one (the file without .pub)".to_owned());
    }
    if !key.contains("-----BEGIN ") && !key.starts_with("PuTTY-") {
        return Err("is no private key in OpenSSH's or PEM format".to_owned());
    }
    decode_secret_key(key, passphrase.map(ExposeSecret::expose_secret)).map_err(|error| {
        use russh::keys::Error;
        let encrypted = key.contains("ENCRYPTED");
        match (error, passphrase) {
            (Error::KeyIsEncrypted, _) => {
                "needs a passphrase; give it as `passphrase` of the host in rmm.toml".to_owned()
            }
            (Error::SshKey(russh::keys::ssh_key::Error::Crypto), Some(_)) => {
                "cannot be opened: the passphrase is wrong".to_owned()
            }
            (_, Some(_)) if encrypted => "cannot be opened: the passphrase is wrong, or its form is unknown".to_owned(),
            (_, None) if encrypted => "needs a passphrase; give it as `passphrase` of the host in rmm.toml".to_owned(),
            // The library's texts could quote the key.
            (_, _) => "is damaged or has a form that RMM cannot read; use a key made by ssh-keygen".to_owned(),
        }
    })
}

fn whom(target: &Target) -> String {
    format!("{} at {}", target.user, target.place())
}

/// Logs in, or says why not and what to do.
pub(super) async fn log_in(handle: &mut Handle<Guard>, target: &Target, proof: Proof) -> Result<(), Fault> {
    match proof {
        Proof::Password(password) => with_password(handle, target, &password).await,
        Proof::Key(key) => with_key(handle, target, key).await,
    }
}

fn broken(target: &Target, error: &russh::Error) -> Fault {
    Fault::Unreachable(format!("{} ended the connection during the login: {error}.", target.place()))
}

/// Explains a refusal.
fn refused(handle: &Handle<Guard>, target: &Target, what: &str, kind: MethodKind, allowed: &[MethodKind]) -> Fault {
    let whom = whom(target);
    if allowed.is_empty() && handle.is_closed() {
        return Fault::Login(format!(
            "{} ended the connection during the login as {}; it may allow no login for this user, or fail too many.",
            target.place(),
            target.user
        ));
    }
    let names: Vec<&str> = allowed.iter().map(Into::into).collect();
    if !allowed.contains(&kind) && !names.is_empty() {
        let method: &str = (&kind).into();
        return Fault::Login(format!(
            "{whom} cannot log in by {method}: the host allows only {}. Change the host's login, or the host's sshd_config.",
            names.join(", ")
        ));
    }
    Fault::Login(format!("{whom}: {what}"))
}

async fn with_password(handle: &mut Handle<Guard>, target: &Target, password: &SecretString) -> Result<(), Fault> {
    const WRONG: &str = "the host did not accept the password. Check the user and the password.";
    let answer = handle.authenticate_password(&target.user, password.expose_secret()).await;
    let (allowed, partial) = match answer.map_err(|error| broken(target, &error))? {
        AuthResult::Success => return Ok(()),
        AuthResult::Failure { remaining_methods, partial_success } => (remaining_methods, partial_success),
    };
    if partial {
        return Err(second_proof(target, &allowed));
    }
    if allowed.contains(&MethodKind::Password) || !allowed.contains(&MethodKind::KeyboardInteractive) {
        return Err(refused(handle, target, WRONG, MethodKind::Password, &allowed));
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
                return Err(Fault::Login(format!("{}: {WRONG}", whom(target))));
            }
            Interactive::InfoRequest { prompts, .. } => {
                let responses = match prompts.as_slice() {
                    [] => Vec::new(),
                    [prompt] if !prompt.echo && !answered => {
                        answered = true;
                        vec![password.expose_secret().to_owned()]
                    }
                    [..] => {
                        return Err(Fault::Login(format!(
                            "{}: the host asks for more than a password. Use a key instead.",
                            whom(target)
                        )));
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
    let fingerprint = key.public_key().fingerprint(HashAlg::Sha256);
    let line = key.public_key().to_openssh().unwrap_or_default();
    let what = format!(
        "the host did not accept the key {fingerprint}. As this user, on the host: echo '{}' >> ~/.ssh/authorized_keys",
        line.trim_end()
    );
    let allowed = allowed.as_deref().unwrap_or(&[]);
    Err(refused(handle, target, &what, MethodKind::PublicKey, allowed))
}

fn second_proof(target: &Target, allowed: &[MethodKind]) -> Fault {
    let names: Vec<&str> = allowed.iter().map(Into::into).collect();
    Fault::Login(format!(
        "{}: the host wants a second proof ({}), which RMM does not give. Allow this user to log in with one.",
        whom(target),
        names.join(", ")
    ))
}
