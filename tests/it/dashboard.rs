//! The dashboard: who comes in, what they see, and what they may do there.

use serde_json::json;

use crate::world::{Browser, Page, SHOP, Setup, World, commit_of};

#[tokio::test]
async fn a_link_signs_in_once_and_the_session_ends_with_signing_out() {
    let world = World::new(Setup::new()).await;
    let mut stranger = Browser::of(&world);
    let page = stranger.open("/releases/12").await;
    assert_eq!((page.status, page.location.as_deref()), (303, Some("/login?to=%2Freleases%2F12")));
    assert!(stranger.open("/login").await.text("h1").contains("Sign in"));

    let mut ann = Browser::of(&world);
    let link = ann.link(Some("ann")).await;
    let path = link.strip_prefix(&format!("http://{}", world.address())).unwrap();
    // Looking at a link, as programs do, does not use it up.
    for _ in 0..2 {
        assert!(ann.open(path).await.text("main").contains("This link signs you in as ann"));
    }
    let offer = ann.open(path).await;
    let page = ann.submit(&offer, "/login", &[]).await;
    assert_eq!((page.status, page.location.as_deref()), (303, Some("/")));
    assert_eq!(ann.open("/").await.text("h1"), "Board");

    let mut thief = Browser::of(&world);
    assert!(thief.open(path).await.text("main").contains("was used already"));
    assert_eq!(thief.send("/login", &[("code", &link)]).await.status, 410);
    assert_eq!(thief.open("/").await.status, 303);

    let cookie = ann.cookie("rmm").unwrap().to_owned();
    let account = ann.open("/account").await;
    assert_eq!(ann.submit(&account, "/logout", &[]).await.location.as_deref(), Some("/login"));
    assert_eq!(ann.cookie("rmm"), None);
    ann.set_cookie("rmm", &cookie);
    assert_eq!(ann.open("/").await.status, 303, "the cookie of a session that was left");
    let events = world.events().await;
    let kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"login_link_made") && kinds.contains(&"signed_in"), "{kinds:?}");
}

#[tokio::test]
async fn people_approve_on_the_page_and_production_follows() {
    let setup = Setup::new().person("bob", "member").approved_by(2, ["ann", "bob"]);
    let world = World::new(setup).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    let path = format!("/releases/{release}");
    for person in ["ann", "bob"] {
        let mut browser = Browser::signed_in(&world, Some(person)).await;
        let board = browser.open("/").await;
        assert!(board.text("#needs").contains("waits for your approval"), "{}", board.html);
        let page = browser.open(&path).await;
        let done = browser.submit(&page, &format!("{path}/approve"), &[]).await;
        assert_eq!((done.status, done.location.as_deref()), (303, Some(path.as_str())), "{}", done.html);
        let page = browser.open(&path).await;
        let votes = page.texts("#votes li");
        assert!(votes.iter().any(|vote| vote.starts_with(&format!("{person} you Approved here"))), "{votes:?}");
        assert!(!page.has(&format!("form[action='{path}/approve']")), "voted already");
    }
    world.until(release, "deployed").await;
    let mut viewer = Browser::signed_in(&world, None).await;
    assert_eq!(viewer.open(&path).await.text("#now h2"), "Production runs it");
}

#[tokio::test]
async fn a_rejection_owes_a_reason_and_is_kept_literally() {
    let world = World::new(Setup::new()).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    let path = format!("/releases/{release}");
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = ann.open(&path).await;
    let refused = ann.submit(&page, &format!("{path}/reject"), &[("reason", "  ")]).await;
    assert_eq!(refused.status, 422, "{}", refused.html);
    assert!(refused.text("main").to_lowercase().contains("reason"), "{}", refused.html);
    let evil = "<script>alert(1)</script>\"><img src=x onerror=alert(2)>";
    let done = ann.submit(&page, &format!("{path}/reject"), &[("reason", evil)]).await;
    assert_eq!(done.status, 303, "{}", done.html);
    let page = ann.open(&path).await;
    assert!(page.text("#votes").contains(evil));
    assert!(!page.has("main script") && !page.has("main img"));
    assert_eq!(world.status(release).await, "manual_test_failed");
}

