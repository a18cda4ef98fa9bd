//! What is in the way of an answer over the network.

use crate::domain::fault::{
    AnswerFault, CertificateFault, DialFault, DialOutcome, HealthFault, Speaks, TlsFault, TrustFault,
};

use super::super::times::{day, short};
use super::reason::reason;
use super::{behind, inside};

/// Why there is no connection.
pub(super) fn dial(fault: &DialFault) -> String {
    use DialFault as F;
    match fault {
        F::Unresolved { name, said } => format!("the name {name} does not resolve{}", behind(said.as_deref())),
        F::NameServersSilent { name, limit } => format!("no name server said within {} what {name} is", short(*limit)),
        F::NoAddress { name } => format!("the name {name} has no address"),
        F::Address { asked, outcome } => format!("{asked} {}", became(outcome)),
        F::Name { asked, tried } => match tried.as_slice() {
            [only] => format!("{asked} ({}) {}", only.address, became(&only.outcome)),
            several => {
                let each = several.iter().map(|one| format!("{} {}", one.address, became(&one.outcome)));
                format!("none of the addresses of {asked} answers: {}", each.collect::<Vec<_>>().join("; "))
            }
        },
    }
}

/// Why a host cannot be called.
pub(super) fn host(fault: &DialFault) -> String {
    let alias = fault.perhaps_alias().map(|name| {
        format!(
            " RMM does not read ~/.ssh/config: if {name} is an alias there, write its HostName as `address`, and its \
             ProxyJump as `jump`."
        )
    });
    format!("{}.{}", dial(fault), alias.unwrap_or_default())
}

fn became(outcome: &DialOutcome) -> String {
    use DialOutcome as O;
    match outcome {
        O::Refused => "refuses the connection: nothing listens there".to_owned(),
        O::TimedOut => "did not answer".to_owned(),
        O::Late { limit } => format!("did not answer within {}", short(*limit)),
        O::Mute { limit } => format!("took the connection, but said nothing within {}", short(*limit)),
        O::Ended => "took the connection and ended it at once".to_owned(),
        O::Unreachable { said } => format!("cannot be reached: {said}"),
        O::NotConnected { said } => format!("cannot be connected to: {said}"),
    }
}

/// Why a health check over the network did not pass.
pub(super) fn health(fault: &HealthFault) -> String {
    use HealthFault as F;
    match fault {
        F::NotAnAddress { url } => format!("{url} is not an address that can be asked"),
        F::NotForHosts { url } => format!("{url} is not an address that a host can be asked for"),
        F::NoPort { address } => format!("{address} is not host:port"),
        F::NotOverNetwork => "a command is no question over the network".to_owned(),
        F::CertificatesGone { url, reference } => format!("{url} cannot be asked: rmm.toml names {reference} no more"),
        F::Untrusting { url, fault } => format!("{url} cannot be asked: {}", trust(fault)),
        F::Unreached { asked, cause } => format!("{asked} could not be reached: {}", inside(&reason(cause))),
        F::Late { asked, limit } => format!("{asked} did not answer within {}; it took the connection", short(*limit)),
        F::Status { url, status, said, .. } => {
            let redirects = if (300..400).contains(status) { ", and the check does not follow redirects" } else { "" };
            format!("{url} answered {status}{redirects}{}", behind(said.as_deref()))
        }
        F::WithoutText { url, status, wanted, said } => {
            format!("{url} answered {status} without {wanted:?}{}", behind(said.as_deref()))
        }
        F::Unanswered { asked, fault } => format!("{asked} {}", answer(fault)),
    }
}

fn trust(fault: &TrustFault) -> String {
    match fault {
        TrustFault::NotPem => "the file of `ca` is not in PEM format".to_owned(),
        TrustFault::CertificateUnusable => "a certificate in the file of `ca` cannot be used".to_owned(),
        TrustFault::NotSetUp { said } => format!("TLS cannot be set up: {said}"),
    }
}

/// The end of a sentence that begins with the address.
pub(in crate::wording) fn answer(fault: &AnswerFault) -> String {
    use AnswerFault as F;
    match fault {
        F::NotAnAddress => "is not an address that can be asked".to_owned(),
        F::NoName => "is an address with a name that no certificate can have".to_owned(),
        F::Tls { fault } => tls(fault),
        F::NotTls { speaks } => {
            format!("took the connection, but does not speak TLS there: it {}", self::speaks(speaks))
        }
        F::CutBeforeTls => "took the connection and ended it without a word; does it speak TLS there?".to_owned(),
        F::CutDuringTls { said } => format!("ended the connection during the handshake of TLS: {said}"),
        F::Http2BrokenOff { said } => format!("took the connection, but broke off HTTP/2: {said}"),
        F::NotHttp { speaks: Some(speaks) } => {
            format!("took the connection, but did not answer in HTTP: it {}", self::speaks(speaks))
        }
        F::NotHttp { speaks: None } => "took the connection, but did not answer in HTTP".to_owned(),
        F::CutBeforeHttp => "took the connection and ended it without an answer; does it want https://?".to_owned(),
    }
}

