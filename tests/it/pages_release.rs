//! The page of a release: every legal move has a form, what was written survives a refusal, and what came from outside is
//! shown as it is.

use serde_json::json;

use crate::world::{Browser, SHOP, Setup, World, commit_of, end_process, eventually};

fn one_step(deploy: &str) -> Setup {
    Setup::new().without_migrations().surface("deploy", deploy)
}

#[tokio::test]
async fn what_was_written_survives_a_refusal() {
    let world = World::new(Setup::new().person("bob", "member").approved_by(2, ["ann", "bob"])).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    let path = format!("/releases/{release}");
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = ann.open(&path).await;
    // Nothing said: the form is open, and says what is missing.
    let reject = format!("{path}/reject");
    let refused = ann.submit(&page, &reject, &[("reason", " ")]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text("#refused").to_lowercase().contains("reason"), "{}", refused.html);
    assert!(refused.has("#act-reject[open]"));

    // Something has happened meanwhile.
    let bob = world.person("bob").await;
    bob.post(&format!("/api/v1{path}/reject"), &json!({ "reason": "not today" })).await.ok();
    bob.post(&format!("/api/v1{path}/retry"), &json!({})).await.ok();
    world.until(release, "manual_testing").await;
    let words = "the cart <b>loses</b> goods";
    let refused = ann.submit(&page, &reject, &[("reason", words)]).await;
    assert_eq!(refused.status, 409, "{}", refused.html);
    assert_eq!(refused.text("#act-reject[open] textarea"), words);
    assert!(!refused.has("body[data-live]"), "nothing takes it away");
    // Sent once more, it counts.
    assert_eq!(ann.submit(&refused, &reject, &[("reason", words)]).await.status, 303);
    assert_eq!(world.status(release).await, "manual_test_failed");
    let took = ann.open(&path).await.text("#track li:nth-child(3) .d");
    assert!(took.ends_with(" s"), "a vote that has ended took its time: {took:?}");

    // Where its form is gone, the text is still there.
    let refused = ann.submit(&refused, &reject, &[("reason", "again")]).await;
    assert_eq!(refused.status, 409);
    assert_eq!(refused.text("#refused .notes"), "again");
    assert!(!refused.has("#act-reject"));
}

#[tokio::test]
async fn an_admin_says_on_the_page_how_a_run_ended() {
    let world =
        World::new(one_step("echo $$ > ../pid; echo $PPID > ../watcher; while test ! -e ../go; do sleep 0.02; done"))
            .await;
    let release = world.release("v1").await;
    let (step, watcher) = (world.process("pid").await, world.process("watcher").await);
    end_process(watcher);
    end_process(step);
    let path = format!("/releases/{release}");
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = eventually("the run is unknown", async || {
        let page = ann.open(&path).await;
        page.has(&format!("form[action='{path}/resolve']")).then_some(page)
    })
    .await;
    assert!(page.has("#track li.s-unk[aria-current]"), "it does not go well: {}", page.text("#track"));
    // Every list says the same as the page: it is not at work.
    for list in ["/releases", "/services/shop"] {
        let list = ann.open(list).await;
        let row = list.texts(".t-list tbody tr").remove(0);
        assert!(list.has(".t-list .s-unk") && !list.has(".t-list .s-run"), "{}", list.html);
        assert!(row.contains(&page.text("#status")) && row.contains(&page.text("#now-head")), "{row}");
    }
    assert!(page.has("#timeline > li.s-unk"), "{}", page.text("#timeline"));
    let said = page.texts("form[action$='/resolve'] label.tick");
    assert_eq!(said, ["It succeeded", "It failed", "Run it again"]);
    let refused = ann.submit(&page, &format!("{path}/resolve"), &[("reason", "I looked")]).await;
    assert_eq!((refused.status, refused.text("form[action$='/resolve'] textarea").as_str()), (422, "I looked"));
    let found = [("verdict", "succeeded"), ("reason", "I looked: it runs")];
    let done = ann.submit(&page, &format!("{path}/resolve"), &found).await;
    assert_eq!(done.status, 303, "{}", done.html);
    world.write("go", "");
    world.until(release, "manual_testing").await;
    let page = ann.open(&path).await;
    assert!(page.texts("#timeline li").iter().any(|event| event.contains("I looked: it runs")), "{}", page.html);
}