#[tokio::test]
async fn forms_from_elsewhere_do_nothing() {
    let world = World::new(Setup::new().person("bob", "member")).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    let path = format!("/releases/{release}");
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let mut bob = Browser::signed_in(&world, Some("bob")).await;
    let of = |page: &Page| page.csrf();
    let (own, other) = (of(&ann.open(&path).await), of(&bob.open("/account").await));
    let approve = format!("{path}/approve");
    for (word, headers) in [
        ("", &[][..]),
        ("00", &[]),
        (other.as_str(), &[]),
        (own.as_str(), &[("origin", "https://evil.example")]),
        (own.as_str(), &[("origin", "null")]),
        (own.as_str(), &[("sec-fetch-site", "cross-site")]),
    ] {
        let page = ann.send_from(&approve, &[("csrf", word)], headers).await;
        assert_eq!(page.status, 403, "{word} {headers:?}");
        let page = ann.send_from("/logout", &[("csrf", word)], headers).await;
        assert_eq!(page.status, 403, "{word} {headers:?}");
    }
    assert_eq!(world.show(release).await["approvals"]["given"], serde_json::json!([]));
    assert_eq!(ann.send(&approve, &[("csrf", &own)]).await.status, 303);
}

#[tokio::test]
async fn no_viewer_does_on_a_page_what_they_may_not_do_elsewhere() {
    let world = World::new(Setup::new()).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    let path = format!("/releases/{release}");
    let mut operator = Browser::signed_in(&world, None).await;
    let page = operator.open(&path).await;
    assert!(!page.has(&format!("form[action='{path}/approve']")), "the operator is no person whose vote counts");
    let csrf = page.csrf();
    let refused = operator.send(&format!("{path}/approve"), &[("csrf", &csrf)]).await;
    assert_eq!(refused.status, 403, "{}", refused.html);
    assert!(refused.text("h1").contains("Not allowed"));
    assert_eq!(operator.send(&format!("{path}/nonsense"), &[("csrf", &csrf)]).await.status, 404);
    assert_eq!(operator.open("/releases/999").await.status, 404);
    assert_eq!(operator.open("/releases/x").await.status, 404);
}

#[tokio::test]
async fn pages_load_nothing_foreign_and_are_kept_in_no_cache() {
    let world = World::new(Setup::new()).await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = ann.open("/").await;
    let header = |name: &str| page.headers[name].to_str().unwrap().to_owned();
    assert!(header("content-security-policy").starts_with("default-src 'self';"));
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("referrer-policy"), "same-origin");
    assert_eq!(header("cache-control"), "no-store");
    assert!(!page.has("[style]") && !page.has("[onclick]") && !page.has("script:not([src])"));
    let style = page.attribute("link[rel=stylesheet]", "href");
    let style = ann.open(&style).await;
    assert_eq!(style.status, 200);
    assert!(style.headers["cache-control"].to_str().unwrap().contains("immutable"));
    assert_eq!(ann.open("/assets/0/../../etc/passwd").await.status, 404);
}

#[tokio::test]
async fn pages_speak_the_language_of_their_reader() {
    let world = World::new(Setup::new()).await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let account = ann.open("/account").await;
    ann.submit(&account, "/account", &[("lang", "ru"), ("theme", "dark")]).await;
    let page = ann.open("/").await;
    assert_eq!(page.text("h1"), "Доска");
    assert!(page.html.contains("<html lang=\"ru\" data-theme=\"dark\">"));
    assert!(ann.open("/releases/999").await.text("h1").contains("Такой страницы нет"));
}

