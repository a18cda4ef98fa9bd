//! What the dashboard knows beside releases: the record, tokens, people and hosts.

use crate::world::{Browser, Caller, Page, SHOP, Setup, World};

#[tokio::test]
async fn the_record_is_filtered_turned_over_and_taken_along() {
    let world = World::new(Setup::new().person("vera", "viewer").another_service("blog")).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let evil = "=HYPERLINK(\"https://evil.example\") <script>alert(1)</script>";
    let service = ann.open("/services/shop").await;
    ann.submit(&service, "/services/shop/lock", &[("reason", evil)]).await;

    for _ in 0..40 {
        ann.link(Some("ann")).await;
    }
    let mut vera = Browser::signed_in(&world, Some("vera")).await;
    let all = vera.open("/audit").await;
    assert_eq!(all.status, 200, "{}", all.html);
    assert_eq!(all.texts("#events tbody tr").len(), 50);
    assert!(all.text("#events tbody tr").starts_with("vera signed in"), "{:?}", all.texts("#events tbody tr"));
    let older = vera.open(&all.attribute("#older", "href")).await;
    let numbers = |page: &Page| {
        let all = page.texts("#events tbody tr td:last-child");
        all.iter().map(|number| number.parse::<i64>().unwrap()).collect::<Vec<_>>()
    };
    let (newer, older) = (numbers(&all), numbers(&older));
    assert_eq!(older[0] + 1, newer[newer.len() - 1]);

    let found = vera.open("/audit?service=shop&by=ann&kind=production_locked").await;
    let rows = found.texts("#events tbody tr");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(rows[0].contains(evil) && !found.has("main script"));
    assert_eq!(vera.open("/audit?text=hyperlink").await.texts("#events tbody tr").len(), 1);
    assert!(vera.open("/audit?service=blog").await.has("#none"));
    // What the page shows is found, too, in the language of its reader.
    let first = vera.open("/audit?text=STAGE+deploy+started").await;
    assert_eq!(first.texts("#events tbody tr").len(), 1, "{}", first.html);
    assert!(vera.open("/audit?text=run+1").await.has("#events") && vera.open("/audit?text=run+99").await.has("#none"));
    assert!(first.texts("#f-kind option").contains(&"Production locked".to_owned()));
    let account = vera.open("/account").await;
    vera.submit(&account, "/account", &[("lang", "ru"), ("theme", "")]).await;
    let russian = vera.open("/audit?text=%D0%9F%D0%A0%D0%9E%D0%94%D0%90%D0%9A%D0%A8%D0%9D+%D0%B7%D0%B0%D0%B1%D0%BB%D0%BE%D0%BA%D0%B8%D1%80%D0%BE%D0%B2%D0%B0%D0%BD").await;
    assert_eq!(russian.texts("#events tbody tr").len(), 1, "{}", russian.html);
    assert!(russian.texts("#f-kind option").contains(&"Продакшн заблокирован".to_owned()));
    vera.submit(&account, "/account", &[("lang", "en"), ("theme", "")]).await;
    assert!(vera.open("/audit?since=2000-01-01T00:00&until=2000-01-02T00:00").await.has("#none"));
    assert_eq!(vera.open("/audit?since=yesterday").await.status, 422);
    assert_eq!(vera.open("/audit?cursor=x").await.status, 422);

    let table = vera.open("/audit/export.csv?kind=production_locked").await;
    assert!(table.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
    assert_eq!(table.html.lines().count(), 2, "{}", table.html);
    let (_, wide) = table.html.split_once('\n').unwrap();
    assert!(!wide.split("\",\"").any(|cell| cell.trim_start_matches('"').starts_with('=')), "{wide}");
    let whole = vera.open("/audit/export.json").await;
    let events: Vec<serde_json::Value> = serde_json::from_str(&whole.html).unwrap();
    assert_eq!(events.len() as i64, numbers(&vera.open("/audit").await)[0]);
    assert!(vera.open("/audit/export.json?kind=nothing").await.html.split_whitespace().eq(["[", "]"]));

    assert!(vera.open("/audit").await.text("#chain").contains("Not checked since"));
    assert!(!vera.open("/audit").await.has("form[action='/audit/verify']"));
    let page = ann.open("/audit").await;
    assert_eq!(ann.submit(&page, "/audit/verify", &[]).await.location.as_deref(), Some("/audit"));
    assert!(ann.open("/audit").await.text("#chain").contains("Intact up to event"));
    // The API filters in the same way.
    let listed =
        world.operator().get("/api/v1/audit?kind=production_locked&actor=ann&service=shop").await.with_status(200);
    assert_eq!(listed.json()["events"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_token_is_shown_once_opens_what_it_may_and_is_revoked() {
    let world = World::new(Setup::new().person("mia", "member").another_service("blog")).await;
    let mut mia = Browser::signed_in(&world, Some("mia")).await;
    assert_eq!(mia.open("/tokens").await.status, 403);
    assert!(!mia.open("/").await.has("nav a[href='/tokens']"), "what mia may not do is not offered");
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = ann.open("/tokens").await;
    let form = [("name", "ci of the shop"), ("role", "ci"), ("service", SHOP), ("days", "30"), ("person", "")];
    let made = ann.submit(&page, "/tokens/make", &form).await;
    assert_eq!(made.status, 200, "{}", made.html);
    let secret = made.text("#secret");
    assert!(made.text("#made").contains(&format!("curl -H 'Authorization: Bearer {secret}'")));
    assert!(!ann.open("/tokens").await.html.contains(&secret));
    let token = |secret: &str| Caller::with_token(&world, Some(secret.to_owned()));
    assert_eq!(token(&secret).get(&format!("/api/v1/releases?service={SHOP}")).await.status, 200);
    assert_eq!(token(&secret).get("/api/v1/releases?service=blog").await.status, 403);
    let row = ann.open("/tokens").await.text("#tokens tbody tr");
    assert!(row.contains("ci of the shop made by ann") && row.contains("Valid") && row.contains(SHOP), "{row}");
    // What the API refuses, the page does, too.
    let twice = ann.submit(&page, "/tokens/make", &form).await;
    assert_eq!(twice.status, 422);
    assert!(twice.text("main").contains("there is a valid token"), "{}", twice.html);
    let more = [("name", "mia's"), ("role", "admin"), ("person", "mia"), ("days", "")];
    assert_eq!(ann.submit(&page, "/tokens/make", &more).await.status, 422);

    let page = ann.open("/tokens").await;
    assert_eq!(ann.submit(&page, "/tokens/revoke", &[]).await.location.as_deref(), Some("/tokens"));
    assert_eq!(token(&secret).get("/api/v1/releases").await.status, 401);
    assert!(ann.open("/tokens").await.text("#tokens tbody tr").contains("Revoked"));
}

#[tokio::test]
async fn people_are_listed_and_admins_sign_others_out() {
    let world = World::new(Setup::new().person("mia", "member")).await;
    let mut mia = Browser::signed_in(&world, Some("mia")).await;
    let page = mia.open("/people").await;
    assert_eq!(page.texts("#people tbody th"), ["ann", "mia"]);
    assert!(page.text("#people tbody tr").contains("shop"), "ann approves there");
    assert!(!page.has("#sessions"), "where others are signed in is for admins alone");
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = ann.open("/people").await;
    assert_eq!(page.texts("[aria-labelledby=sessions] li b"), ["ann", "mia"]);
    let session = page.attribute("form[action='/people/sign-out'] input[name=session]", "value");
    let csrf = mia.open("/account").await.csrf();
    let refused = mia.send("/people/sign-out", &[("csrf", &csrf), ("person", "mia"), ("session", &session)]).await;
    assert_eq!(refused.status, 403);
    assert_eq!(ann.submit(&page, "/people/sign-out", &[]).await.location.as_deref(), Some("/people"));
    assert_eq!(mia.open("/people").await.status, 303, "she has to come in again");
    let events = world.events().await;
    assert!(events.iter().any(|event| event["kind"] == "session_ended" && event["actor"]["name"] == "ann"));

    // Everywhere at once: she does, everywhere else, and so does an admin.
    let mut browsers = Vec::new();
    for _ in 0..4 {
        browsers.push(Browser::signed_in(&world, Some("mia")).await);
    }
    let page = browsers[0].open("/account").await;
    let everywhere = [("csrf", page.csrf()), ("others", "1".to_owned())];
    browsers[0].send("/logout", &everywhere.each_ref().map(|(name, value)| (*name, value.as_str()))).await;
    for (at, status) in [(0, 200), (1, 303)] {
        assert_eq!(browsers[at].open("/people").await.status, status, "{at}");
    }
    browsers[1] = Browser::signed_in(&world, Some("mia")).await;
    let csrf = ann.open("/people").await.csrf();
    ann.send("/people/sign-out", &[("csrf", &csrf), ("person", "mia"), ("session", "0"), ("every", "1")]).await;
    for browser in &mut browsers {
        assert_eq!(browser.open("/people").await.status, 303);
    }
    assert_eq!(ann.open("/people").await.status, 200);
}

#[tokio::test]
async fn what_was_written_after_a_session_has_ended_is_kept_and_the_way_in_is_shown() {
    let world = World::new(Setup::new()).await;
    let mut nobody = Browser::of(&world);
    let page = nobody.send("/releases/7/reject", &[("csrf", "x"), ("reason", "the basket is <b>empty</b>")]).await;
    assert_eq!(page.status, 401);
    assert!(page.text("main").contains("the basket is <b>empty</b>") && !page.has("main b"), "{}", page.html);
    assert!(page.has("main a[href='/login?to=%2Freleases%2F7']"), "{}", page.html);
    let foreign = [("sec-fetch-site", "cross-site")];
    let page = nobody.send_from("/releases/7/reject", &[("reason", "said elsewhere")], &foreign).await;
    assert!(page.status == 401 && !page.html.contains("said elsewhere"), "{}", page.html);
}

#[tokio::test]
async fn a_host_is_checked_and_the_page_remembers_what_was_found() {
    let world = World::new(Setup::new().person("vera", "viewer")).await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = ann.open("/hosts").await;
    assert!(page.text("#host-local").contains("Not checked yet") && page.text("#host-local").contains("shop"));
    let done = ann.submit(&page, "/hosts/check", &[]).await;
    assert_eq!((done.status, done.location.as_deref()), (303, Some("/hosts#host-local")), "{}", done.html);
    let mut vera = Browser::signed_in(&world, Some("vera")).await;
    let page = vera.open("/hosts").await;
    assert!(page.texts("#host-local .findings li").iter().any(|found| found.starts_with("reachable")), "{}", page.html);
    assert!(!page.has("main form"));
    let account = vera.open("/account").await;
    vera.submit(&account, "/account", &[("lang", "ru"), ("theme", "dark")]).await;
    let found = vera.open("/hosts").await.texts("#host-local .findings li");
    assert!(found.iter().any(|found| found.contains("это машина, где работает сам RMM")), "{found:?}");
    let nowhere = ann.open("/hosts").await.csrf();
    assert_eq!(ann.send("/hosts/check", &[("csrf", &nowhere), ("host", "nowhere")]).await.status, 404);
}

#[tokio::test]
async fn production_goes_back_from_the_page_of_the_service_with_a_forecast() {
    let world = World::new(Setup::new().person("vera", "viewer")).await;
    let first = world.deployed("v1").await;
    let second = world.deployed("v2").await;
    let back = format!("/releases/{second}/rollback");
    let mut vera = Browser::signed_in(&world, Some("vera")).await;
    assert!(!vera.open("/services/shop").await.has("main form"), "what she may not is not offered");
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = ann.open("/services/shop").await;
    let choice = page.text("fieldset.pick label");
    assert!(choice.starts_with("v1") && choice.contains("undoes migrations of app"), "{choice}");
    assert!(choice.contains("as rehearsed"), "{choice}");
    let to = format!("#{first}");
    let done = ann.submit(&page, &back, &[("to", &to), ("reason", "the basket is empty")]).await;
    assert_eq!(done.status, 303, "{}", done.html);
    world.until(second, "rollback_done").await;
    let page = ann.open("/services/shop").await;
    assert!(page.text("#envs").contains("the basket is empty"), "locked, and why: {}", page.text("#envs"));
    assert!(page.text(".hosts a").contains("local"));
}

#[tokio::test]
async fn a_service_shows_how_it_is_defined_and_how_that_changed() {
    let world = World::new(Setup::new()).await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = ann.open("/services/shop").await;
    assert!(page.text("#toml").contains("[[services.surfaces]]"), "{}", page.html);
    assert_eq!(page.texts("#revisions details").len(), 1);
    world.configure(|setup| setup.supersede = true);
    let settings = ann.open("/settings").await;
    let said = ann.submit(&settings, "/settings/reload", &[]).await;
    assert_eq!((said.status, said.location.as_deref()), (303, Some("/settings")), "{}", said.html);
    let page = ann.open("/services/shop").await;
    let change = page.text("#revisions details");
    assert!(change.contains("- supersede = false") && change.contains("+ supersede = true"), "{change}");
    assert!(ann.open("/settings").await.text("#effective").contains("supersede = true"));
}

#[tokio::test]
async fn the_rmm_that_runs_examines_everything_it_needs() {
    let world = World::new(Setup::new()).await;
    let mut operator = Browser::signed_in(&world, None).await;
    let page = operator.open("/settings/doctor").await;
    assert!(page.text("main").contains("Not examined since RMM started"), "{}", page.html);
    let said = operator.submit(&page, "/settings/doctor", &[]).await;
    assert_eq!((said.status, said.location.as_deref()), (303, Some("/settings/doctor")), "{}", said.html);
    let page = operator.open("/settings/doctor").await;
    let numbers: Vec<_> = page.texts("main li > span.meta");
    assert_eq!(numbers, (1..=numbers.len()).map(|number| format!("{number}.")).collect::<Vec<_>>());
    let found = page.texts("main li").join("\n");
    for (name, detail) in [
        ("config", "nothing tells that the surface is well"),
        ("database", "schema"),
        ("disk", "free at"),
        ("address", "has no `public_url`"),
        ("ready", "its database can be written"),
        ("backups", "RMM makes none by itself"),
    ] {
        assert!(found.lines().any(|line| line.contains(name) && line.contains(detail)), "{name}: {found}");
    }
}
