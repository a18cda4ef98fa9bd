//! What is in the way of a command on a host over SSH, as facts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Speaks;
use crate::domain::ids::HostName;

/// Where RMM reaches a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// Its address and port, as RMM or its jump host sees it.
    pub address: String,
    /// The host through which it is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<HostName>,
}

/// Why a host could not be reached or used over SSH.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "`at` is the host, `wanted` what was to be reached from it, `said` the words of a program"
)]
pub enum SshFault {
    // Up to the login.
    /// The system did not hand the connection over.
    NotReached { address: String, said: String },
    /// It took the connection and said nothing in time. `asks`: the host that has to know the name.
    Late { at: Reached, limit: Duration, asks: Option<AsksFor> },
    /// Something else than SSH is spoken there; none: it cannot be told what.
    OtherProtocol { at: Reached, speaks: Option<Speaks> },
    /// The two have nothing of this kind in common; what the host offers.
    NothingInCommon { at: Reached, kind: Negotiated, offers: Vec<String> },
    /// The connection ended before the host had shown who it is.
    CutInExchange { at: Reached, said: String },
    /// As before, because the connection to its jump host ended.
    CutOnTheWay { at: Reached, end: ConnectionEnd },
    /// It has shown no key.
    NoHostKey { at: Reached },
    /// The login did not end in time.
    LoginLate { at: Reached, limit: Duration },
    /// The connection ended during the login.
    LoginCut { at: Reached, said: String },
    /// The login was refused.
    Login { user: String, at: Reached, fault: LoginFault },

    // Commands.
    /// No channel was opened in time.
    NoChannel { at: Reached, limit: Duration },
    /// It opens no channel for a command.
    NoCommand { at: Reached, why: ChannelRefusal },
    /// It refuses to run commands for this user.
    CommandsForbidden,
    /// It did not say in time whether it runs the command.
    CommandLate { at: Reached, limit: Duration },
    /// It did not take the script in time.
    ScriptLate { at: Reached, limit: Duration },
    /// The user's shell did not begin with the script in time.
    ShellSilent { at: Reached, limit: Duration },
    /// It closed the channel without saying how the command ended.
    NoStatus,
    /// The connection ended.
    Lost { end: ConnectionEnd },

    // What is reached from a host.
    /// The host forwards no connections.
    ForwardingForbidden { at: Reached, wanted: String },
    /// The host was told that nothing is there.
    NotTaken { at: Reached, wanted: String, said: Option<String> },
    /// The host does not open the connection.
    NotForwarded { at: Reached, wanted: String, why: ChannelRefusal },
    /// It did not answer the host in time.
    WantedLate { at: Reached, wanted: String, limit: Duration, asks: Option<AsksFor> },
    /// The host has no address for a name.
    NameUnknown { at: Reached, name: String },
    /// No name server has answered the host.
    NameServersSilent { at: Reached, name: String, limit: Duration },

    // What is reached through a jump host.
    /// The jump host forwards no connections.
    JumpForbidden { wanted: String },
    /// The jump host was told that nothing is there.
    NotTakenBehind { jump: HostName, wanted: String, said: Option<String> },
    /// The jump host does not open the connection.
    NotForwardedBehind { jump: HostName, wanted: String, why: ChannelRefusal },

    // RMM itself.
    /// A fault of RMM.
    ClientFailed { address: Option<String> },
    /// RMM ends.
    ShuttingDown { address: String },
}

/// A name that a host asks its name servers for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsksFor {
    /// The name.
    pub name: String,
    /// The host; none: the one that the sentence is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostName>,
}

/// Why a host does not let a user in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "methods are named as SSH names them")]
pub enum LoginFault {
    /// The private key cannot be used.
    PrivateKey { fault: PrivateKeyFault },
    /// It does not accept the password.
    Password,
    /// It does not accept the key: its fingerprint, and the line for `authorized_keys`.
    Key { fingerprint: String, line: String },
    /// It allows other ways to log in only.
    Method { method: String, allowed: Vec<String> },
    /// It wants another proof beside the first.
    SecondProof { wanted: Vec<String> },
    /// It asks for more than a password.
    MoreThanPassword,
    /// It ended the connection.
    Ended,
}

/// Why a private key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrivateKeyFault {
    /// It is the public one.
    Public,
    /// It is no key.
    NoKey,
    /// It is encrypted.
    NoPassphrase,
    /// The passphrase does not open it.
    WrongPassphrase,
    /// The passphrase does not open it, or its form is unknown.
    NotOpened,
    /// It is damaged or of an unknown form.
    Unreadable,
}

/// What both sides have to agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Negotiated {
    /// The way of key exchange.
    KeyExchange,
    /// The type of the host key.
    HostKey,
    /// The cipher.
    Cipher,
    /// The message authentication code.
    Mac,
    /// The compression.
    Compression,
}

/// Why a host opens no channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum ChannelRefusal {
    /// Its configuration does not allow it.
    Forbidden,
    /// It could not connect.
    NotConnected,
    /// It does not know channels of this kind.
    UnknownKind,
    /// It is short of resources.
    ShortOfResources,
    /// Something else.
    Other {
        /// What it says.
        said: String,
    },
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`at` is the host, `said` the words of the system or of the host")]
pub enum ConnectionEnd {
    /// Nothing more is known.
    Unknown { at: Reached },
    /// The host ended it.
    ByHost { at: Reached, said: String },
    /// The host does not answer any more.
    Silent { at: Reached },
    /// It broke.
    Broken { at: Reached, said: String },
    /// The connection to the jump host ended.
    OfJump { address: String, jump: HostName, end: Box<ConnectionEnd> },
}
