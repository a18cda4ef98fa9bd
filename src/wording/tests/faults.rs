//! What is in the way of an answer over the network.

use super::*;
use crate::domain::fault::{
    AnswerFault, CertificateFault, DialFault, DialOutcome, HealthFault, Speaks, TlsFault, Tried, TrustFault,
};

const SOURCE: &str = include_str!("../../domain/fault.rs");

fn url() -> String {
    "https://shop.example.com/health".to_owned()
}

fn health(language: Language, fault: HealthFault) -> String {
    language.reason(&Reason::Health { fault })
}

fn answer(language: Language, fault: AnswerFault) -> String {
    health(language, HealthFault::Unanswered { asked: url(), fault })
}

fn tls(language: Language, fault: TlsFault) -> String {
    answer(language, AnswerFault::Tls { fault })
}

fn dial(language: Language, fault: DialFault) -> String {
    language.reason(&Reason::NotConnected { fault })
}

#[test]
fn every_fault_of_a_connection_has_words() {
    use DialFault as F;
    use DialOutcome as O;
    let (name, limit) = (|| "db.example.com".to_owned(), Duration::from_secs(2));
    let tried = |outcome| Tried { address: "192.0.2.7".into(), outcome };
    let faults = [
        F::Unresolved { name: name(), said: None },
        F::Unresolved { name: name(), said: Some("Temporary failure in name resolution".into()) },
        F::NameServersSilent { name: name(), limit },
        F::NoAddress { name: name() },
        F::Address { asked: "192.0.2.7:5432".into(), outcome: O::Refused },
        F::Name { asked: "db.example.com:5432".into(), tried: vec![tried(O::Refused)] },
        F::Name { asked: "db.example.com:5432".into(), tried: vec![tried(O::Refused), tried(O::Ended)] },
    ];
    let outcomes = [
        O::Refused,
        O::TimedOut,
        O::Late { limit },
        O::Mute { limit },
        O::Ended,
        O::Unreachable { said: "no route to host".into() },
        O::NotConnected { said: "permission denied".into() },
    ];
    let connections = catalogue(SOURCE, "DialFault", &faults, |language, fault| dial(language, fault.clone()));
    let outcomes = catalogue(SOURCE, "DialOutcome", &outcomes, |language, outcome| {
        dial(language, F::Address { asked: "192.0.2.7:5432".into(), outcome: outcome.clone() })
    });
    insta::assert_snapshot!("connections", connections + &outcomes);
}

#[test]
fn every_fault_of_a_health_check_has_words() {
    use AnswerFault as A;
    use HealthFault as F;
    let said = || Some("maintenance".to_owned());
    let faults = [
        F::NotAnAddress { url: "ftp://h/".into() },
        F::NotForHosts { url: url() },
        F::NoPort { address: "db".into() },
        F::NotOverNetwork,
        F::CertificatesGone { url: url(), reference: "file:ca.pem".into() },
        F::Untrusting { url: url(), fault: TrustFault::NotPem },
        F::Unreached { asked: url(), cause: Box::new(Reason::NoAnswer) },
        F::Late { asked: url(), limit: Duration::from_millis(500) },
        F::Status { url: url(), status: 503, wanted: None, said: said() },
        F::Status { url: url(), status: 302, wanted: Some(200), said: None },
        F::WithoutText { url: url(), status: 200, wanted: "ok".into(), said: said() },
        F::Unanswered { asked: url(), fault: A::CutBeforeHttp },
    ];
    let trust =
        [TrustFault::NotPem, TrustFault::CertificateUnusable, TrustFault::NotSetUp { said: "no cipher".into() }];
    let speaks = Speaks::Other { line: "220 mail.example.com ESMTP".into() };
    let answers = [
        A::NotAnAddress,
        A::NoName,
        A::Tls { fault: TlsFault::NoCertificate },
        A::NotTls { speaks: speaks.clone() },
        A::CutBeforeTls,
        A::CutDuringTls { said: "unexpected eof".into() },
        A::Http2BrokenOff { said: "protocol error".into() },
        A::NotHttp { speaks: Some(speaks.clone()) },
        A::NotHttp { speaks: None },
        A::CutBeforeHttp,
    ];
    let speaks = [Speaks::Tls, Speaks::Http, Speaks::Http2, Speaks::Ssh, speaks];
    let mut text = catalogue(SOURCE, "HealthFault", &faults, |language, fault| health(language, fault.clone()));
    text += &catalogue(SOURCE, "TrustFault", &trust, |language, fault| {
        health(language, F::Untrusting { url: url(), fault: fault.clone() })
    });
    text += &catalogue(SOURCE, "AnswerFault", &answers, |language, fault| answer(language, fault.clone()));
    text += &catalogue(SOURCE, "Speaks", &speaks, |language, speaks| {
        answer(language, A::NotHttp { speaks: Some(speaks.clone()) })
    });
    insta::assert_snapshot!("health", text);
}