#[tokio::test]
async fn what_is_broken_and_repaired_is_said_on_the_page_and_production_is_unlocked_there() {
    let fails = "test $RMM_ENVIRONMENT != production || test ! -e ../broken";
    let setup = one_step(fails).surface("health.command", "true").surface("health.wait", "0s");
    let world = World::new(setup).await;
    world.deployed("v1").await;
    let second = world.release("v2").await;
    world.until(second, "manual_testing").await;
    world.write("broken", "");
    world.approve("ann", second).await.ok();
    world.until(second, "rollback_failed").await;
    let path = format!("/releases/{second}");
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = ann.open(&path).await;
    // That it failed is known.
    assert_eq!(page.texts("form[action$='/resolve'] label.tick").len(), 2, "{}", page.html);
    world.remove("broken");
    let done = ann.submit(&page, &format!("{path}/resolve"), &[("verdict", "again"), ("reason", "")]).await;
    assert_eq!(done.status, 303, "{}", done.html);
    world.quiet().await;
    assert!(!ann.open(&path).await.has("form[action$='/resolve']"));

    let lock = json!({ "reason": "the books are closed" });
    world.person("ann").await.post(&format!("/api/v1/services/{SHOP}/lock"), &lock).await.ok();
    let third = world.release("v3").await;
    world.until(third, "manual_testing").await;
    // An admin need not wait for the vote to unlock, and the board says what is coming.
    let board = ann.open("/").await;
    assert!(board.text(".card .note").contains("locked by ann: the books are closed"), "{}", board.text(".card"));
    assert!(ann.open(&format!("/releases/{third}")).await.has("#act-unlock"));
    // What failed in production is compared as what it was; elsewhere another one runs.
    let compared = ann.open(&format!("/releases/{second}/compare?with=1")).await;
    let deploys = compared.texts("#phases tbody tr").into_iter().find(|row| row.starts_with("Production")).unwrap();
    assert!(deploys.contains("Failed, "), "{deploys}");
    // Every page tells the same: how long people took, and the deploy itself.
    let waited = compared.texts("#phases tbody tr:nth-child(3) td");
    let vote = ann.open(&path).await.text("#track li:nth-child(3) .d");
    let measured = ann.open("/insights/failed").await.texts("tbody td.r");
    assert_eq!((&waited[0], &measured[3]), (&vote, &vote), "{waited:?} {measured:?}");
    assert!(!vote.is_empty() && deploys.contains(&measured[4]), "{deploys} {measured:?}");
    world.approve("ann", third).await.ok();
    world.until(third, "manual_test_passed").await;
    let path = format!("/releases/{third}");
    let board = ann.open("/").await;
    assert!(
        board.text(".card").contains("Production is locked by ann: the books are closed"),
        "{}",
        board.text(".card")
    );
    let page = ann.open(&path).await;
    assert!(page.text("#gates .how").contains("unlock"), "{}", page.text("#gates"));
    assert!(page.text("#gates-met summary").contains("met: "), "{}", page.text("#gates"));
    assert_eq!(ann.submit(&page, &format!("{path}/unlock"), &[]).await.status, 303);
    world.until(third, "deployed").await;
    // Where a release was well once, another one runs by now.
    let page = ann.open(&format!("/releases/{second}")).await;
    assert_eq!(page.texts("#surfaces th[scope=col]"), ["Surface", "Health"], "there is no place to try it");
    let surfaces = page.text("#surfaces");
    assert!(surfaces.contains("v3 (#3) runs there now"), "{surfaces}");
}

#[tokio::test]
async fn an_admin_says_on_the_page_what_an_environment_runs() {
    let world = World::new(one_step("true")).await;
    world.deployed("v1").await;
    world.kill();
    std::fs::remove_dir_all(world.data()).unwrap();
    world.take_tokens_of(None);
    world.start().await;
    let release = world.release("v2").await;
    let path = format!("/releases/{release}");
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = eventually("it waits for an admin", async || {
        let page = ann.open(&path).await;
        page.has(&format!("form[action='{path}/settle']")).then_some(page)
    })
    .await;
    assert_eq!(page.attribute("form[action$='/settle'] input[name=environment]", "value"), "stage");
    let csrf = page.csrf();
    let found = [("csrf", csrf.as_str()), ("environment", "stage"), ("runs", "nothing"), ("reason", "I looked")];
    let done = ann.send(&format!("{path}/settle"), &found).await;
    assert_eq!(done.status, 303, "{}", done.html);
    eventually("stage is known", async || world.service().await["stage"]["unknown"].is_null().then_some(())).await;
}

