//! What is in the way of a command on a host over SSH.

use std::fmt::{Display, Formatter, Result};

use crate::domain::fault::Speaks;
use crate::domain::fault::ssh::{
    AsksFor, ChannelRefusal, ConnectionEnd, LoginFault, Negotiated, PrivateKeyFault, Reached, SshFault,
};

use super::super::times::short;
use super::list;

impl Display for Reached {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.address)?;
        self.through.iter().try_for_each(|jump| write!(f, " (through {jump})"))
    }
}

/// A sentence.
pub(super) fn ssh(fault: &SshFault) -> String {
    use SshFault as F;
    const FORWARDING: &str = "Set AllowTcpForwarding to local (and PermitOpen accordingly) in its sshd_config.";
    match fault {
        F::NotReached { address, said } => format!("{address} cannot be reached: {said}."),
        F::Late { at, limit, asks } => {
            format!("{at} did not answer within {}{}.", short(*limit), perhaps(asks.as_ref()))
        }
        F::OtherProtocol { at, speaks: None } => format!("{at} does not answer as an SSH server."),
        F::OtherProtocol { at, speaks: Some(speaks) } => {
            let other = match speaks {
                Speaks::Http | Speaks::Http2 => "speaks HTTP, not SSH",
                Speaks::Tls => "speaks TLS, not SSH",
                Speaks::Ssh => "does not answer as an SSH server",
                Speaks::Other { line } => &format!("does not answer as an SSH server: it says \"{line}\""),
            };
            format!("{at} {other}. `address` must name the port of the host's SSH server, mostly 22.")
        }
        F::NothingInCommon { at, kind, offers } => {
            let what = match kind {
                Negotiated::KeyExchange => "way of key exchange",
                Negotiated::HostKey => "type of host key",
                Negotiated::Cipher => "cipher",
                Negotiated::Mac => "message authentication code",
                Negotiated::Compression => "compression",
            };
            format!("{at} and RMM have no {what} in common; it offers {}.", list(offers))
        }
        F::CutInExchange { at, said } => {
            format!("{at} ended the connection before the key exchange was complete: {said}.")
        }
        F::CutOnTheWay { at, end: why } => {
            format!("{at} ended the connection before the key exchange was complete: {}.", end(why))
        }
        F::NoHostKey { at } => format!("{at} has shown no host key."),
        F::LoginLate { at, limit } => format!("{at} did not answer the login within {}.", short(*limit)),
        F::LoginCut { at, said } => format!("{at} ended the connection during the login: {said}."),
        F::Login { user, at, fault } => login(user, at, fault),
        F::NoChannel { at, limit } => format!("{at} opened no channel within {}.", short(*limit)),
        F::NoCommand { at, why } => format!("{at} allows no command: {}.", refusal(why)),
        F::CommandsForbidden => "The host's SSH server refuses to run commands for this user.".to_owned(),
        F::CommandLate { at, limit } => {
            format!("{at} did not say within {} whether it runs the command.", short(*limit))
        }
        F::ScriptLate { at, limit } => format!("{at} did not take the script within {}.", short(*limit)),
        F::ShellSilent { at, limit } => format!(
            "{at} did not begin with the script within {}; do the start-up files of the user's shell wait for something?",
            short(*limit)
        ),
        F::NoStatus => "The host did not say how the command ended.".to_owned(),
        F::Lost { end: why } => format!("The connection to the host was lost: {}.", end(why)),
        F::ForwardingForbidden { at, wanted } => {
            format!("{at} does not allow RMM to reach {wanted} through it. {FORWARDING}")
        }
        F::NotTaken { at, wanted, said } => {
            let said = said.as_deref().unwrap_or("nothing listens or answers there");
            format!("{wanted}, as {at} sees it, takes no connection: {said}.")
        }
        F::NotForwarded { at, wanted, why } => format!("{wanted} cannot be reached from {at}: {}.", refusal(why)),
        F::WantedLate { at, wanted, limit, asks } => {
            format!("{wanted}, as {at} sees it, did not answer within {}{}.", short(*limit), perhaps(asks.as_ref()))
        }
        F::NameUnknown { at, name } => {
            format!("{at} has no address for {name}: no name server knows one, or none answers.")
        }
        F::NameServersSilent { at, name, limit } => {
            format!("no name server said within {} what {name} is, as {at} asks", short(*limit))
        }
        F::JumpForbidden { wanted } => format!("it does not allow RMM to go on to {wanted}. {FORWARDING}"),
        F::NotTakenBehind { jump, wanted, said } => {
            let unsaid = format!("it refuses, does not answer, or {jump} does not know its name");
            let said = said.as_ref().unwrap_or(&unsaid);
            format!("{wanted} cannot be reached from the jump host {jump}: {said}.")
        }
        F::NotForwardedBehind { jump, wanted, why } => {
            format!("{wanted} cannot be reached from the jump host {jump}: {}.", refusal(why))
        }
        F::ClientFailed { address: None } => "The SSH client failed; this is a fault of RMM.".to_owned(),
        F::ClientFailed { address: Some(address) } => {
            format!("{address}: the SSH client failed; this is a fault of RMM.")
        }
        F::ShuttingDown { address } => format!("{address}: RMM is shutting down."),
    }
}

