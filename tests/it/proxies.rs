//! For whom a request is that comes through a proxy, and who may say so.

use crate::world::{Browser, Setup, World};

/// Wrong links from one place before others from there have to wait.
async fn guesses(browser: &Browser<'_>, from: impl Fn(usize) -> String, most: usize) -> Option<usize> {
    for guess in 0..most {
        let address = from(guess);
        let headers = [("x-forwarded-for", address.as_str())];
        let status = browser.status("POST", "/login", Some(&[("code", "0123")]), &headers).await;
        if status == 429 {
            return Some(guess);
        }
        assert_eq!(status, 410);
    }
    None
}

#[tokio::test]
async fn a_caller_does_not_choose_where_they_come_from() {
    let world = World::new(Setup::new()).await;
    let browser = Browser::of(&world);
    let made_up = |guess: usize| format!("192.0.2.{guess}");
    let ended = guesses(&browser, made_up, 200).await;
    assert!(ended.is_some(), "guessing goes on for ever under a made-up address");
    // Nor what the record says of it.
    let mut ann = Browser::of(&world);
    let link = ann.link(Some("ann")).await;
    let headers = [("x-forwarded-for", "192.0.2.7"), ("forwarded", "for=192.0.2.7")];
    assert_eq!(ann.send_from("/login", &[("code", &link)], &headers).await.status, 303);
    let events = world.events().await;
    let came = events.iter().find(|event| event["kind"] == "signed_in").unwrap();
    assert_eq!(came["data"]["address"], "127.0.0.1");
}

#[tokio::test]
async fn behind_a_proxy_that_is_named_each_caller_has_an_address() {
    let world = World::new(Setup::new().variable("RMM__SERVER__TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8")).await;
    let browser = Browser::of(&world);
    // What the caller itself writes stands to the left of what the proxy adds.
    let one = |guess: usize| format!("203.0.113.{guess}, 192.0.2.7, 10.0.0.3");
    let ended = guesses(&browser, one, 200).await.expect("one caller is stopped");
    assert!(ended > 1);
    assert_eq!(guesses(&browser, |_| "192.0.2.8".to_owned(), 1).await, None, "another one is not");
    let mut ann = Browser::of(&world);
    let link = ann.link(Some("ann")).await;
    // A second header is one that the caller may have written.
    let headers = [("x-forwarded-for", "[2001:db8::7]:4711"), ("forwarded", "for=203.0.113.99")];
    assert_eq!(ann.send_from("/login", &[("code", &link)], &headers).await.status, 303);
    assert!(ann.open("/account").await.text("main").contains("2001:db8::7"));
}

#[tokio::test]
async fn browsers_keep_to_https_where_it_is_served_by_it() {
    let plain = World::new(Setup::new()).await;
    let page = Browser::of(&plain).open("/login").await;
    assert!(!page.headers.contains_key("strict-transport-security"));
    let world = World::new(Setup::new().variable("RMM__SERVER__PUBLIC_URL", "https://rmm.example.com")).await;
    for path in ["/login", "/healthz", "/nothing"] {
        let page = Browser::of(&world).open(path).await;
        assert_eq!(page.headers["strict-transport-security"], "max-age=31536000", "{path}");
    }
}
