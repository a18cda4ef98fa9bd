//! What is in the way of a command on a host over SSH.

use super::*;
use crate::domain::fault::Speaks;
use crate::domain::fault::ssh::{
    AsksFor, ChannelRefusal, ConnectionEnd, LoginFault, Negotiated, PrivateKeyFault, Reached, SshFault,
};

const SOURCE: &str = include_str!("../../domain/fault/ssh.rs");

fn at() -> Reached {
    Reached { address: "192.0.2.7:22".into(), through: None }
}

fn ssh(language: Language, fault: SshFault) -> String {
    language.reason(&fault.into())
}

fn login(language: Language, fault: LoginFault) -> String {
    ssh(language, SshFault::Login { user: "deploy".into(), at: at(), fault })
}

#[test]
fn every_fault_of_a_host_over_ssh_has_words() {
    use SshFault as F;
    let limit = Duration::from_secs(15);
    let behind = || Reached { address: "10.0.0.8:22".into(), through: Some(host("bastion")) };
    let (jump, wanted) = (|| host("bastion"), || "db.internal:5432".to_owned());
    let (said, lost) = (|| "Broken pipe (os error 32)".to_owned(), || ConnectionEnd::Unknown { at: at() });
    let asks = |host: Option<HostName>| Some(AsksFor { name: "db.internal".into(), host });
    let faults = [
        F::NotReached { address: "192.0.2.7:22".into(), said: said() },
        F::Late { at: behind(), limit, asks: None },
        F::Late { at: behind(), limit, asks: asks(Some(jump())) },
        F::OtherProtocol { at: at(), speaks: None },
        F::OtherProtocol { at: at(), speaks: Some(Speaks::Tls) },
        F::OtherProtocol { at: at(), speaks: Some(Speaks::Http) },
        F::OtherProtocol { at: at(), speaks: Some(Speaks::Other { line: "220 smtp".into() }) },
        F::NothingInCommon { at: at(), kind: Negotiated::Cipher, offers: vec!["3des-cbc".into(), "arcfour".into()] },
        F::CutInExchange { at: at(), said: said() },
        F::CutOnTheWay { at: behind(), end: lost() },
        F::NoHostKey { at: at() },
        F::LoginLate { at: at(), limit },
        F::LoginCut { at: at(), said: said() },
        F::Login { user: "deploy".into(), at: behind(), fault: LoginFault::Password },
        F::NoChannel { at: at(), limit },
        F::NoCommand { at: at(), why: ChannelRefusal::ShortOfResources },
        F::CommandsForbidden,
        F::CommandLate { at: at(), limit },
        F::ScriptLate { at: at(), limit },
        F::ShellSilent { at: at(), limit },
        F::NoStatus,
        F::Lost { end: lost() },
        F::ForwardingForbidden { at: at(), wanted: wanted() },
        F::NotTaken { at: at(), wanted: wanted(), said: None },
        F::NotTaken { at: at(), wanted: wanted(), said: Some("Connection refused".into()) },
        F::NotForwarded { at: at(), wanted: wanted(), why: ChannelRefusal::UnknownKind },
        F::WantedLate { at: at(), wanted: wanted(), limit, asks: None },
        F::WantedLate { at: at(), wanted: wanted(), limit, asks: asks(None) },
        F::NameUnknown { at: at(), name: "db.internal".into() },
        F::NameServersSilent { at: at(), name: "db.internal".into(), limit },
        F::JumpForbidden { wanted: wanted() },
        F::NotTakenBehind { jump: jump(), wanted: wanted(), said: None },
        F::NotTakenBehind { jump: jump(), wanted: wanted(), said: Some("Connection refused".into()) },
        F::NotForwardedBehind { jump: jump(), wanted: wanted(), why: ChannelRefusal::ShortOfResources },
        F::ClientFailed { address: None },
        F::ClientFailed { address: Some("192.0.2.7:22".into()) },
        F::ShuttingDown { address: "192.0.2.7:22".into() },
    ];
    insta::assert_snapshot!(catalogue(SOURCE, "SshFault", &faults, |language, fault| ssh(language, fault.clone())));
}

#[test]
fn every_part_of_a_fault_over_ssh_has_words() {
    use ConnectionEnd as E;
    let logins = [
        LoginFault::PrivateKey { fault: PrivateKeyFault::NoPassphrase },
        LoginFault::Password,
        LoginFault::Key { fingerprint: "SHA256:…".into(), line: "ssh-ed25519 AAAA…".into() },
        LoginFault::Method { method: "password".into(), allowed: vec!["publickey".into()] },
        LoginFault::SecondProof { wanted: vec!["password".into()] },
        LoginFault::MoreThanPassword,
        LoginFault::Ended,
    ];
    let keys = [
        PrivateKeyFault::Public,
        PrivateKeyFault::NoKey,
        PrivateKeyFault::NoPassphrase,
        PrivateKeyFault::WrongPassphrase,
        PrivateKeyFault::NotOpened,
        PrivateKeyFault::Unreadable,
    ];
    let kinds =
        [Negotiated::KeyExchange, Negotiated::HostKey, Negotiated::Cipher, Negotiated::Mac, Negotiated::Compression];
    let refusals = [
        ChannelRefusal::Forbidden,
        ChannelRefusal::NotConnected,
        ChannelRefusal::UnknownKind,
        ChannelRefusal::ShortOfResources,
        ChannelRefusal::Other { said: "too many".into() },
    ];
    let said = || "Broken pipe (os error 32)".to_owned();
    let ends = [
        E::Unknown { at: at() },
        E::ByHost { at: at(), said: "idle for too long".into() },
        E::Silent { at: at() },
        E::Broken { at: at(), said: said() },
        E::OfJump {
            address: "10.0.0.8:22".into(),
            jump: host("bastion"),
            end: Box::new(E::Broken { at: at(), said: said() }),
        },
    ];
    let told = [
        catalogue(SOURCE, "LoginFault", &logins, |language, fault| login(language, fault.clone())),
        catalogue(SOURCE, "PrivateKeyFault", &keys, |language, fault| {
            login(language, LoginFault::PrivateKey { fault: *fault })
        }),
        catalogue(SOURCE, "Negotiated", &kinds, |language, kind| {
            ssh(language, SshFault::NothingInCommon { at: at(), kind: *kind, offers: vec!["none".into()] })
        }),
        catalogue(SOURCE, "ChannelRefusal", &refusals, |language, why| {
            ssh(language, SshFault::NoCommand { at: at(), why: why.clone() })
        }),
        catalogue(SOURCE, "ConnectionEnd", &ends, |language, end| ssh(language, SshFault::Lost { end: end.clone() })),
    ];
    insta::assert_snapshot!(told.concat());
}
