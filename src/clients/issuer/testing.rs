//! An issuer on loopback, with keys that are made in the test.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaEncoding};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use crate::clients::jose::testing::{components, openssl, pem};

/// An issuer: its address, what it answers, and how often it was asked.
pub struct FakeIssuer {
    /// Where it is.
    pub url: String,
    state: Arc<Answers>,
}

struct Answers {
    answer: Mutex<(StatusCode, String)>,
    asked: AtomicUsize,
}

impl FakeIssuer {
    /// One with the key of the tests under these names.
    pub async fn with_keys(names: &[&str]) -> Self {
        let answer = Mutex::new((StatusCode::OK, key_set(names)));
        let state = Arc::new(Answers { answer, asked: AtomicUsize::new(0) });
        let keys = |State(state): State<Arc<Answers>>| async move {
            state.asked.fetch_add(1, Ordering::SeqCst);
            state.answer.lock().unwrap().clone()
        };
        let router = Router::new().route("/.well-known/jwks", get(keys)).with_state(state.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, state }
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.state.asked.load(Ordering::SeqCst)
    }

    /// Another answer from now on.
    pub fn answers(&self, status: u16, body: impl Into<String>) {
        *self.state.answer.lock().unwrap() = (StatusCode::from_u16(status).unwrap(), body.into());
    }
}

/// The public key of the tests under each of these names.
pub fn key_set(names: &[&str]) -> String {
    let (n, e) = components(pem());
    let keys: Vec<_> = names
        .iter()
        .map(|name| json!({ "kid": name, "kty": "RSA", "alg": "RS256", "use": "sig", "n": n, "e": e }))
        .collect();
    json!({ "keys": keys }).to_string()
}

/// Another key than that of the tests.
pub fn other_pem() -> String {
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
}

/// A token that is signed as its header says.
pub fn signed(header: &Value, claims: &Value) -> String {
    signed_with(pem(), header, claims)
}

/// The same with another key.
pub fn signed_with(pem: &str, header: &Value, claims: &Value) -> String {
    let head = unsigned(header, claims);
    let algorithm: &dyn RsaEncoding = if header["alg"] == "RS512" { &RSA_PKCS1_SHA512 } else { &RSA_PKCS1_SHA256 };
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    let pair = ring::rsa::KeyPair::from_pkcs8(key.secret_der()).unwrap();
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(algorithm, &SystemRandom::new(), head.as_bytes(), &mut signature).unwrap();
    format!("{head}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

/// A token whose signature is that of HMAC with SHA-256 and this secret.
pub fn signed_with_secret(secret: &[u8], header: &Value, claims: &Value) -> String {
    let head = unsigned(header, claims);
    let tag = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret), head.as_bytes());
    format!("{head}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag))
}

/// Header and claims, without a signature.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    let encode = |part: &Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

/// An issuer over TLS, with a self-signed certificate: its address and the certificate.
pub async fn served_over_tls(names: &[&str]) -> (String, String) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let body = key_set(names);
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut question = [0; 4096];
            let _ = stream.read(&mut question).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (url, made.cert.pem())
}
