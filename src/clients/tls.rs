//! TLS for questions that RMM asks itself: whom it trusts, and what is wrong with a certificate.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
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
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use webpki::EndEntityCert;

use crate::domain::fault::{AnswerFault, CertificateFault, TlsFault, TrustFault};

/// What RMM speaks over TLS, the best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Trusts the public authorities, and those of `ca` (PEM) beside them.
///
/// # Errors
/// What is wrong with `ca`.
pub fn client(ca: Option<&str>) -> Result<Arc<ClientConfig>, TrustFault> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let mut own = Vec::new();
    for certificate in ca.into_iter().flat_map(|text| CertificateDer::pem_slice_iter(text.as_bytes())) {
        let certificate = certificate.map_err(|_| TrustFault::NotPem)?;
        roots.add(certificate.clone()).map_err(|_| TrustFault::CertificateUnusable)?;
        own.push(certificate);
    }
    let failed = |error: &dyn std::fmt::Display| TrustFault::NotSetUp { said: error.to_string() };
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
    fn misleading(&self, end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> CertificateFault {
        let signed = std::iter::once(end_entity).chain(intermediates);
        let issuers: Vec<_> =
            signed.filter_map(|one| Some(EndEntityCert::try_from(one).ok()?.issuer().to_vec())).collect();
        let mut authorities = self.own.iter().chain(intermediates);
        let is_short = |one: &CertificateDer<'_>| {
            EndEntityCert::try_from(one)
                .is_ok_and(|one| issuers.iter().any(|name| name == one.subject()) && is_short(&one))
        };
        if authorities.any(is_short) {
            CertificateFault::ShortAuthorityKey
        } else if self.own.is_empty() {
            CertificateFault::NotOfItsAuthority
        } else {
            CertificateFault::OtherAuthority
        }
    }
}

/// The server has not proven that the certificate is its own.
fn unproven(certificate: &CertificateDer<'_>, error: Error) -> Error {
    if error != Error::InvalidCertificate(CertificateError::BadSignature) {
        return error;
    }
    let short = EndEntityCert::try_from(certificate).is_ok_and(|certificate| is_short(&certificate));
    told(if short { CertificateFault::ShortKey } else { CertificateFault::NotItsKey })
}

/// Whether a certificate has an RSA key that is too short to be trusted.
fn is_short(certificate: &EndEntityCert<'_>) -> bool {
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    /// Bytes of a key of 2048 bits with what is around it, if its exponent is the shortest one.
    const LEAST: usize = 292;
    let key = certificate.subject_public_key_info();
    key.len() < LEAST && key.windows(RSA.len()).any(|part| part == RSA)
}

/// A cause that has been found already.
#[derive(Debug, thiserror::Error)]
#[error("{0:?}")]
struct Found(CertificateFault);

fn told(cause: CertificateFault) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Found(cause)))))
}

/// Why a server has shown no certificate that holds.
#[derive(Debug)]
pub enum NotShown {
    /// What became of the question.
    Answer(AnswerFault),
    /// What the system or a library said.
    Said(String),
}

/// Whether the certificate that a server shows holds at a later time, too. It is of a public authority.
///
/// # Errors
/// Why it does not hold now, or there is none.
pub async fn holds(host: &str, port: u16, later: Timestamp) -> Result<bool, NotShown> {
    let said = |error: &dyn std::fmt::Display| NotShown::Said(error.to_string());
    let name = host.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(name).map_err(|_| NotShown::Answer(AnswerFault::NoName))?;
    let config = client(None).map_err(|fault| NotShown::Said(format!("{fault:?}")))?;
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await.map_err(|error| said(&error))?;
    let shown = TlsConnector::from(config).connect(name.clone(), stream).await;
    let shown = shown.map_err(|error| match fault(&error) {
        Some(fault) => NotShown::Answer(AnswerFault::Tls { fault }),
        None => said(&error),
    })?;
    let Some([own, others @ ..]) = shown.get_ref().1.peer_certificates() else {
        return Err(NotShown::Answer(AnswerFault::Tls { fault: TlsFault::NoCertificate }));
    };
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider())).build();
    let seconds = u64::try_from(later.as_second()).unwrap_or_default();
    let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let verifier = verifier.map_err(|error| said(&error))?;
    Ok(verifier.verify_server_cert(own, others, &name, &[], at).is_ok())
}

/// Whether a certificate was refused for being one of an authority, and for nothing else.
fn is_authority(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(OtherError(other))) = error else { return false };
    matches!(other.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

/// What is wrong, if it is wrong with TLS.
#[must_use]
#[expect(clippy::wildcard_enum_match_arm, reason = "the library's list of errors grows")]
pub fn fault(error: &io::Error) -> Option<TlsFault> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    Some(match error {
        Error::InvalidCertificate(why) => TlsFault::Untrusted { cause: certificate(why) },
        Error::NoCertificatesPresented => TlsFault::NoCertificate,
        Error::AlertReceived(alert) => alerted(*alert),
        Error::NoApplicationProtocol => TlsFault::NoHttp,
        Error::PeerIncompatible(_) => TlsFault::NothingInCommon,
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            TlsFault::NotTls
        }
        Error::PeerMisbehaved(_) | Error::PeerSentOversizedRecord | Error::DecryptError => TlsFault::AgainstRules,
        _ => TlsFault::Other,
    })
}