#[tokio::test]
async fn durations_stand_beside_their_usual_value_and_releases_are_compared() {
    let world = World::new(one_step("echo $RMM_TAG")).await;
    let first = world.deployed("v1").await;
    world.configure(|setup| *setup = setup.clone().surface("deploy", "echo now $RMM_TAG"));
    world.reload();
    let second = world.deployed("v2").await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = ann.open(&format!("/releases/{second}")).await;
    assert!(page.text("#track li .d").contains(", usually "), "{}", page.text("#track"));
    assert_eq!(page.text("#tally"), "1\u{a0}of\u{a0}1".replace('\u{a0}', " "));
    assert!(!page.has("#runs details[open]"), "what has ended well is folded");
    assert!(page.texts("#timeline details summary").iter().any(|summary| summary.contains(" step")));

    let path = format!("/releases/{second}/compare?with={first}");
    let page = ann.open(&path).await;
    assert_eq!(page.text("h1"), "shop v2 compared with v1");
    assert_eq!(
        page.texts("#phases tbody tr th"),
        ["Stage", "Rehearsal", "People and gates", "Production", "From its creation to its end"]
    );
    let stage = page.texts("#phases tbody tr:first-child td");
    assert!(stage.iter().all(|cell| cell.ends_with(" s")), "{stage:?}");
    assert!(page.text("#commits").contains("not known"), "the service has no repository");
    let defined = page.text("#definition-diff");
    assert!(
        defined.contains("- deploy = \"echo $RMM_TAG\"") && defined.contains("+ deploy = \"echo now $RMM_TAG\""),
        "{defined}"
    );
    assert_eq!(page.texts("#step-diff .ins"), ["+ echo now $RMM_TAG"]);
    assert_eq!(page.texts("#step-diff .del"), ["- echo $RMM_TAG"]);
    assert_eq!(ann.open(&format!("/releases/{second}/compare?with=99")).await.status, 404);
    assert!(ann.open(&format!("/releases/{second}/compare")).await.has("#with option"));

    let page = ann.open(&format!("/releases/{second}/plan")).await;
    assert!(page.text("main").contains("To roll back to v1 (#1)") && !page.text("main").contains("To deploy it"));
    assert_eq!(ann.open(&format!("/releases/{second}/plan?environment=moon")).await.status, 422);
    let account = ann.open("/account").await;
    ann.submit(&account, "/account", &[("lang", "ru"), ("theme", "")]).await;
    let steps = ann.open(&path).await.text("#step-diff");
    assert!(steps.contains("не дольше") && !steps.contains("at most"), "{steps}");
}

#[tokio::test]
async fn the_history_of_a_release_is_read_a_page_at_a_time() {
    let world = World::new(one_step("true")).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    let path = format!("/releases/{release}");
    let ann = world.person("ann").await;
    for round in 0..24 {
        ann.post(&format!("/api/v1{path}/reject"), &json!({ "reason": format!("round {round} of many") })).await.ok();
        ann.post(&format!("/api/v1{path}/retry"), &json!({})).await.ok();
        world.until(release, "manual_testing").await;
    }
    let mut browser = Browser::signed_in(&world, Some("ann")).await;
    let (mut address, mut seen) = (path.clone(), Vec::new());
    for _ in 0..30 {
        let page = browser.open(&address).await;
        seen.extend(page.texts("#timeline .event"));
        if !page.has("#timeline a[href*='before=']") {
            break;
        }
        address = page.attribute("#timeline a[href*='before=']", "href").split('#').next().unwrap().to_owned();
    }
    assert!(address != path, "one page is not enough for the story");
    for round in 0..24 {
        let told = seen.iter().filter(|event| event.contains(&format!("round {round} of many"))).count();
        assert!(told >= 1, "round {round}: {seen:?}");
    }
    let unique: std::collections::BTreeSet<_> = seen.iter().filter(|event| event.contains("ejected")).collect();
    assert_eq!(unique.len(), seen.iter().filter(|event| event.contains("ejected")).count(), "no event twice: {seen:?}");
}

#[tokio::test]
async fn an_event_leads_to_its_trace_where_one_is_shown() {
    let setup = one_step("true").key("links.trace", "https://traces.example.com/show?id={trace_id}");
    let world = World::new(setup).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    let created = &world.operator().get(&format!("/api/v1/releases/{release}/events")).await.ok()[0];
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = ann.open(&format!("/releases/{release}")).await;
    let trace = created["trace_id"].as_str().unwrap();
    assert!(page.has(&format!("#timeline a[href='https://traces.example.com/show?id={trace}']")), "{}", page.html);
}

