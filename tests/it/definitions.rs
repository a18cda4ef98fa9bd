//! Services that are defined in the dashboard: all of a change holds or nothing, whatever comes in between, and the file wins.

use serde_json::{Value, json};
use toml::Table;

use crate::world::{Browser, Setup, World, eventually};

const WIKI: &str = "/services/wiki/definition";
const API: &str = "/api/v1/services/wiki/definition";

/// A service on this machine, whose steps note their tag.
fn wiki(w: &World, more: &str) -> String {
    format!(
        "[[services]]\nname = \"wiki\"\napprovals = {{ required = [\"ann\"] }}\n{more}\n\
         [[services.surfaces]]\nname = \"site\"\nrecipe = \"commands\"\ncheckout = false\ndirectory = \"{}\"\n\
         deploy = \"echo $RMM_ENVIRONMENT wiki $RMM_TAG >> ../ledger\"\n\
         [services.environments.stage]\ndriver = \"local\"\n[services.environments.production]\ndriver = \"local\"\n",
        w.path("work").display()
    )
}

async fn kinds(w: &World) -> Vec<String> {
    w.events().await.iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
}

async fn defined(w: &World) -> Value {
    w.operator().get(API).await.ok()
}

#[tokio::test]
async fn a_service_is_checked_saved_edited_and_removed_on_its_page() {
    let w = World::new(Setup::new().person("bob", "admin")).await;
    let mut ann = Browser::signed_in(&w, Some("ann")).await;
    let csrf = ann.open("/account").await.csrf();
    let text = wiki(&w, "");
    let send = |text: &str, revision: i64, wish: &str| {
        [("csrf", csrf.clone()), ("text", text.to_owned()), ("revision", revision.to_string()), ("do", wish.to_owned())]
    };
    let fields = |of: &[(&'static str, String); 4]| of.clone();
    macro_rules! sent {
        ($browser:expr, $of:expr) => {{
            let of = fields(&$of);
            let of: Vec<_> = of.iter().map(|(name, value)| (*name, value.as_str())).collect();
            $browser.send(WIKI, &of).await
        }};
    }

    // What is wrong is told beside the text, which is kept, and changes nothing.
    let evil = "</textarea><script>alert(1)</script>";
    let page = sent!(ann, send(&format!("{text}\nevil = \"{evil}\""), 0, "save"));
    assert_eq!(page.status, 422, "{}", page.html);
    assert!(page.text("#wrong").contains("unknown key") && page.text("#text").contains(evil), "{}", page.html);
    assert!(!page.html.contains(evil));
    // A check saves nothing either.
    let page = sent!(ann, send(&text, 0, "check"));
    assert_eq!(page.status, 200, "{}", page.html);
    assert!(page.text("#right .diff").contains("+ name = \"wiki\""), "{}", page.html);
    assert_eq!(w.operator().get(API).await.status, 404);
    // Invisible characters are in the editor as they are, so that saving changes nothing else.
    let unseen = format!("{text}# a\u{202e}b\u{200b} & <i>\n");
    let page = sent!(ann, send(&unseen, 0, "check"));
    assert_eq!(page.text_as_it_is("#text").trim_start_matches('\n'), unseen);
    assert!(page.text("#right .diff").contains("⟨U+202E⟩") && !page.html.contains("<i>"), "{}", page.html);

    let page = sent!(ann, send(&text.replace('\n', "\r\n"), 0, "save"));
    assert_eq!(
        (page.status, page.location.as_deref()),
        (303, Some("/services/wiki/definition?saved=1")),
        "{}",
        page.html
    );
    let now = defined(&w).await;
    assert_eq!((now["revision"].as_i64(), now["written"].as_str()), (Some(1), Some(text.as_str())));
    assert_eq!((now["revisions"][0]["by"].as_str(), now["in_dashboard"].as_bool()), (Some("ann"), Some(true)));
    assert!(ann.open("/").await.has("a[href='/services/wiki']"));

    // It is released like any other.
    let release =
        w.create(json!({ "service": "wiki", "tag": "v1", "commit": "a".repeat(40), "initiated_by": "ann" })).await;
    w.until(release, "manual_testing").await;
    let page = ann.open(WIKI).await;
    let page = ann.submit(&page, "/services/wiki/remove", &[]).await;
    assert_eq!(page.status, 409, "{}", page.html);
    w.approve("ann", release).await.ok();
    w.until(release, "deployed").await;
    assert!(w.ledger().contains(&"production wiki v1".into()));
    w.quiet().await;

    // One change is shown once, however often RMM has to know it.
    let page = sent!(ann, send(&text.replace("wiki $RMM_TAG", "Wiki $RMM_TAG"), 1, "check"));
    let shown = page.text("#right .diff");
    assert_eq!((shown.matches("Wiki $RMM_TAG").count(), shown.matches("wiki $RMM_TAG").count()), (1, 1), "{shown}");
    let page = sent!(ann, send(&format!("{text}# only a word\n"), 1, "check"));
    assert!(page.text("#right").contains("the same as now") && !page.has("#right .diff"), "{}", page.html);

    // Two edit it: the second is told, and loses nothing.
    let mut bob = Browser::signed_in(&w, Some("bob")).await;
    let of_bob = bob.open("/account").await.csrf();
    let longer = wiki(&w, "supersede = true");
    assert_eq!(sent!(ann, send(&longer, 1, "save")).status, 303);
    let mine = wiki(&w, "# mine");
    let mut late = send(&mine, 1, "save");
    late[0].1 = of_bob;
    let page = sent!(bob, late);
    assert_eq!(page.status, 409, "{}", page.html);
    assert!(page.text("#conflict").contains("by ann") && page.text("#text").contains("# mine"), "{}", page.html);
    assert_eq!(page.attribute("form[action='/services/wiki/definition'] input[name=revision]", "value"), "2");

    // An earlier revision goes back into the editor.
    let page = ann.open(&format!("{WIKI}?from=1")).await;
    assert!(!page.text("#text").contains("supersede"), "{}", page.html);
    let revisions = ann.open(WIKI).await.text("#revisions");
    assert!(revisions.contains("Revision 2") && revisions.contains("+ supersede = true"), "{revisions}");

    let page = ann.open(WIKI).await;
    let page = ann.submit(&page, "/services/wiki/remove", &[]).await;
    assert_eq!((page.status, page.location.as_deref()), (303, Some("/")), "{}", page.html);
    let service = w.operator().get("/api/v1/services/wiki").await.ok();
    assert_eq!(service["retired"], true);
    assert_eq!(defined(&w).await["in_dashboard"], false);
    let kinds = kinds(&w).await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "service_defined").count(), 2);
    // Its pages say so, and offer what is possible.
    let line = ann.open("/").await.text("#places");
    assert!(line.contains("wiki") && line.contains("Retired"), "{line}");
    let page = ann.open("/services/wiki").await;
    assert!(page.text("#out-of-force").contains("Retired") && !page.has("form[action$='/lock']"), "{}", page.html);
    let page = ann.open("/services/wiki/release").await;
    assert!(page.status == 409 && page.text("main").contains("wiki is retired"), "{}", page.html);
    let page = ann.open(WIKI).await;
    assert!(page.text(".head").contains("Not in the configuration any more"), "{}", page.html);
    let last = page.text("#revisions details");
    assert!(last.contains("Revision 3") && last.contains("ann") && last.contains("removed"), "{last}");
    assert!(kinds.contains(&"service_removed".into()));
    // That was meant, so nothing goes on warning of it, and no host is said to be its.
    let (code, said) = w.rmm(&["check"]);
    assert!(code == Some(0) && !said.contains("wiki"), "{said}");
    assert!(!ann.open("/settings").await.text("main").contains("wiki has releases"));
    let hosts = w.operator().get("/api/v1/hosts").await.ok();
    assert!(hosts[0]["name"] == "local" && !hosts[0]["services"].to_string().contains("wiki"), "{hosts}");
    w.is_sound().await;
}