#[tokio::test]
async fn who_loses_the_way_is_told_so_in_a_page_with_the_way_back() {
    let world = World::new(Setup::new()).await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    for path in ["/nonsense", "/releases/1/nothing/here", "/releases/99"] {
        let page = ann.open(path).await;
        assert_eq!(page.status, 404, "{path}");
        assert_eq!(
            (page.text("h1").as_str(), page.text(".top .n").as_str()),
            ("There is no such page", "ann"),
            "{path}"
        );
        assert!(page.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'self'"));
    }
    assert_eq!(Browser::of(&world).open("/nonsense").await.text("h1"), "There is no such page");
    // A program hears what programs hear.
    world.operator().get("/nonsense").await.refused(404, "not_found");
}

#[tokio::test]
async fn the_line_of_a_release_is_that_of_its_attempt() {
    let world = World::new(Setup::new()).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    let path = format!("/releases/{release}");
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = ann.open(&path).await;
    assert!(page.text("#now .hint").contains("Commit"), "{}", page.html);
    ann.submit(&page, &format!("{path}/cancel"), &[("reason", "not today")]).await;
    let page = ann.open(&path).await;
    assert_eq!(page.texts("#track li.s-ok b"), ["Stage"], "{}", page.html);
    assert!(
        page.texts("#timeline li").iter().any(|event| event.starts_with("Cancelled by ann: not today")),
        "{}",
        page.html
    );
}

#[tokio::test]
async fn addresses_that_cannot_be_read_are_answered_in_pages_and_the_way_back_is_kept() {
    let world = World::new(Setup::new()).await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    for odd in ["/runs/1?step=x", "/releases?before=99999999999999999999", "/releases?q=1&q=2", "/releases/%FF"] {
        let page = ann.open(odd).await;
        assert_eq!(page.status, 400, "{odd}: {}", page.html);
        assert!(page.text("main").contains("cannot be read") && page.has("main a[href]"), "{odd}: {}", page.html);
    }
    let page = ann.open("/logout").await;
    assert_eq!(page.status, 405);
    assert!(page.has("main h1"), "{}", page.html);
    for (action, of) in [
        ("/releases/1/approve", "/releases/1"),
        ("/services/shop/lock", "/services/shop"),
        ("/people/sign-out", "/people"),
        ("/audit/verify", "/audit"),
    ] {
        assert_eq!(ann.open(action).await.location.as_deref(), Some(of), "its page");
    }

    let mut stranger = Browser::of(&world);
    let led = stranger.open("/releases?q=v1&service=shop").await.location.unwrap();
    assert_eq!(led, "/login?to=%2Freleases%3Fq%3Dv1%26service%3Dshop");
    let link = stranger.link(Some("ann")).await;
    let done = stranger.send("/login", &[("code", &link), ("to", "/\u{1}")]).await;
    assert_eq!((done.status, done.location.as_deref()), (303, Some("/")), "{}", done.html);
}

#[tokio::test]
async fn an_admin_skips_gates_on_the_page_and_the_page_says_so() {
    let world = World::new(Setup::new().person("bob", "member").approved_by(1, ["bob"])).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    let path = format!("/releases/{release}");
    let bypass = format!("{path}/bypass");
    let mut bob = Browser::signed_in(&world, Some("bob")).await;
    assert!(!bob.open(&path).await.has(&format!("form[action='{bypass}']")));
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = ann.open(&path).await;
    let done = ann.submit(&page, &bypass, &[("gates", "approvals"), ("reason", "hotfix")]).await;
    assert_eq!(done.status, 303, "{}", done.html);
    world.until(release, "deployed").await;
    let page = ann.open(&path).await;
    assert!(
        page.texts("#votes li").iter().any(|line| line == "ann you Skipped hotfix"),
        "{:?}",
        page.texts("#votes li")
    );
    assert!(!page.has(&format!("form[action='{bypass}']")), "nothing is left to skip");
}

#[tokio::test]
async fn signing_in_anew_ends_the_session_of_that_browser_and_guesses_of_links_are_limited() {
    let world = World::new(Setup::new().person("bob", "member")).await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let former = ann.cookie("rmm").unwrap().to_owned();
    let link = ann.link(Some("ann")).await;
    assert_eq!(ann.send("/login", &[("code", &link)]).await.status, 303);
    assert_eq!(ann.open("/account").await.texts("main .rows > li").len(), 1, "one session, not two");
    let mut thief = Browser::of(&world);
    thief.set_cookie("rmm", &former);
    assert_eq!(thief.open("/").await.status, 303);

    let mut guesses = Vec::new();
    for number in 0..60 {
        guesses.push(thief.open(&format!("/login/{number:064x}")).await.status);
    }
    assert_eq!((guesses[0], guesses.last().copied()), (410, Some(429)), "{guesses:?}");
}

#[tokio::test]
async fn who_comes_back_to_the_configuration_does_not_come_back_to_a_session() {
    let world = World::new(Setup::new().person("bob", "member")).await;
    let cookie = Browser::signed_in(&world, Some("bob")).await.cookie("rmm").unwrap().to_owned();
    let reads_again = async || world.operator().post("/api/v1/reload", &serde_json::json!({})).await.with_status(200);
    world.configure(|setup| setup.remove_person("bob"));
    reads_again().await;
    let mut bob = Browser::of(&world);
    bob.set_cookie("rmm", &cookie);
    assert_eq!(bob.open("/").await.status, 303);
    world.configure(|_| {});
    reads_again().await;
    bob.set_cookie("rmm", &cookie);
    assert_eq!(bob.open("/").await.status, 303);
}

#[tokio::test]
async fn an_open_page_hears_no_more_as_soon_as_its_session_is_ended() {
    let world = World::new(Setup::new().person("vera", "viewer")).await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let mut left = Browser::signed_in(&world, Some("vera")).await;
    let mut lost = Browser::signed_in(&world, Some("vera")).await;
    // Far ahead: nothing else is told.
    let (mut by_herself, mut by_ann) = (left.stream("/live?from=999999").await, lost.stream("/live?from=999999").await);
    let page = left.open("/account").await;
    assert_eq!(left.send("/logout", &[("csrf", &page.csrf())]).await.status, 303);
    let people = ann.open("/people").await;
    let session = people.attribute("form[action='/people/sign-out'] input[name=session]", "value");
    let ended = [("csrf", people.csrf()), ("person", "vera".to_owned()), ("session", session)];
    let ended = ended.each_ref().map(|(name, value)| (*name, value.as_str()));
    let done = ann.send("/people/sign-out", &ended).await;
    assert_eq!(done.status, 303, "{}", done.html);
    // Sooner than by the next sign of life, which is due after 15 s.
    for stream in [&mut by_herself, &mut by_ann] {
        let mut hear = async || tokio::time::timeout(std::time::Duration::from_secs(10), stream.chunk()).await;
        let last = hear().await.unwrap().unwrap().unwrap_or_default();
        assert!(last.starts_with(b"event: out"), "{last:?}");
        let heard = hear().await;
        assert!(matches!(heard, Ok(Ok(None))), "{heard:?}");
    }
    assert_eq!(lost.open("/").await.status, 303);
}

#[tokio::test]
async fn a_browser_that_shows_two_cookies_of_a_session_is_not_signed_in() {
    let world = World::new(Setup::new()).await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let own = ann.cookie("rmm").unwrap().to_owned();
    ann.set_cookie("rmm", &format!("{own}; rmm={own}"));
    assert_eq!(ann.open("/").await.status, 303);
}

#[tokio::test]
async fn what_was_written_into_a_form_of_a_service_or_a_token_survives_a_refusal() {
    let world = World::new(Setup::new()).await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = ann.open("/tokens").await;
    let words = [("name", "ann"), ("role", "member"), ("days", "365"), ("service", "shop")];
    let refused = ann.submit(&page, "/tokens/make", &words).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text("#refused").contains("is the name of a person"), "{}", refused.html);
    assert_eq!(refused.attribute("details[open] input[name=name]", "value"), "ann");
    for kept in ["[name=role] [value=member][selected]", "[name=days] [value='365'][selected]", "[value=shop][checked]"]
    {
        assert!(refused.has(kept), "{kept}");
    }
    let made = ann.submit(&refused, "/tokens/make", &[("name", "deploys"), ("role", "ci"), ("days", "30")]).await;
    assert_eq!(made.status, 200, "{}", made.html);

    let shop = "/services/shop";
    let page = ann.open(shop).await;
    let refused = ann.submit(&page, "/services/shop/lock", &[("reason", " ")]).await;
    assert_eq!((refused.status, refused.has("details[open] textarea")), (422, true), "{}", refused.html);
    assert_eq!(ann.submit(&refused, "/services/shop/lock", &[("reason", "the books are closed")]).await.status, 303);
}

