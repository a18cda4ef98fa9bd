//! What is in the way of an answer over the network, as facts: a name, an address, TLS, a certificate, HTTP.

pub mod cli;
pub mod config;
pub mod github;
pub mod known;
pub mod machine;
pub mod model;
pub mod record;
pub mod repository;
pub mod ssh;
pub mod step;
pub mod store;
pub mod tool;
pub mod trouble;
pub mod upgrade;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::reason::Reason;

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`name` is that of a machine, `asked` has a port")]
pub enum DialFault {
    /// The name does not resolve; what the system said beyond that.
    Unresolved { name: String, said: Option<String> },
    /// No name server has answered.
    NameServersSilent { name: String, limit: Duration },
    /// The name is known and leads to no address.
    NoAddress { name: String },
    /// An address does not answer.
    Address { asked: String, outcome: DialOutcome },
    /// None of the addresses of a name answers.
    Name { asked: String, tried: Vec<Tried> },
}

impl DialFault {
    /// The name that leads nowhere, if it could be an alias that only an SSH client knows.
    #[must_use]
    pub fn perhaps_alias(&self) -> Option<&str> {
        match self {
            Self::Unresolved { name, .. } | Self::NameServersSilent { name, .. } | Self::NoAddress { name } => {
                Some(name.as_str()).filter(|name| !name.contains('.'))
            }
            Self::Address { .. } | Self::Name { .. } => None,
        }
    }
}

/// An address of a name, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Without a port.
    pub address: String,
    /// What became of it.
    pub outcome: DialOutcome,
}

/// What became of one address that was called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`said` is what the system said")]
pub enum DialOutcome {
    /// Nothing listens there.
    Refused,
    /// The system has given up waiting.
    TimedOut,
    /// RMM has given up waiting.
    Late { limit: Duration },
    /// It took the connection, and should have spoken first.
    Mute { limit: Duration },
    /// It took the connection and ended it.
    Ended,
    /// There is no way there.
    Unreachable { said: String },
    /// Anything else.
    NotConnected { said: String },
}

/// Why a health check over the network did not pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`url` and `asked` are what was asked, `said` is the beginning of the answer's body")]
pub enum HealthFault {
    /// The address cannot be asked.
    NotAnAddress { url: String },
    /// A host asks without TLS only.
    NotForHosts { url: String },
    /// There is no port.
    NoPort { address: String },
    /// A command has to be run.
    NotOverNetwork,
    /// The configuration names its authorities no more.
    CertificatesGone { url: String, reference: String },
    /// Whom to trust cannot be told.
    Untrusting { url: String, fault: TrustFault },
    /// There is no connection.
    Unreached { asked: String, cause: Box<Reason> },
    /// It took the connection and did not answer in time.
    Late { asked: String, limit: Duration },
    /// Another status than the wanted one; without it every 2xx is.
    Status { url: String, status: u16, wanted: Option<u16>, said: Option<String> },
    /// The status was right, and the body lacks the wanted text.
    WithoutText { url: String, status: u16, wanted: String, said: Option<String> },
    /// It took the connection and gave no answer.
    Unanswered { asked: String, fault: AnswerFault },
}

/// Why there is no answer over a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`speaks` is what it speaks instead, `said` is what the library said")]
pub enum AnswerFault {
    /// The address cannot be asked.
    NotAnAddress,
    /// No certificate can have the name.
    NoName,
    /// TLS has failed.
    Tls { fault: TlsFault },
    /// Something else than TLS is spoken.
    NotTls { speaks: Speaks },
    /// The connection was cut where TLS would begin.
    CutBeforeTls,
    /// The connection was cut during the handshake.
    CutDuringTls { said: String },
    /// HTTP/2 was begun, and broken off.
    Http2BrokenOff { said: String },
    /// Something else than HTTP is spoken.
    NotHttp { speaks: Option<Speaks> },
    /// The connection was cut where the answer would begin.
    CutBeforeHttp,
}

/// What is spoken instead of what was expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Speaks {
    /// TLS.
    Tls,
    /// HTTP without TLS.
    Http,
    /// HTTP/2 without TLS.
    Http2,
    /// SSH.
    Ssh,
    /// Something else.
    Other {
        /// Its first line.
        line: String,
    },
}

/// Why the authorities of a health check cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum TrustFault {
    /// It is not in PEM format.
    NotPem,
    /// One of the certificates is none.
    CertificateUnusable,
    /// TLS itself cannot be set up.
    NotSetUp {
        /// What the library said.
        said: String,
    },
}

/// Why TLS has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "an alert has a number and perhaps a name, as RFC 8446 has them")]
pub enum TlsFault {
    /// The certificate is not trusted.
    Untrusted { cause: CertificateFault },
    /// None was shown.
    NoCertificate,
    /// It wants a certificate of the client.
    WantsCertificate,
    /// It does not know the name that was asked for.
    NameUnknown,
    /// Its versions of TLS are too old.
    TooOld,
    /// It offers no HTTP over TLS.
    NoHttp,
    /// There is no version, cipher or kind of key in common.
    NothingInCommon,
    /// There is no cipher or kind of key in common, as it says itself.
    NoCipherInCommon,
    /// It does not speak TLS.
    NotTls,
    /// It breaks the rules.
    AgainstRules,
    /// It broke TLS off.
    Alert { number: u8, name: Option<String> },
    /// Anything else.
    Other,
}

/// What is wrong with a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`wanted` is the name that was asked for")]
pub enum CertificateFault {
    /// The authority that signed it is unknown.
    UnknownAuthority,
    /// It has expired, or ends before it begins.
    Expired { since: Option<Timestamp> },
    /// It is not valid yet.
    NotYetValid { from: Option<Timestamp> },
    /// It is for another name.
    OtherName,
    /// It is for these names.
    OtherNames { names: Vec<String>, wanted: String },
    /// It is for no name at all.
    NoName { wanted: String },
    /// Its signature is wrong.
    WrongSignature,
    /// It is not signed by the authority that it names.
    NotOfItsAuthority,
    /// Another authority of the same name is trusted.
    OtherAuthority,
    /// Its authority has too short a key.
    ShortAuthorityKey,
    /// It has too short a key.
    ShortKey,
    /// The server does not have its key.
    NotItsKey,
    /// It is not encoded as certificates are.
    Damaged,
    /// It has a critical extension that is not known.
    UnknownExtension,
    /// It is signed in a way that is not taken.
    SignatureNotTaken,
    /// It has been revoked.
    Revoked,
    /// It is not known whether it has been revoked.
    RevocationUnknown,
    /// It is not made for a server.
    NotForServers,
    /// It is signed by itself.
    SelfSigned,
    /// It is of X.509 version 1.
    VersionOne,
    /// Its authority is distrusted.
    AuthorityDistrusted,
    /// It is signed with a certificate that is none of an authority.
    NotByAuthority,
    /// There are more authorities in its chain than one of them allows.
    TooManyAuthorities,
    /// Its authority may not sign for this name.
    NameNotAllowed,
    /// Its use is empty.
    ForNothing,
    /// It names two ways of signing.
    TwoSignatures,
    /// Its serial number is none.
    BadSerialNumber,
    /// A name in it is none.
    BadName,
    /// Its extensions are damaged.
    BadExtensions,
    /// Its chain is too long.
    ChainTooLong,
    /// Anything else.
    Other,
}
