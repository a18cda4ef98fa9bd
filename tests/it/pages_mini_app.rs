//! The dashboard inside Telegram: who opens the Mini App is signed in, if Telegram vouches for them.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use std::collections::BTreeMap;

use crate::world::{ADDRESS, Browser, Setup, World};

fn mac(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// What Telegram tells a Mini App of this bot, now.
fn told(user: &serde_json::Value, token: &str) -> String {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let fields =
        BTreeMap::from([("auth_date", now.to_string()), ("query_id", "AA".to_owned()), ("user", user.to_string())]);
    let lines: Vec<_> = fields.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let hash = mac(&mac(b"WebAppData", token), &lines.join("\n"));
    let hash = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let fields: Vec<(&str, String)> = fields.into_iter().chain([("hash", hash)]).collect();
    serde_urlencoded::to_string(fields).unwrap()
}

/// In two parts, so that nothing takes it for a real one.
fn token() -> String {
    format!("{}:{}", 123_456, "A".repeat(35))
}

#[tokio::test]
async fn who_opens_it_in_telegram_is_signed_in() {
    let world = World::new(Setup::new().bot(&token(), &[("ann", 7)])).await;
    let mut ann = Browser::of(&world);
    let page = ann.open("/telegram").await;
    let policy = page.headers["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.ends_with("frame-ancestors https://web.telegram.org"), "{policy}");
    let data = told(&json!({ "id": 7, "first_name": "Ann" }), &token());
    let origin = [("origin", ADDRESS), ("sec-fetch-site", "same-origin")];
    let done = ann.send_from("/telegram", &[("data", &data), ("to", "//evil.example")], &origin).await;
    assert_eq!((done.status, done.location.as_deref()), (303, Some("/")), "{}", done.html);
    let cookie = done.headers.get_all("set-cookie").iter().next_back().unwrap().to_str().unwrap();
    assert!(
        cookie.starts_with("__Host-rmm=") && cookie.contains("Secure") && cookie.contains("SameSite=None; Partitioned")
    );
    assert_eq!(ann.open("/").await.text(".who .n"), "ann");

    // Telegram shows the page anew with what it told before; who else has seen that is not let in by it.
    let again = ann.send_from("/telegram", &[("data", &data), ("to", "/hosts")], &origin).await;
    assert_eq!((again.status, again.location.as_deref()), (303, Some("/hosts")), "{}", again.html);
    let mut thief = Browser::of(&world);
    let refused = thief.send_from("/telegram", &[("data", &data)], &origin).await;
    assert_eq!(refused.status, 401);
    assert!(refused.text("main").contains("open it again"), "{}", refused.html);
    assert_eq!(thief.open("/").await.status, 303);
}

#[tokio::test]
async fn what_telegram_did_not_sign_and_people_that_rmm_does_not_know_stay_outside() {
    let world = World::new(Setup::new().bot(&token(), &[("ann", 7)])).await;
    let mut eve = Browser::of(&world);
    let origin = [("sec-fetch-site", "same-origin")];
    let ann = json!({ "id": 7, "first_name": "Ann" });
    let forged = told(&ann, &format!("{}:{}", 654_321, "A".repeat(35)));
    for (data, status) in [
        (forged, 401),
        (told(&json!({ "id": 8, "first_name": "Eve" }), &token()).replace("id%22%3A8", "id%22%3A7"), 401),
        (String::new(), 401),
        (told(&json!({ "id": 8, "first_name": "Eve" }), &token()), 403),
    ] {
        let page = eve.send_from("/telegram", &[("data", &data)], &origin).await;
        assert_eq!(page.status, status, "{data}: {}", page.html);
        assert!(page.text("main").contains("bot"), "it says what to do: {}", page.html);
    }
    let good = told(&ann, &token());
    assert_eq!(eve.send_from("/telegram", &[("data", &good)], &[("sec-fetch-site", "cross-site")]).await.status, 403);
    assert_eq!(eve.open("/").await.status, 303);

    let plain = World::new(Setup::new()).await;
    let mut ann = Browser::of(&plain);
    assert_eq!(ann.open("/telegram").await.status, 404, "no bot, no TLS");
    let policy = ann.open("/login").await.headers["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.ends_with("frame-ancestors 'none'"), "{policy}");
}
