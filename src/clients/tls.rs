//! TLS for questions that RMM asks itself: whom it trusts, and what is wrong with a certificate, in words.

use std::io;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use webpki::EndEntityCert;

/// What RMM speaks over TLS, the best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Trusts the public authorities, and those of `ca` (PEM) beside them.
///
/// # Errors
/// A sentence about `ca`.
pub fn client(ca: Option<&str>) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let mut own = Vec::new();
    for certificate in ca.into_iter().flat_map(|text| CertificateDer::pem_slice_iter(text.as_bytes())) {
        let certificate = certificate.map_err(|_| "the file of `ca` is not in PEM format".to_owned())?;
        let added = roots.add(certificate.clone());
        added.map_err(|_| "a certificate in the file of `ca` cannot be used".to_owned())?;
        own.push(certificate);
    }
    let failed = |error: &dyn std::fmt::Display| format!("TLS cannot be set up: {error}");
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(|error| failed(&error))?;
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier { inner, own, provider }))
        .with_no_client_auth();
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(Arc::new(config))
}

/// Also takes a certificate that is itself the one to trust. `openssl req -x509` marks such a one as an authority, and
/// an authority is no server to the rules of the public ones.
#[derive(Debug)]
struct Verifier {
    inner: Arc<WebPkiServerVerifier>,
    own: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        // Its dates are looked at before this is found.
        if verified.as_ref().is_err_and(is_authority) && self.own.iter().any(|own| own == end_entity) {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        verified.map_err(|error| {
            let misleads = error == Error::InvalidCertificate(CertificateError::BadSignature);
            if misleads { told(self.misleading(end_entity, intermediates)) } else { error }
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
            .map_err(|error| unproven(certificate, error))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
            .map_err(|error| unproven(certificate, error))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl Verifier {
    /// Why a signature in the chain is not the one of the authority that it names.
    fn misleading(&self, end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> &'static str {
        let signed = std::iter::once(end_entity).chain(intermediates);
        let issuers: Vec<_> =
            signed.filter_map(|one| Some(EndEntityCert::try_from(one).ok()?.issuer().to_vec())).collect();
        let mut authorities = self.own.iter().chain(intermediates);
        let is_short = |one: &CertificateDer<'_>| {
            EndEntityCert::try_from(one)
                .is_ok_and(|one| issuers.iter().any(|name| name == one.subject()) && is_short(&one))
        };
        if authorities.any(is_short) {
            "it is signed with an RSA key of less than 2048 bits; its authority needs a longer key"
        } else if self.own.is_empty() {
            "it is not signed by the authority that it names"
        } else {
            "it is signed by another authority of the same name as the one in the file of `ca`: the file is of another \
             or of an older authority"
        }
    }
}

/// The server has not proven that the certificate is its own.
fn unproven(certificate: &CertificateDer<'_>, error: Error) -> Error {
    if error != Error::InvalidCertificate(CertificateError::BadSignature) {
        return error;
    }
    let short = EndEntityCert::try_from(certificate).is_ok_and(|certificate| is_short(&certificate));
    told(if short {
        "its RSA key has less than 2048 bits; make it anew with a longer key"
    } else {
        "the server does not have the private key that belongs to it"
    })
}

/// Whether a certificate has an RSA key that is too short to be trusted.
fn is_short(certificate: &EndEntityCert<'_>) -> bool {
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    /// Bytes of a key of 2048 bits with what is around it, if its exponent is the shortest one.
    const LEAST: usize = 292;
    let key = certificate.subject_public_key_info();
    key.len() < LEAST && key.windows(RSA.len()).any(|part| part == RSA)
}

/// A cause that is in words already.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Told(&'static str);

fn told(cause: &'static str) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Told(cause)))))
}

/// Whether a certificate was refused for being one of an authority, and for nothing else.
fn is_authority(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(OtherError(other))) = error else { return false };
    matches!(other.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

/// What is wrong, if it is wrong with TLS: the end of a sentence about a server.
#[must_use]
#[expect(clippy::wildcard_enum_match_arm, reason = "the library's list of errors grows")]
pub fn problem(error: &io::Error) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    Some(match error {
        Error::InvalidCertificate(why) => format!("has a certificate that RMM does not trust: {}", certificate(why)),
        Error::NoCertificatesPresented => "has shown no certificate".to_owned(),
        Error::AlertReceived(alert) => alerted(*alert),
        Error::NoApplicationProtocol => "speaks neither HTTP/1.1 nor HTTP/2 over TLS".to_owned(),
        Error::PeerIncompatible(_) => {
            "and RMM have no version of TLS, cipher or kind of key in common; it must offer TLS 1.2 or 1.3".to_owned()
        }
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "does not speak TLS there; a service without TLS has an address with http://".to_owned()
        }
        Error::PeerMisbehaved(_) | Error::PeerSentOversizedRecord | Error::DecryptError => {
            "does not keep to the rules of TLS".to_owned()
        }
        _ => "could not be asked over TLS, for a reason that RMM has no word for; `openssl s_client` shows more"
            .to_owned(),
    })
}

fn alerted(alert: AlertDescription) -> String {
    if alert == AlertDescription::CertificateRequired {
        return "wants a certificate of whoever asks, and RMM has none; ask it by a `command` instead".to_owned();
    } else if alert == AlertDescription::UnrecognisedName {
        return "does not know this name; ask for the name that its certificate has".to_owned();
    } else if alert == AlertDescription::ProtocolVersion {
        return "speaks neither TLS 1.2 nor TLS 1.3".to_owned();
    } else if alert == AlertDescription::NoApplicationProtocol {
        return "speaks neither HTTP/1.1 nor HTTP/2 over TLS".to_owned();
    }
    let number = u8::from(alert);
    // As RFC 8446 calls them.
    let name = match number {
        0 => "close notify",
        10 => "unexpected message",
        20 => "bad record",
        22 => "record overflow",
        40 => {
            return "and RMM have no cipher or kind of key in common; a certificate with an ECDSA P-256 or an RSA key of \
                    2048 bits suits both"
                .to_owned();
        }
        47 => "illegal parameter",
        48 => "unknown authority",
        49 => "access denied",
        50 => "decode error",
        51 => "decrypt error",
        71 => "insufficient security",
        80 => "internal error",
        86 => "inappropriate fallback",
        90 => "canceled",
        _ => return format!("broke off TLS with alert number {number}; its own log should say why"),
    };
    format!("broke off TLS and says \"{name}\"; its own log should say why")
}

const AUTHORITY: &str = "the authority that signed it is unknown; name its certificate as `ca = \"file:…\"` of the health \
                         check";

#[expect(clippy::wildcard_enum_match_arm, reason = "the library's list of errors grows")]
fn certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => AUTHORITY.to_owned(),
        CertificateError::Expired => "it has expired, or ends before it begins".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => format!("it expired on {}", day(*not_after)),
        CertificateError::NotValidYet => "it is not valid yet".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("it is not valid yet, only from {} on", day(*not_before))
        }
        CertificateError::NotValidForName => "it is for another name".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let expected = expected.to_str();
            if presented.is_empty() {
                format!("it names nobody (no subjectAltName), and should name {expected}")
            } else {
                format!(
                    "it is for {}, not for {expected}",
                    presented.iter().map(|name| shown(name)).collect::<Vec<_>>().join(", ")
                )
            }
        }
        CertificateError::BadSignature => "its signature is wrong".to_owned(),
        CertificateError::BadEncoding => "it is damaged: it is not encoded as certificates are".to_owned(),
        CertificateError::UnhandledCriticalExtension => CRITICAL.to_owned(),
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "it is signed in a way that RMM does not take (such as with SHA-1, or with a rare curve); sign it with SHA-256 \
             and an ECDSA P-256 or RSA key"
                .to_owned()
        }
        CertificateError::Revoked => "it has been revoked".to_owned(),
        CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. }
        | CertificateError::InvalidOcspResponse => "nobody tells whether it has been revoked".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not made for a server (its extendedKeyUsage lacks serverAuth)".to_owned()
        }
        CertificateError::Other(OtherError(other)) => match (other.downcast_ref(), other.downcast_ref()) {
            (Some(Told(cause)), _) => (*cause).to_owned(),
            (None, Some(cause)) => unusual(cause).to_owned(),
            (None, None) => UNTOLD.to_owned(),
        },
        _ => UNTOLD.to_owned(),
    }
}

