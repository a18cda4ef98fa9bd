//! Which keys a host may show, and what follows from the one that it has shown.

use super::KeyState;
use crate::clients::ssh::Pin;
use crate::domain::cause::Cause;
use crate::domain::host::{Address, Fingerprint, Host, HostKey};
use crate::domain::refusal::Refusal;
use crate::store::hosts::KnownHost;

/// The keys that a host may show at an address; none before an admin has said so.
pub(super) fn may_show(host: &Host, known: Option<&KnownHost>, address: &Address) -> Vec<Fingerprint> {
    if !host.host_keys.is_empty() {
        return host.host_keys.clone();
    }
    let trusted = known.and_then(|known| known.trusted_at(address));
    trusted.map(|trusted| trusted.key.fingerprint.clone()).into_iter().collect()
}

/// Of several keys the one that the host has shown, else the first.
pub(super) fn the_one<'k>(may: &'k [Fingerprint], offered: Option<&HostKey>) -> Option<&'k Fingerprint> {
    let shown = may.iter().find(|one| offered.is_some_and(|offered| offered.fingerprint == **one));
    shown.or(may.first())
}

/// The same for a connection, with the types as far as they are known.
pub(super) fn pins(host: &Host, known: Option<&KnownHost>) -> Vec<Pin> {
    let pin = |fingerprint: Fingerprint| {
        let trusted = known.and_then(|known| known.trusted_at(&host.address)).map(|trusted| &trusted.key);
        let seen = known.and_then(|known| known.seen_at(&host.address)).map(|seen| &seen.key);
        let same = [trusted, seen].into_iter().flatten().find(|key| key.fingerprint == fingerprint);
        Pin { algorithm: same.map(|key| key.algorithm.clone()), fingerprint }
    };
    may_show(host, known, &host.address).into_iter().map(pin).collect()
}

pub(super) fn key_state(pinned: bool, may: &[Fingerprint], offered: Option<&HostKey>) -> KeyState {
    match (may, offered) {
        ([_, ..], Some(offered)) if !may.contains(&offered.fingerprint) => KeyState::Changed,
        ([_, ..], _) if pinned => KeyState::Pinned,
        ([_, ..], _) => KeyState::Trusted,
        ([], Some(_)) => KeyState::Unknown,
        ([], None) => KeyState::NeverSeen,
    }
}

pub(super) fn may_trust<'k>(
    host: &Host,
    seen: Option<&'k HostKey>,
    wanted: &Fingerprint,
) -> Result<&'k HostKey, Refusal> {
    let Host { name, address, .. } = host;
    let Some(seen) = seen else {
        return Err(Cause::KeyNeverSeen { host: name.clone(), address: address.to_string() }.into());
    };
    if seen.fingerprint != *wanted {
        let (shown, wanted, compare) = (seen.to_string(), wanted.to_string(), compare(&seen.algorithm));
        return Err(Cause::KeyDiffers { host: name.clone(), shown, wanted, compare }.into());
    }
    Ok(seen)
}

/// The command that tells a host's key on the host itself.
#[must_use]
pub fn compare(algorithm: &str) -> String {
    let kind = match algorithm {
        "ssh-rsa" | "rsa-sha2-256" | "rsa-sha2-512" => "rsa",
        ecdsa if ecdsa.starts_with("ecdsa-") => "ecdsa",
        _ => "ed25519",
    };
    format!("ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub")
}