#[tokio::test]
async fn hostile_text_is_shown_as_it_is_on_the_pages_of_a_release() {
    let evil = "<script>alert(1)</script>\"><img src=x onerror=alert(2)> javascript:alert(3) \u{202e}gpj.exe\u{1b}[31m";
    let literal = "<script>alert(1)</script>\"><img src=x onerror=alert(2)> javascript:alert(3)";
    let world = World::new(Setup::new().person("bob", "member").approved_by(2, ["ann", "bob"])).await;
    let ci = world.ci().await;
    let long = "n".repeat(10_000);
    let body = json!({
        "service": SHOP, "tag": "v1", "commit": commit_of("v1"), "initiated_by": "ci",
        "notes": format!("{literal} {}", &long[..900]),
        "surfaces": [{ "name": "app", "artifact": literal, "preview_url": "javascript:alert(4)" }],
    });
    let release = ci.post("/api/v1/releases", &body).await.ok()["id"].as_i64().unwrap();
    world.until(release, "manual_testing").await;
    let path = format!("/releases/{release}");
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = ann.open(&path).await;
    let refused = ann.submit(&page, &format!("{path}/reject"), &[("reason", long.as_str())]).await;
    assert!(refused.status == 303 || refused.text("#act-reject textarea") == long, "{}", refused.status);
    let page = ann.open(&path).await;
    if page.has("#act-reject") {
        ann.submit(&page, &format!("{path}/reject"), &[("reason", evil)]).await;
    }
    for address in [path.clone(), format!("{path}/plan"), format!("{path}/compare"), format!("{path}?before=9999")] {
        let page = ann.open(&address).await;
        assert_eq!(page.status, 200, "{address}");
        assert!(!page.has("main script") && !page.has("main img") && !page.has("[onerror]"), "{address}");
        assert!(!page.has("a[href^='javascript:']"), "{address}");
        assert!(!page.html.contains('\u{202e}') && !page.html.contains('\u{1b}'), "{address}");
    }
    let page = ann.open(&path).await;
    assert!(page.text("main").contains(literal), "{}", page.html);
}

#[tokio::test]
async fn what_is_refused_is_told_in_the_readers_language() {
    let world = World::new(one_step("true").person("bob", "member").approved_by(2, ["ann", "bob"])).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    let path = format!("/releases/{release}");
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    ann.set_cookie("lang", "ru");
    for (address, status, said) in [
        ("/releases/abc".to_owned(), 404, "Релиза abc нет."),
        ("/runs/abc".to_owned(), 404, "Прогона abc нет."),
        ("/insights/abc".to_owned(), 404, "Показателя abc нет."),
        ("/nowhere".to_owned(), 404, "По адресу /nowhere ничего нет."),
        ("/audit?cursor=x".to_owned(), 422, "Страница: нужно значение одной из прежних страниц."),
        (format!("{path}/plan?environment=moon"), 422, "Окружение: нужно stage, production"),
    ] {
        let page = ann.open(&address).await;
        assert_eq!(page.status, status, "{address}");
        assert!(page.text("main").contains(said), "{address}: {}", page.text("main"));
    }
    let page = ann.open(&path).await;
    let refused = ann.submit(&page, &format!("{path}/reject"), &[("reason", " ")]).await;
    assert!(refused.text("#refused").contains("Причина: нужно указать"), "{}", refused.text("#refused"));
    let refused = ann.submit(&page, &format!("{path}/bypass"), &[("reason", "we must")]).await;
    assert!(refused.text("#refused").contains("Условия: нужно назвать хотя бы одно"), "{}", refused.text("#refused"));

    // The English sentence has the words of people, too.
    let mut bob = Browser::signed_in(&world, Some("bob")).await;
    let page = bob.open(&path).await;
    world.approve("ann", release).await.ok();
    world.person("bob").await.post(&format!("/api/v1{path}/reject"), &json!({ "reason": "no" })).await.ok();
    let refused = bob.submit(&page, &format!("{path}/approve"), &[]).await;
    assert_eq!(refused.status, 409);
    assert!(refused.text("#refused").contains("it is rejected now"), "{}", refused.text("#refused"));
    // What opens nothing is counted, and told in the language, too.
    let mut guesser = Browser::of(&world);
    guesser.set_cookie("lang", "ru");
    let mut said = guesser.open("/login/nonsense").await;
    for _ in 0..40 {
        said = guesser.open("/login/nonsense").await;
    }
    assert_eq!(said.status, 429);
    assert!(
        said.text("main").contains("слишком много неверных ссылок и кодов; попробуйте через"),
        "{}",
        said.text("main")
    );
}