fn speaks(speaks: &Speaks) -> String {
    match speaks {
        Speaks::Tls => "speaks TLS; write the address with https://".to_owned(),
        Speaks::Http => "speaks plain HTTP; write the address with http://".to_owned(),
        Speaks::Http2 => "speaks HTTP/2 only; ask it by a `command`, or over https://".to_owned(),
        Speaks::Ssh => "speaks SSH".to_owned(),
        Speaks::Other { line } => format!("says \"{line}\""),
    }
}

fn tls(fault: &TlsFault) -> String {
    use TlsFault as F;
    let fixed = match fault {
        F::Untrusted { cause } => return format!("has a certificate that RMM does not trust: {}", certificate(cause)),
        F::Alert { number, name: None } => {
            return format!("broke off TLS with alert number {number}; its own log should say why");
        }
        F::Alert { name: Some(name), .. } => {
            return format!("broke off TLS and says \"{name}\"; its own log should say why");
        }
        F::NoCertificate => "has shown no certificate",
        F::WantsCertificate => "wants a client certificate, and RMM has none; check it by a `command` instead",
        F::NameUnknown => "does not know this name; ask for the name that its certificate has",
        F::TooOld => "speaks neither TLS 1.2 nor TLS 1.3",
        F::NoHttp => "speaks neither HTTP/1.1 nor HTTP/2 over TLS",
        F::NothingInCommon => {
            "and RMM have no version of TLS, cipher or kind of key in common; it must offer TLS 1.2 or 1.3"
        }
        F::NoCipherInCommon => {
            "and RMM have no cipher or kind of key in common; a certificate with an ECDSA P-256 or an RSA key of 2048 bits \
             suits both"
        }
        F::NotTls => "does not speak TLS there; a service without TLS has an address with http://",
        F::AgainstRules => "does not keep to the rules of TLS",
        F::Other => "could not be asked over TLS, for a reason that RMM has no word for; `openssl s_client` shows more",
    };
    fixed.to_owned()
}

fn certificate(fault: &CertificateFault) -> String {
    use CertificateFault as F;
    let fixed = match fault {
        F::Expired { since: Some(since) } => return format!("it expired on {}", day(*since)),
        F::NotYetValid { from: Some(from) } => return format!("it is not valid yet, only from {} on", day(*from)),
        F::OtherNames { names, wanted } => return format!("it is for {}, not for {wanted}", names.join(", ")),
        F::NoName { wanted } => return format!("it has no names (no subjectAltName), and should name {wanted}"),
        F::UnknownAuthority => {
            "the authority that signed it is unknown; name its certificate as `ca = \"file:…\"` of the health check"
        }
        F::Expired { since: None } => "it has expired, or ends before it begins",
        F::NotYetValid { from: None } => "it is not valid yet",
        F::OtherName => "it is for another name",
        F::WrongSignature => "its signature is wrong",
        F::NotOfItsAuthority => "it is not signed by the authority that it names",
        F::OtherAuthority => {
            "it is signed by another authority of the same name as the one in the file of `ca`: the file is of another or \
             of an older authority"
        }
        F::ShortAuthorityKey => "it is signed with an RSA key of less than 2048 bits; its authority needs a longer key",
        F::ShortKey => "its RSA key has less than 2048 bits; make it anew with a longer key",
        F::NotItsKey => "the server does not have the private key that belongs to it",
        F::Damaged => "it is damaged: it is not encoded as certificates are",
        F::UnknownExtension => "it has a critical extension that RMM does not know",
        F::SignatureNotTaken => {
            "it is signed in a way that RMM does not take (such as with SHA-1, or with a rare curve); sign it with SHA-256 \
             and an ECDSA P-256 or RSA key"
        }
        F::Revoked => "it has been revoked",
        F::RevocationUnknown => "it is unknown whether it has been revoked",
        F::NotForServers => "it is not made for a server (its extendedKeyUsage lacks serverAuth)",
        F::SelfSigned => "it is signed by itself; name it as `ca = \"file:…\"` of the health check",
        F::VersionOne => {
            "it is of X.509 version 1, which is not accepted any more; make one of version 3, with a subjectAltName"
        }
        F::AuthorityDistrusted => "its authority has lost the trust of others",
        F::NotByAuthority => "it is signed with a certificate that is none of an authority (no CA:TRUE)",
        F::TooManyAuthorities => "there are more authorities in its chain than one of them allows",
        F::NameNotAllowed => "its authority may not sign for this name",
        F::ForNothing => "it is made for nothing: its extendedKeyUsage is empty",
        F::TwoSignatures => "it names two ways in which it would be signed",
        F::BadSerialNumber => "its serial number is not a positive number of at most 20 bytes",
        F::BadName => "a name in it or in its authority's is none",
        F::BadExtensions => "its extensions are damaged",
        F::ChainTooLong => "its chain of authorities is too long",
        F::Other => "it breaks a rule that RMM has no word for; `openssl x509 -text` shows what it says",
    };
    fixed.to_owned()
}