fn alerted(alert: AlertDescription) -> TlsFault {
    if alert == AlertDescription::CertificateRequired {
        return TlsFault::WantsCertificate;
    } else if alert == AlertDescription::UnrecognisedName {
        return TlsFault::NameUnknown;
    } else if alert == AlertDescription::ProtocolVersion {
        return TlsFault::TooOld;
    } else if alert == AlertDescription::NoApplicationProtocol {
        return TlsFault::NoHttp;
    } else if alert == AlertDescription::HandshakeFailure {
        return TlsFault::NoCipherInCommon;
    }
    let number = u8::from(alert);
    // As RFC 8446 calls them.
    let name = match number {
        0 => "close notify",
        10 => "unexpected message",
        20 => "bad record",
        22 => "record overflow",
        47 => "illegal parameter",
        48 => "unknown authority",
        49 => "access denied",
        50 => "decode error",
        51 => "decrypt error",
        71 => "insufficient security",
        80 => "internal error",
        86 => "inappropriate fallback",
        90 => "canceled",
        _ => return TlsFault::Alert { number, name: None },
    };
    TlsFault::Alert { number, name: Some(name.to_owned()) }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the library's list of errors grows")]
fn certificate(error: &CertificateError) -> CertificateFault {
    use CertificateFault as F;
    match error {
        CertificateError::UnknownIssuer => F::UnknownAuthority,
        CertificateError::Expired => F::Expired { since: None },
        CertificateError::ExpiredContext { not_after, .. } => F::Expired { since: timestamp(*not_after) },
        CertificateError::NotValidYet => F::NotYetValid { from: None },
        CertificateError::NotValidYetContext { not_before, .. } => F::NotYetValid { from: timestamp(*not_before) },
        CertificateError::NotValidForName => F::OtherName,
        CertificateError::NotValidForNameContext { expected, presented } => {
            let wanted = expected.to_str().into_owned();
            if presented.is_empty() {
                F::NoName { wanted }
            } else {
                F::OtherNames { names: presented.iter().map(|name| shown(name)).collect(), wanted }
            }
        }
        CertificateError::BadSignature => F::WrongSignature,
        CertificateError::BadEncoding => F::Damaged,
        CertificateError::UnhandledCriticalExtension => F::UnknownExtension,
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => F::SignatureNotTaken,
        CertificateError::Revoked => F::Revoked,
        CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. }
        | CertificateError::InvalidOcspResponse => F::RevocationUnknown,
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => F::NotForServers,
        CertificateError::Other(OtherError(other)) => match (other.downcast_ref(), other.downcast_ref()) {
            (Some(Found(cause)), _) => cause.clone(),
            (None, Some(cause)) => unusual(cause),
            (None, None) => F::Other,
        },
        _ => F::Other,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the library's list of errors grows")]
fn unusual(cause: &webpki::Error) -> CertificateFault {
    use CertificateFault as F;
    match cause {
        webpki::Error::CaUsedAsEndEntity => F::SelfSigned,
        webpki::Error::UnsupportedCertVersion => F::VersionOne,
        webpki::Error::CertDistrusted => F::AuthorityDistrusted,
        webpki::Error::EndEntityUsedAsCa => F::NotByAuthority,
        webpki::Error::PathLenConstraintViolated => F::TooManyAuthorities,
        webpki::Error::NameConstraintViolation => F::NameNotAllowed,
        webpki::Error::EmptyEkuExtension => F::ForNothing,
        webpki::Error::UnsupportedCriticalExtension => F::UnknownExtension,
        webpki::Error::SignatureAlgorithmMismatch => F::TwoSignatures,
        webpki::Error::InvalidSerialNumber => F::BadSerialNumber,
        webpki::Error::MalformedDnsIdentifier
        | webpki::Error::MalformedNameConstraint
        | webpki::Error::InvalidNetworkMaskConstraint
        | webpki::Error::UnsupportedNameType => F::BadName,
        webpki::Error::MalformedExtensions | webpki::Error::ExtensionValueInvalid => F::BadExtensions,
        webpki::Error::MaximumPathBuildCallsExceeded
        | webpki::Error::MaximumPathDepthExceeded
        | webpki::Error::MaximumNameConstraintComparisonsExceeded
        | webpki::Error::MaximumSignatureChecksExceeded => F::ChainTooLong,
        _ => F::Other,
    }
}

/// `DnsName("x")` → `x`.
fn shown(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"').chars().filter(|c| !c.is_control()).take(100).collect()
}

fn timestamp(time: UnixTime) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_second(i64::try_from(time.as_secs()).ok()?).ok()
}
