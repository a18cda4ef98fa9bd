use serde_json::json;

use super::testing::{FakeIssuer, key_set};
use super::*;

#[tokio::test]
async fn keys_are_asked_for_once_and_unknown_ones_once_a_minute() {
    let issuer = FakeIssuer::with_keys(&["a", "b"]).await;
    let keys = Arc::new(IssuerKeys::default());
    let flood = (0..200).map(|number| {
        let (keys, url) = (keys.clone(), issuer.url.clone());
        tokio::spawn(async move { keys.find(&url, &format!("unknown {number}")).await })
    });
    for asked in flood.collect::<Vec<_>>() {
        assert!(asked.await.unwrap().unwrap().is_none());
    }
    assert!(
        keys.find(&issuer.url, "a").await.unwrap().is_some() && keys.find(&issuer.url, "b").await.unwrap().is_some()
    );
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn keys_come_and_go_with_the_issuer_and_stay_while_it_is_away() {
    let issuer = FakeIssuer::with_keys(&["a"]).await;
    let keys = IssuerKeys::asked_once_in(Duration::ZERO);
    assert!(keys.find(&issuer.url, "a").await.unwrap().is_some());
    issuer.answers(200, key_set(&["b"]));
    assert!(keys.find(&issuer.url, "b").await.unwrap().is_some(), "an unknown key is asked for");
    assert!(keys.find(&issuer.url, "a").await.unwrap().is_none(), "the issuer has taken it back");

    issuer.answers(503, "");
    assert!(keys.find(&issuer.url, "c").await.is_err());
    assert!(keys.find(&issuer.url, "b").await.unwrap().is_some());
    // Also where it is time to ask again.
    keys.fresh.invalidate(&issuer.url).await;
    assert!(keys.find(&issuer.url, "b").await.unwrap().is_some());
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
        assert!(keys.find(&issuer.url, "a").await.is_err(), "{status}");
    }
    let odd =
        json!({ "keys": [{ "kty": "EC", "kid": "a" }, { "kid": "a", "kty": "RSA", "n": "?", "e": "AQAB" }, 7, null] });
    issuer.answers(200, odd.to_string());
    assert!(keys.find(&issuer.url, "a").await.unwrap().is_none());
    assert!(keys.find("http://127.0.0.1:1", "a").await.is_err());
}