#[test]
fn every_fault_of_tls_has_words() {
    use CertificateFault as C;
    use TlsFault as F;
    let wanted = || "shop.example.com".to_owned();
    let certificates = [
        C::UnknownAuthority,
        C::Expired { since: None },
        C::Expired { since: Some(Timestamp::UNIX_EPOCH) },
        C::NotYetValid { from: None },
        C::NotYetValid { from: Some(Timestamp::UNIX_EPOCH) },
        C::OtherName,
        C::OtherNames { names: vec!["a.example.com".into(), "b.example.com".into()], wanted: wanted() },
        C::NoName { wanted: wanted() },
        C::WrongSignature,
        C::NotOfItsAuthority,
        C::OtherAuthority,
        C::ShortAuthorityKey,
        C::ShortKey,
        C::NotItsKey,
        C::Damaged,
        C::UnknownExtension,
        C::SignatureNotTaken,
        C::Revoked,
        C::RevocationUnknown,
        C::NotForServers,
        C::SelfSigned,
        C::VersionOne,
        C::AuthorityDistrusted,
        C::NotByAuthority,
        C::TooManyAuthorities,
        C::NameNotAllowed,
        C::ForNothing,
        C::TwoSignatures,
        C::BadSerialNumber,
        C::BadName,
        C::BadExtensions,
        C::ChainTooLong,
        C::Other,
    ];
    let faults = [
        F::Untrusted { cause: C::SelfSigned },
        F::NoCertificate,
        F::WantsCertificate,
        F::NameUnknown,
        F::TooOld,
        F::NoHttp,
        F::NothingInCommon,
        F::NoCipherInCommon,
        F::NotTls,
        F::AgainstRules,
        F::Alert { number: 80, name: Some("internal error".into()) },
        F::Alert { number: 99, name: None },
        F::Other,
    ];
    let mut text = catalogue(SOURCE, "TlsFault", &faults, |language, fault| tls(language, fault.clone()));
    text += &catalogue(SOURCE, "CertificateFault", &certificates, |language, cause| {
        tls(language, F::Untrusted { cause: cause.clone() })
    });
    insta::assert_snapshot!("tls", text);
}

#[test]
fn a_fault_is_stored_and_read_again() {
    let cause = CertificateFault::OtherNames { names: vec!["a.example.com".into()], wanted: "b.example.com".into() };
    let fault = AnswerFault::Tls { fault: TlsFault::Untrusted { cause } };
    let reason = Reason::Health { fault: HealthFault::Unanswered { asked: url(), fault } };
    assert_eq!(Reason::from_stored(&serde_json::to_string(&reason).unwrap()), reason);
    let cause = Reason::NotConnected {
        fault: DialFault::NameServersSilent { name: "db".into(), limit: Duration::from_millis(500) },
    };
    let reason = Reason::Health { fault: HealthFault::Unreached { asked: url(), cause: Box::new(cause) } };
    assert_eq!(Reason::from_stored(&serde_json::to_string(&reason).unwrap()), reason);
}
