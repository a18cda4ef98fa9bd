//! Hosts: the servers that services run on, and the keys by which RMM knows them again.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ids::HostName;
use super::rule::Rule;

/// A server that RMM reaches by SSH.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Host {
    /// Its name, unique in RMM.
    pub name: HostName,
    /// Where its SSH server listens.
    pub address: Address,
    /// As whom RMM logs in.
    pub user: String,
    /// How RMM proves to be that user.
    pub login: Login,
    /// The keys that it may show: any of them is right, and no other. Without one, an admin confirms what it shows at
    /// the first contact.
    pub host_keys: Vec<Fingerprint>,
    /// The hosts on the way there, the one next to RMM first. Each is a host of RMM's own, with its own login and key.
    pub jump: Vec<HostName>,
    /// How long RMM waits for it.
    pub limits: Limits,
}

/// A network address: a name or an IP address, and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Address {
    /// Without the brackets of IPv6.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// How RMM logs in. The texts are references to secrets (`env:NAME`, `file:PATH`), never secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Login {
    /// By password.
    Password(String),
    /// By a private key.
    Key {
        /// The key, in OpenSSH's or PEM format.
        key: String,
        /// What opens it.
        passphrase: Option<String>,
    },
}

/// How long RMM waits for a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// From the first packet to the end of the key exchange.
    #[serde(with = "super::duration_text")]
    pub connect: Duration,
    /// For the login.
    #[serde(with = "super::duration_text")]
    pub auth: Duration,
    /// For one command to be accepted, and again for it to begin.
    #[serde(with = "super::duration_text")]
    pub open: Duration,
    /// Between questions whether the host is still there. After three without an answer it is not.
    #[serde(with = "super::duration_text")]
    pub keepalive: Duration,
    /// A connection that nothing uses is closed after this.
    #[serde(with = "super::duration_text")]
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            auth: Duration::from_secs(30),
            open: Duration::from_secs(30),
            keepalive: Duration::from_secs(5),
            idle: Duration::from_mins(5),
        }
    }
}

/// The SHA-256 fingerprint of a public key, as `ssh-keygen -l` shows it: `SHA256:` and 43 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Checks the form.
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn parse(text: impl Into<String>) -> Result<Self, Rule> {
        let text = text.into();
        let base64 = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
        match text.strip_prefix("SHA256:") {
            Some(digest) if digest.len() == 43 && digest.bytes().all(base64) => Ok(Self(text)),
            Some(_) | None => Err(Rule::Fingerprint),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = Rule;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(text)
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A key that a host has shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HostKey {
    /// Its type, such as `ssh-ed25519`.
    pub algorithm: String,
    /// Its fingerprint.
    #[schema(value_type = String)]
    pub fingerprint: Fingerprint,
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.fingerprint, self.algorithm)
    }
}

/// What RMM thinks of a host's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// An admin has confirmed it.
    Trusted,
    /// The configuration names it.
    Pinned,
    /// The host has shown one that is not confirmed.
    Unknown,
    /// The host has shown another one than it must.
    Changed,
    /// Not contacted yet.
    NeverSeen,
    /// RMM's own machine has none.
    NotNeeded,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_sha256_fingerprints_count() {
        let good = format!("SHA256:{}aB3", "aB3+/".repeat(8));
        assert_eq!(Fingerprint::parse(good.clone()).expect("valid").as_str(), good);
        for bad in ["", "SHA256:", "MD5:aa:bb", &good[..49], &format!("{good}="), &good.to_lowercase(), " x"] {
            assert!(Fingerprint::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_ipv6_address_wears_brackets() {
        assert_eq!(Address { host: "fe80::1".into(), port: 22 }.to_string(), "[fe80::1]:22");
        assert_eq!(Address { host: "example.com".into(), port: 2222 }.to_string(), "example.com:2222");
    }
}
