//! JSON Web Tokens with RS256 over `ring`, the one signature that GitHub knows: what RMM signs as a GitHub App, and
//! what workflows bring as their identity. No other algorithm is signed with or believed.
//!
//! It knows no clock: who calls it says what time it is, and judges the claims about it.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind, new_error};
use jsonwebtoken::signature::{Error as Unfit, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey, Header};
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair, PublicKeyComponents};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde::Serialize;

pub use jsonwebtoken::{TokenData, Validation};

/// What is wrong with a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFault {
    /// No private key in PEM format.
    NotPem,
    /// A key of another kind, an encrypted one, or one that is too short (under 2048 bits) or damaged.
    NotRsa,
}

/// A private RSA key. Its `Debug` shows nothing of it.
#[derive(Debug, Clone)]
pub struct SigningKey(EncodingKey);

impl SigningKey {
    /// Reads a key in PEM format, PKCS#1 (as GitHub gives it) or PKCS#8.
    ///
    /// # Errors
    /// [`KeyFault`].
    pub fn from_pem(text: &str) -> Result<Self, KeyFault> {
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| KeyFault::NotPem)?;
        key_pair(key.secret_der()).map_err(|_| KeyFault::NotRsa)?;
        Ok(Self(EncodingKey::from_rsa_der(key.secret_der())))
    }

    /// Signs claims: the whole token.
    ///
    /// # Errors
    /// Claims that are no JSON object.
    pub fn sign<T: Serialize>(&self, claims: &T) -> Result<String, Error> {
        install();
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), claims, &self.0)
    }
}

/// A public RSA key from its JSON Web Key: `n` and `e` as written there.
///
/// # Errors
/// Text that is not base64url.
pub fn public_key(n: &str, e: &str) -> Result<DecodingKey, Error> {
    DecodingKey::from_rsa_components(n, e)
}

/// What a validation begins with: RS256, and no claim looked at; [`jsonwebtoken`] itself would read the clock.
#[must_use]
pub fn signature_only() -> Validation {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

/// The claims of a token, after its signature and what `validation` asks for were checked.
///
/// # Errors
/// A token that is not to be believed, or is none; any algorithm but RS256.
pub fn decode<T: serde::de::DeserializeOwned>(
    token: &str,
    key: &DecodingKey,
    validation: &Validation,
) -> Result<TokenData<T>, Error> {
    install();
    jsonwebtoken::decode(token, key, validation)
}

/// The name of the key (`kid`) that a token says it is signed with. Nothing of the token is checked.
///
/// # Errors
/// Text that is no token.
pub fn key_id(token: &str) -> Result<Option<String>, Error> {
    jsonwebtoken::decode_header(token).map(|header| header.kid)
}

/// `ring` does the cryptography of [`jsonwebtoken`] in this process. Only the first call changes anything.
fn install() {
    // Refused where it is installed already.
    let _ = RING.install_default();
}

static RING: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| match (algorithm, key.family()) {
        (Algorithm::RS256, AlgorithmFamily::Rsa) => Ok(Box::new(Rs256Signer(key.clone()))),
        _ => Err(new_error(ErrorKind::InvalidAlgorithm)),
    },
    verifier_factory: |algorithm, key| match (algorithm, key.family()) {
        (Algorithm::RS256, AlgorithmFamily::Rsa) => Ok(Box::new(Rs256Verifier(key.clone()))),
        _ => Err(new_error(ErrorKind::InvalidAlgorithm)),
    },
    // Only for making JSON Web Keys, which RMM never does.
    key_utils: KeyUtils::new_unimplemented(),
};

struct Rs256Signer(EncodingKey);

impl Signer<Vec<u8>> for Rs256Signer {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, Unfit> {
        let pair = key_pair(self.0.as_bytes()).map_err(|_| Unfit::new())?;
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).map_err(|_| Unfit::new())?;
        Ok(signature)
    }
}

impl JwtSigner for Rs256Signer {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RS256
    }
}

struct Rs256Verifier(DecodingKey);

impl Verifier<Vec<u8>> for Rs256Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), Unfit> {
        let verified = match self.0.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                PublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            DecodingKeyKind::SecretOrDer(der) => {
                UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).verify(message, signature)
            }
        };
        verified.map_err(|_| Unfit::new())
    }
}

impl JwtVerifier for Rs256Verifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RS256
    }
}

/// PKCS#1 or PKCS#8; at least 2048 bits, `ring` takes no shorter ones.
fn key_pair(der: &[u8]) -> Result<KeyPair, ring::error::KeyRejected> {
    KeyPair::from_der(der).or_else(|_| KeyPair::from_pkcs8(der))
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