const CRITICAL: &str = "it has a critical extension that RMM does not know";
const UNTOLD: &str = "it breaks a rule that RMM has no word for; `openssl x509 -text` shows what it says";

#[expect(clippy::wildcard_enum_match_arm, reason = "the library's list of errors grows")]
fn unusual(cause: &webpki::Error) -> &'static str {
    match cause {
        webpki::Error::CaUsedAsEndEntity => "it is signed by itself; name it as `ca = \"file:…\"` of the health check",
        webpki::Error::UnsupportedCertVersion => {
            "it is of X.509 version 1, which nobody takes any more; make one of version 3, with a subjectAltName"
        }
        webpki::Error::CertDistrusted => "its authority has lost the trust of others",
        webpki::Error::EndEntityUsedAsCa => "it is signed with a certificate that is none of an authority (no CA:TRUE)",
        webpki::Error::PathLenConstraintViolated => "there are more authorities in its chain than one of them allows",
        webpki::Error::NameConstraintViolation => "its authority may not sign for this name",
        webpki::Error::EmptyEkuExtension => "it is made for nothing: its extendedKeyUsage is empty",
        webpki::Error::UnsupportedCriticalExtension => CRITICAL,
        webpki::Error::SignatureAlgorithmMismatch => "it names two ways in which it would be signed",
        webpki::Error::InvalidSerialNumber => "its serial number is not a positive number of at most 20 bytes",
        webpki::Error::MalformedDnsIdentifier
        | webpki::Error::MalformedNameConstraint
        | webpki::Error::InvalidNetworkMaskConstraint
        | webpki::Error::UnsupportedNameType => "a name in it or in its authority's is none",
        webpki::Error::MalformedExtensions | webpki::Error::ExtensionValueInvalid => "its extensions are damaged",
        webpki::Error::MaximumPathBuildCallsExceeded
        | webpki::Error::MaximumPathDepthExceeded
        | webpki::Error::MaximumNameConstraintComparisonsExceeded
        | webpki::Error::MaximumSignatureChecksExceeded => "its chain of authorities is too long",
        _ => UNTOLD,
    }
}

/// `DnsName("x")` → `x`.
fn shown(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"').chars().filter(|c| !c.is_control()).take(100).collect()
}

fn day(time: UnixTime) -> String {
    let second = i64::try_from(time.as_secs()).ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
    second.map_or_else(String::new, |time| time.strftime("%Y-%m-%d").to_string())
}