#[tokio::test]
async fn names_are_shown_as_they_are_written_and_logins_as_their_people() {
    let world = World::new(Setup::new().person("vera", "viewer")).await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    Browser::signed_in(&world, Some("vera")).await;
    let events = ann.open("/audit").await.texts("#events tbody th");
    assert!(events.iter().any(|event| event.starts_with("vera signed in")), "{events:?}");
    let body = json!({ "service": SHOP, "tag": "v1", "commit": commit_of("v1"), "initiated_by": "@Ann-At-GitHub" });
    let release = world.create(body).await;
    world.until(release, "manual_testing").await;
    let page = ann.open(&format!("/releases/{release}")).await;
    assert!(
        page.texts("#timeline li").iter().any(|event| event.starts_with("Release created for ann ")),
        "{}",
        page.html
    );
    assert_eq!(ann.open("/releases").await.text("tbody td[data-l=By]"), "ann");
    let mut vera = Browser::signed_in(&world, Some("vera")).await;
    let page = vera.open("/account").await;
    let refused = vera.send(&format!("/releases/{release}/approve"), &[("csrf", &page.csrf())]).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text("main").contains("vera (viewer) may not"), "{}", refused.html);
    // What turns the direction of writing is spelled out wherever it is told.
    assert!(vera.open("/releases/a%E2%80%AEb").await.text("main").contains("no release a⟨U+202E⟩b"));
    let found = vera.open("/releases?q=a%E2%80%AEb").await;
    assert_eq!(found.attribute("#find", "value"), "a\u{202e}b", "what is typed stands there as it is");
}