#[tokio::test]
async fn pages_of_a_release_say_what_counts_and_fold_the_rest() {
    let fails = one_step("true").surface("before_deploy", "test $RMM_TAG != v3");
    let world = World::new(fails).await;
    world.deployed("v1").await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let first = ann.open("/releases/1").await;
    assert!(!first.has("form[action$='/compare']"), "there is nothing to choose from");
    assert!(ann.open("/releases/1/compare").await.text("main").contains("no other release"));
    assert!(!first.has("#surfaces"), "nothing is known of what goes out, nor how it is");
    // The day stands once, and each event has its time.
    assert_eq!(first.texts("#timeline .day").len(), 1);
    assert!(first.texts("#timeline > .event > time").iter().all(|at| at.len() == 8 && at.matches(':').count() == 2));
    assert!(!first.text("#timeline").ends_with("rmm"));

    let second = world.release("v2").await;
    world.until(second, "manual_testing").await;
    let compared = ann.open(&format!("/releases/{second}/compare?with=1")).await;
    assert!(compared.text("#with option[selected]").starts_with("v1"), "{}", compared.text("#with"));
    // What RMM does by itself is told in words; what is there to copy is the service's own.
    let plan = ann.open(&format!("/releases/{second}/plan")).await;
    assert!(plan.texts(".plan .cmd").contains(&"true".to_owned()), "{}", plan.text("main"));
    assert!(plan.texts(".plan .cmd").iter().all(|command| !command.contains("rmm_")), "{}", plan.text("main"));
    let board = ann.open("/").await;
    assert_eq!((board.texts(".needs").len(), board.texts(".needs li").len()), (1, 1));

    let no = json!({ "reason": "not this one" });
    world.person("ann").await.post(&format!("/api/v1/releases/{second}/reject"), &no).await.ok();
    let third = world.release("v3").await;
    world.until(third, "stage_building_failed").await;
    let page = ann.open(&format!("/releases/{third}")).await;
    assert!(page.text("#runs .unbegun summary").ends_with("did not begin"), "{}", page.text("#runs"));
    assert!(page.texts("#runs details[open] tbody tr").iter().all(|row| !row.starts_with("deploy")));
    let run = page.attribute("#runs a[href^='/runs/']", "href");
    assert!(ann.open(&run).await.text("#unbegun summary").ends_with("did not begin"));

    // What is long is folded.
    assert!(ann.open("/settings").await.has("details:not([open]) > #effective"));
    assert!(ann.open("/services/shop").await.text("details:not([open]):has(#toml) summary").contains("definition"));
}

#[tokio::test]
async fn the_runs_of_a_release_come_page_by_page() {
    let world = World::new(Setup::new().by_ci()).await;
    let release = world.release("v1").await;
    let path = format!("/api/v1/releases/{release}");
    for attempt in 1..=25 {
        for status in ["stage_building", "stage_building_failed"] {
            let body = json!({ "status": status, "ci_run": { "id": "7", "attempt": attempt } });
            world.ci().await.patch(&path, &body).await.ok();
        }
    }
    let all: Vec<_> = world.runs(release).await.iter().map(|run| run["id"].as_i64().unwrap()).collect();
    assert_eq!(all.len(), 25);
    let first = world.operator().get(&format!("{path}/runs?limit=20")).await.with_status(200);
    let next = first.header("link").to_owned();
    let next = next.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")).unwrap();
    let second = world.operator().get(next).await.with_status(200);
    assert_eq!(second.header("link"), "");
    let both = [first.json(), second.json()];
    let both = both.iter().flat_map(|page| page.as_array().unwrap()).map(|run| run["id"].as_i64().unwrap());
    assert_eq!(both.collect::<Vec<_>>(), all);
    world.operator().get(&format!("{path}/runs?cursor=x")).await.names("cursor");
    // The newest come first on the page, and the older ones behind a link.
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = ann.open(&format!("/releases/{release}")).await;
    assert_eq!(page.texts("#runs > details").len(), 20);
    let older = ann.open(&page.attribute("nav.pages a[rel=next]", "href")).await;
    assert_eq!(older.texts("#runs > details").len(), 5);
    assert!(older.has(&format!("#run-{}", all[0])) && !older.has("nav.pages a[rel=next]"), "{}", older.html);
    assert!(older.has("nav.pages a") && !older.has("#runs > details[open]"), "{}", older.html);
}
