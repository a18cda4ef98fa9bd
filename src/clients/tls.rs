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
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

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
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Whether a certificate was refused for being one of an authority, and for nothing else.
fn is_authority(error: &Error) -> bool {
    matches!(error, Error::InvalidCertificate(CertificateError::Other(other)) if other.to_string() == "CaUsedAsEndEntity")
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
            format!("and RMM have no way of TLS in common ({error}); it must offer TLS 1.2 or 1.3")
        }
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "does not speak TLS there; a service without TLS has an address with http://".to_owned()
        }
        other => format!("broke off TLS: {other}"),
    })
}

fn alerted(alert: AlertDescription) -> String {
    if alert == AlertDescription::CertificateRequired {
        "wants a certificate of whoever asks, and RMM has none; ask it by a `command` instead".to_owned()
    } else if alert == AlertDescription::UnrecognisedName {
        "does not know this name; ask for the name that its certificate has".to_owned()
    } else if alert == AlertDescription::ProtocolVersion {
        "speaks neither TLS 1.2 nor TLS 1.3".to_owned()
    } else if alert == AlertDescription::NoApplicationProtocol {
        "speaks neither HTTP/1.1 nor HTTP/2 over TLS".to_owned()
    } else {
        format!("broke off TLS: {alert:?}")
    }
}

const AUTHORITY: &str = "the authority that signed it is unknown; name its certificate as `ca = \"file:…\"` of the health \
                         check";

#[expect(clippy::wildcard_enum_match_arm, reason = "the library's list of errors grows")]
fn certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => AUTHORITY.to_owned(),
        CertificateError::Expired => "it has expired".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => format!("it has expired {}", day(*not_after)),
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
        CertificateError::Revoked => "it has been revoked".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not made for a server".to_owned()
        }
        CertificateError::Other(_) if is_authority(&Error::InvalidCertificate(error.clone())) => {
            "it is signed by itself; name it as `ca = \"file:…\"` of the health check".to_owned()
        }
        other => format!("{other}"),
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
