use serde_json::{Value, json};

use super::testing::{components, openssl, pem};
use super::*;

fn public(pem: &str) -> DecodingKey {
    let (n, e) = components(pem);
    public_key(&n, &e).expect("a public key")
}

#[test]
fn what_is_signed_is_believed_and_nothing_else() {
    let token = SigningKey::from_pem(pem()).expect("a key").sign(&json!({"iss": "7"})).expect("a token");
    let claims = decode::<Value>(&token, &public(pem()), &signature_only()).expect("a token that is true").claims;
    assert_eq!(claims, json!({"iss": "7"}));

    let (head, signature) = token.rsplit_once('.').expect("three parts");
    let other = SigningKey::from_pem(pem()).expect("a key").sign(&json!({"iss": "8"})).expect("a token");
    let (other_head, _) = other.rsplit_once('.').expect("three parts");
    for forged in [format!("{other_head}.{signature}"), format!("{head}."), head.to_owned(), "x".to_owned()] {
        assert!(decode::<Value>(&forged, &public(pem()), &signature_only()).is_err(), "{forged}");
    }

    let stranger = openssl(&["genrsa", "-traditional", "2048"]);
    assert!(decode::<Value>(&token, &public(&stranger), &signature_only()).is_err());
}

#[test]
fn a_token_of_another_algorithm_is_not_believed() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    for algorithm in ["none", "HS256", "RS512", "PS256"] {
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": algorithm, "typ": "JWT"}).to_string());
        let claims = URL_SAFE_NO_PAD.encode(json!({"iss": "7"}).to_string());
        let token = format!("{header}.{claims}.{claims}");
        assert!(decode::<Value>(&token, &public(pem()), &signature_only()).is_err(), "{algorithm}");
    }
}

#[test]
fn keys_come_in_both_forms_and_others_are_named() {
    let traditional = openssl(&["genrsa", "-traditional", "2048"]);
    assert!(traditional.contains("BEGIN RSA PRIVATE KEY"), "PKCS#1, as GitHub gives it");
    let token = SigningKey::from_pem(&traditional).expect("a key").sign(&json!({})).expect("a token");
    assert!(decode::<Value>(&token, &public(&traditional), &signature_only()).is_ok());

    assert_eq!(SigningKey::from_pem("not a key").err(), Some(KeyFault::NotPem));
    assert_eq!(SigningKey::from_pem("").err(), Some(KeyFault::NotPem));
    let short = openssl(&["genrsa", "-traditional", "1024"]);
    assert_eq!(SigningKey::from_pem(&short).err(), Some(KeyFault::NotRsa));
    let curve = openssl(&["genpkey", "-algorithm", "ed25519"]);
    assert_eq!(SigningKey::from_pem(&curve).err(), Some(KeyFault::NotRsa));
}

#[test]
fn the_key_shows_itself_to_no_one() {
    let key = SigningKey::from_pem(pem()).expect("a key");
    assert!(format!("{key:?}").contains("redacted"), "{key:?}");
}

#[test]
fn a_token_names_its_key() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let header = URL_SAFE_NO_PAD.encode(json!({"alg": "RS256", "kid": "abc"}).to_string());
    assert_eq!(key_id(&format!("{header}.e30.x")).expect("a header").as_deref(), Some("abc"));
    assert!(key_id("nonsense").is_err());
}