#[tokio::test]
async fn what_was_saved_outlives_a_kill_and_what_was_refused_is_nowhere() {
    let w = World::new(Setup::new()).await;
    let text = wiki(&w, "");
    let put = |text: String, revision: i64| json!({ "text": text, "revision": revision });
    let made = w.operator().put(API, &put(text.clone(), 0)).await.ok();
    assert_eq!(made["revision"], 1);
    w.restart_after_kill().await;
    assert_eq!(defined(&w).await["written"], text);
    w.operator().put(API, &put(text.clone(), 0)).await.refused(409, "stale_revision");
    w.operator().put(API, &put(text.replace("ann", "nobody"), 1)).await.refused(422, "invalid");
    w.operator()
        .put("/api/v1/services/shop/definition", &put(text.replace("wiki", "shop"), 0))
        .await
        .refused(409, "defined_in_file");
    // The operator edits the file meanwhile; what is defined here does not take that up.
    let before = std::fs::read_to_string(w.path("rmm.toml")).unwrap();
    w.write("rmm.toml", "half a line");
    w.operator().put(API, &put(wiki(&w, "supersede = true"), 1)).await.ok();
    w.write("rmm.toml", &before);
    w.restart_after_kill().await;
    assert_eq!(defined(&w).await["revision"], 2);
    let (code, said) = w.rmm(&["check"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("name = \"wiki\""), "{said}");
}

/// Changes what `rmm.toml` says.
fn edit(w: &World, change: impl FnOnce(&mut Table)) {
    let mut config: Table = std::fs::read_to_string(w.path("rmm.toml")).unwrap().parse().unwrap();
    change(&mut config);
    w.write("rmm.toml", &toml::to_string(&config).unwrap());
}

#[tokio::test]
async fn a_definition_that_no_longer_holds_is_put_aside_at_a_start_and_refuses_a_reload() {
    let w = World::new(Setup::new().person("bob", "member")).await;
    let text = wiki(&w, "").replace("required = [\"ann\"]", "required = [\"bob\"]");
    w.operator().put(API, &json!({ "text": text })).await.ok();
    let without_bob = |config: &mut Table| {
        config["people"].as_array_mut().unwrap().retain(|person| person["name"].as_str() != Some("bob"));
    };
    edit(&w, without_bob);
    let refused = w.operator().post("/api/v1/reload", &Value::Null).await.with_status(422).json();
    let details = refused["details"].to_string();
    assert!(details.contains("the service wiki as defined in the dashboard, line 3"), "{details}");
    let (code, said) = w.rmm(&["check", "--quiet"]);
    assert!(code == Some(2) && said.contains("the service wiki as defined in the dashboard"), "{said}");

    w.restart_after_kill().await;
    let now = defined(&w).await;
    assert!(now["problem"].as_str().unwrap().contains("bob") && now["text"].is_null(), "{now}");
    assert!(w.log().contains("the service wiki of the dashboard is disabled"));
    let mut ann = Browser::signed_in(&w, Some("ann")).await;
    assert!(ann.open("/settings").await.text("main").contains("wiki is disabled"));
    // It is on the board, and every door tells those who want a release of it why there is none.
    let line = ann.open("/").await.text("#places");
    assert!(line.contains("wiki") && line.contains("Disabled"), "{line}");
    assert_eq!(ann.open("/services/wiki").await.location.as_deref(), Some(WIKI));
    let new = json!({ "service": "wiki", "tag": "v1", "initiated_by": "ann" });
    let refused = w.operator().post("/api/v1/releases", &new).await.refused(409, "service_aside");
    assert!(refused.to_string().contains("/services/wiki/definition"), "{refused}");
    let page = ann.open("/services/wiki/release").await;
    assert!(page.status == 409 && page.text("main").contains("is disabled"), "{}", page.html);
    let (code, said) = w.rmm(&["release", "create", "--service", "wiki", "--tag", "v1"]);
    assert!(code == Some(3) && said.contains("wiki is disabled"), "{code:?} {said}");
    // What is wrong is told in English, which a Russian page says.
    let account = ann.open("/account").await;
    ann.submit(&account, "/account", &[("lang", "ru"), ("theme", "")]).await;
    let page = ann.open(WIKI).await;
    assert!(page.text("#aside").contains("Подробности — по-английски"));
    // What is wrong with a text is told in Russian, with its rule.
    let wrong = "[[services]]\nname = \"wiki\"\nwho = 1\ntags = \"[v]\"\n";
    let page = ann.send(WIKI, &[("csrf", &page.csrf()), ("text", wrong), ("revision", "1"), ("do", "check")]).await;
    let told = page.text("#wrong");
    assert!(told.contains("неизвестный ключ") && told.contains("допустимы от 1 до 256 символов"), "{told}");
    assert!(!told.contains("must be") && !told.contains("английски"), "{told}");
    let account = ann.open("/account").await;
    ann.submit(&account, "/account", &[("lang", "en"), ("theme", "")]).await;
    let page = ann.open(WIKI).await;
    assert!(
        page.text("#aside").contains("bob") && page.text("#text").contains("required = [\"bob\"]"),
        "{}",
        page.html
    );
    // Everything else goes on: the file can be read again, and the check says why it waits.
    w.operator().post("/api/v1/reload", &Value::Null).await.ok();
    let (code, said) = w.rmm(&["check", "--quiet"]);
    assert!(code == Some(0) && said.contains("disabled"), "{said}");
    // Put right here, it is back.
    w.operator().put(API, &json!({ "text": wiki(&w, ""), "revision": 1 })).await.ok();
    let now = defined(&w).await;
    assert!(now["problem"].is_null() && now["text"].is_string(), "{now}");
}

#[tokio::test]
async fn the_file_takes_a_definition_over() {
    let w = World::new(Setup::new()).await;
    let text = wiki(&w, "");
    w.operator().put(API, &json!({ "text": text })).await.ok();
    let file = std::fs::read_to_string(w.path("rmm.toml")).unwrap();
    w.write("rmm.toml", &format!("{file}\n{text}"));
    w.operator().post("/api/v1/reload", &Value::Null).await.ok();
    let now = defined(&w).await;
    assert_eq!((now["in_dashboard"].as_bool(), now["revision"].as_i64()), (Some(false), Some(0)));
    assert_eq!((now["revisions"][0]["number"].as_i64(), &now["revisions"][0]["by"]), (Some(2), &Value::Null));
    let mut ann = Browser::signed_in(&w, Some("ann")).await;
    let told = ann.open(WIKI).await.text("#moved");
    assert!(told.contains("defined in rmm.toml since"), "{told}");
    let page = ann.open("/services/wiki").await;
    assert!(page.text("main").contains("was defined in the dashboard"), "{}", page.html);
    let page = ann.open("/services/shop").await;
    assert!(!page.text("main").contains("was defined in the dashboard"), "{}", page.html);
    assert!(kinds(&w).await.contains(&"service_moved_to_file".into()));
    w.operator().put(API, &json!({ "text": text })).await.refused(409, "defined_in_file");
    // Gone from there, it does not come back by itself.
    w.write("rmm.toml", &file);
    w.operator().post("/api/v1/reload", &Value::Null).await.ok();
    eventually("it is gone", async || (w.operator().get(API).await.status == 404).then_some(())).await;
}

#[tokio::test]
async fn a_terminal_defines_services_too() {
    let w = World::new(Setup::new()).await;
    let file = w.path("wiki.toml").display().to_string();
    w.write("wiki.toml", &wiki(&w, "nonsense = 1"));
    let (code, said) = w.rmm(&["service", "define", "wiki", "--file", &file]);
    assert!(code == Some(3) && said.contains("line 4: services.nonsense: unknown key"), "{said}");
    w.write("wiki.toml", &wiki(&w, ""));
    let (code, said) = w.rmm(&["service", "define", "wiki", "--file", &file, "--check"]);
    assert!(code == Some(0) && said.contains("Nothing was saved"), "{said}");
    for revision in ["revision 1", "revision 2"] {
        let (code, said) = w.rmm(&["service", "define", "wiki", "--file", &file]);
        assert!(code == Some(0) && said.contains(revision), "{said}");
        w.write("wiki.toml", &wiki(&w, "# once more"));
    }
    let (code, said) = w.rmm(&["service", "definition", "wiki"]);
    assert!(code == Some(0) && said == wiki(&w, "# once more"), "{said}");
    // Where RMM does not run, others see it all the same.
    w.kill();
    let (code, said) = w.rmm(&["service", "list"]);
    assert!(code == Some(0) && said.contains("wiki"), "{said}");
    w.start().await;
    let (code, said) = w.rmm(&["service", "remove", "wiki"]);
    assert!(code == Some(0) && said.contains("is removed"), "{said}");
    let (code, said) = w.rmm(&["service", "remove", "wiki"]);
    assert!(code == Some(3) && said.contains("not defined in the dashboard"), "{said}");
}

#[tokio::test]
async fn root_runs_nothing_of_the_dashboard_that_the_file_does_not_allow() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut setup = Setup::new();
    setup.local = None;
    let w = World::without_rmm(setup);
    edit(&w, |config| drop(config.remove("services")));
    w.start().await;
    let refused = w.operator().put(API, &json!({ "text": wiki(&w, "") })).await.with_status(422).json();
    assert!(refused["details"].to_string().contains("as root, as RMM does"), "{refused}");
    w.operator().get(API).await.with_status(404);
    // Who connects a repository is told before.
    let mut ann = Browser::signed_in(&w, Some("ann")).await;
    let page = ann.open("/connect?step=places&repository=acme/wiki").await;
    assert!(page.has("input[name=stage][value=local][disabled]") && page.has("input[name=stage][value=ci][checked]"));
    assert!(page.text("main").contains("[local] with user"), "{}", page.html);
}