fn login(user: &str, at: &Reached, fault: &LoginFault) -> String {
    use LoginFault as F;
    let what = match fault {
        F::PrivateKey { fault } => return format!("The private key for {user} at {at} {}.", private_key(*fault)),
        F::Ended => {
            return format!(
                "{at} ended the connection during the login as {user}; it may allow no login for this user, or fail too many."
            );
        }
        F::Method { method, allowed } => {
            return format!(
                "{user} at {at} cannot log in by {method}: the host allows only {}. Change the host's login, or the \
                 host's sshd_config.",
                list(allowed)
            );
        }
        F::Password => "the host did not accept the password. Check the user and the password.".to_owned(),
        F::Key { fingerprint, line } => format!(
            "the host did not accept the key {fingerprint}. As this user, on the host: echo '{line}' >> \
             ~/.ssh/authorized_keys"
        ),
        F::SecondProof { wanted } => format!(
            "the host wants a second proof ({}), which RMM does not give. Allow this user to log in with one.",
            list(wanted)
        ),
        F::MoreThanPassword => "the host asks for more than a password. Use a key instead.".to_owned(),
    };
    format!("{user} at {at}: {what}")
}

/// The end of a sentence about a private key.
pub(in crate::wording) fn private_key(fault: PrivateKeyFault) -> &'static str {
    use PrivateKeyFault as F;
    match fault {
        F::Public => "is a public key; give the private one (the file without .pub)",
        F::NoKey => "is no private key in OpenSSH's or PEM format",
        F::NoPassphrase => "needs a passphrase; give it as `passphrase` of the host in rmm.toml",
        F::WrongPassphrase => "cannot be opened: the passphrase is wrong",
        F::NotOpened => "cannot be opened: the passphrase is wrong, or its form is unknown",
        F::Unreadable => "is damaged or has a form that RMM cannot read; use a key made by ssh-keygen",
    }
}

fn refusal(why: &ChannelRefusal) -> &str {
    match why {
        ChannelRefusal::Forbidden => "its configuration does not allow it",
        ChannelRefusal::NotConnected => "it could not connect",
        ChannelRefusal::UnknownKind => "it does not know channels of this kind",
        ChannelRefusal::ShortOfResources => "it is short of resources",
        ChannelRefusal::Other { said } => said,
    }
}

fn end(how: &ConnectionEnd) -> String {
    use ConnectionEnd as E;
    match how {
        E::Unknown { at } => format!("{at}: the connection ended"),
        E::ByHost { at, said } => format!("{at}: the host ended the connection: {said}"),
        E::Silent { at } => format!("{at}: the host does not answer any more"),
        E::Broken { at, said } => format!("{at}: {said}"),
        E::OfJump { address, jump, end } => {
            format!("{address}: the connection to the jump host {jump} ended: {}", self::end(end))
        }
    }
}

/// What else silence may mean where a host has to ask for a name.
fn perhaps(asks: Option<&AsksFor>) -> String {
    let Some(AsksFor { name, host }) = asks else { return String::new() };
    let whom = host.as_ref().map_or("it", |host| host.as_str());
    format!("; perhaps no name server tells {whom} what {name} is")
}
