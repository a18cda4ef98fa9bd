use serde_json::json;

use super::testing::{FakeIssuer, key_set};
use super::*;

async fn has(keys: &IssuerKeys, issuer: &str, key: &str) -> bool {
    matches!(keys.find(issuer, None, key).await, Ok(Found::Key(_)))
}

#[tokio::test]
async fn a_key_that_is_younger_than_the_last_look_may_be_good() {
    let issuer = FakeIssuer::with_keys(&["a"]).await;
    let keys = IssuerKeys::default();
    assert!(matches!(keys.find(&issuer.url, None, "b").await, Ok(Found::None)), "the issuer was asked for this one");
    issuer.answers(200, key_set(&["a", "b"]));
    assert!(matches!(keys.find(&issuer.url, None, "b").await, Ok(Found::AskLater)));
    assert!(has(&keys, &issuer.url, "a").await);
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn an_issuer_with_a_certificate_of_its_own_is_believed_with_its_authority() {
    let (url, certificate) = super::testing::served_over_tls(&["a"]).await;
    let keys = IssuerKeys::asked_once_in(Duration::ZERO);
    assert!(keys.find(&url, None, "a").await.is_err());
    assert!(matches!(keys.find(&url, Some(&certificate), "a").await, Ok(Found::Key(_))));
}

#[tokio::test]
async fn keys_are_asked_for_once_and_unknown_ones_once_a_minute() {
    let issuer = FakeIssuer::with_keys(&["a", "b"]).await;
    let keys = Arc::new(IssuerKeys::default());
    let flood = (0..200).map(|number| {
        let (keys, url) = (keys.clone(), issuer.url.clone());
        tokio::spawn(async move { keys.find(&url, None, &format!("unknown {number}")).await })
    });
    for asked in flood.collect::<Vec<_>>() {
        assert!(matches!(asked.await.unwrap().unwrap(), Found::None | Found::AskLater));
    }
    assert!(has(&keys, &issuer.url, "a").await && has(&keys, &issuer.url, "b").await);
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn keys_come_and_go_with_the_issuer_and_stay_while_it_is_away() {
    let issuer = FakeIssuer::with_keys(&["a"]).await;
    let keys = IssuerKeys::asked_once_in(Duration::ZERO);
    assert!(has(&keys, &issuer.url, "a").await);
    issuer.answers(200, key_set(&["b"]));
    assert!(has(&keys, &issuer.url, "b").await, "an unknown key is asked for");
    assert!(matches!(keys.find(&issuer.url, None, "a").await, Ok(Found::None)), "the issuer has taken it back");

    issuer.answers(503, "");
    assert!(keys.find(&issuer.url, None, "c").await.is_err());
    assert!(has(&keys, &issuer.url, "b").await);
    // Also where it is time to ask again.
    keys.fresh.invalidate(&issuer.url).await;
    assert!(has(&keys, &issuer.url, "b").await);
}

#[tokio::test]
async fn what_is_no_set_of_keys_is_none() {
    let issuer = FakeIssuer::with_keys(&[]).await;
    let keys = IssuerKeys::asked_once_in(Duration::ZERO);
    let endless = format!("{{\"keys\":[]}}{}", " ".repeat(MOST_ANSWER));
    for (status, body) in
        [(200, "<html>".to_owned()), (200, "[]".into()), (200, endless), (302, String::new()), (404, String::new())]
    {
        issuer.answers(status, body.clone());
        assert!(keys.find(&issuer.url, None, "a").await.is_err(), "{status}");
    }
    let odd =
        json!({ "keys": [{ "kty": "EC", "kid": "a" }, { "kid": "a", "kty": "RSA", "n": "?", "e": "AQAB" }, 7, null] });
    issuer.answers(200, odd.to_string());
    assert!(matches!(keys.find(&issuer.url, None, "a").await, Ok(Found::None)));
    assert!(keys.find("http://127.0.0.1:1", None, "a").await.is_err());
}