#[tokio::test]
async fn the_file_alone_may_say_what_runs() {
    let w = World::new(Setup::new()).await;
    w.operator().put(API, &json!({ "text": wiki(&w, "") })).await.ok();
    let mut ann = Browser::signed_in(&w, Some("ann")).await;
    let link = "#definition ~ a";
    assert_eq!(ann.open("/services/wiki").await.text(link), "Edit");
    // It takes effect at once, which a reload does not deny.
    edit(&w, |config| {
        config["server"].as_table_mut().unwrap().insert("edit_services".into(), false.into());
    });
    let (code, said) = w.rmm(&["reload"]);
    assert!(code == Some(0) && said.contains("`listen` and `data_dir` of [server]"), "{said}");
    assert_eq!(ann.open("/services/wiki").await.text(link), "In full");
    w.operator().put(API, &json!({ "text": wiki(&w, ""), "revision": 1 })).await.refused(403, "forbidden");
    let ci = w.ci().await;
    ci.put(API, &json!({ "text": wiki(&w, "") })).await.refused(403, "forbidden");
    let page = ann.open("/services/shop/definition").await;
    assert!(page.text(".head").contains("rmm.toml") && !page.has("textarea"), "{}", page.html);
    assert_eq!(ann.open("/connect").await.status, 403);
}
