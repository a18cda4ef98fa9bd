//! Connecting a repository in the dashboard, without a script: from nothing to a release that has a number.

use tokio::net::TcpListener;
use toml::Table;

use crate::world::{Browser, Page, Repository, Setup, World};

/// RMM with people and nothing to release.
async fn nothing_yet(setup: Setup) -> World {
    let w = World::without_rmm(setup);
    let mut config: Table = std::fs::read_to_string(w.path("rmm.toml")).unwrap().parse().unwrap();
    config.remove("services");
    w.write("rmm.toml", &toml::to_string(&config).unwrap());
    w.start().await;
    w
}

/// Sends a form that asks (`method=get`), as a browser does.
async fn onward(browser: &mut Browser<'_>, page: &Page, filled_in: &[(&str, &str)], to: &str) -> Page {
    let mut all: Vec<_> = page.carried().into_iter().collect();
    all.extend(filled_in.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    all.push(("step".to_owned(), to.to_owned()));
    browser.open(&format!("/connect?{}", serde_urlencoded::to_string(all).unwrap())).await
}

#[tokio::test]
async fn a_repository_is_connected_and_its_first_release_has_a_number() {
    let w = nothing_yet(Setup::new().person("bob", "member")).await;
    let repository = Repository::in_folder(&w.path("wiki.git"));
    repository.tag("v0.9.0", "one");
    repository.tag("v0.10.0", "two");
    repository.tag("nightly", "three");
    let address = repository.path.display().to_string();
    let mut ann = Browser::signed_in(&w, Some("ann")).await;

    let board = ann.open("/").await;
    assert_eq!(board.attribute("#first a.btn", "href"), "/connect");
    let page = ann.open("/connect").await;
    let page = ann.submit(&page, "/connect/look", &[("repository", &address)]).await;
    assert_eq!(page.status, 303, "{}", page.html);
    let page = ann.open(&page.location.unwrap()).await;
    let look = page.text("#look");
    assert!(look.contains("main") && look.contains("v0.10.0 v0.9.0 nightly"), "{look}");
    assert_eq!((page.attribute("#name", "value"), page.attribute("#tags", "value")), ("wiki".into(), "v*".into()));
    assert!(!page.text("#fits").contains("nightly"));

    let trigger = [("name", "wiki"), ("candidates", "tags"), ("tags", "v*")];
    let page = onward(&mut ann, &page, &trigger, "places").await;
    assert_eq!(page.status, 200, "{}", page.html);
    // Without hosts in the file, there is this machine.
    assert!(page.has("input[name=stage][value=ssh][disabled]") && page.has("input[name=stage][value=local][checked]"));
    let [stage, production] = ["there/stage", "there/production"].map(|folder| w.path(folder).display().to_string());
    let places = [
        ("stage", "local"),
        ("production", "local"),
        ("recipe", "commands"),
        ("deploy", "echo {{ release.tag }} >> ../../ledger"),
        ("stage_directory", &stage),
        ("production_directory", &production),
    ];
    let page = onward(&mut ann, &page, &places, "approvers").await;
    assert!(page.has("input[name=required][value=ann][checked]") && page.has("input[name=required][value=bob]"));
    let page = onward(&mut ann, &page, &[("required", "ann"), ("minimum", "1")], "review").await;
    assert!(page.has("#right"), "{}", page.html);
    let text = page.text_as_it_is("#text");
    assert!(text.contains("candidates = \"tags\"") && text.contains("required = [\"ann\"]"), "{text}");

    // Changed by hand, and wrong: nothing is saved, and nothing that was typed is lost.
    let wrong = format!("{text}\nnonsense = 1");
    let refused = ann.submit(&page, "/connect", &[("text", &wrong), ("do", "save")]).await;
    assert_eq!(refused.status, 422, "{}", refused.html);
    assert!(refused.text("#wrong").contains("nonsense") && refused.text("#text").contains("nonsense"));
    let page = ann.submit(&refused, "/connect", &[("text", &text), ("do", "save")]).await;
    assert_eq!(
        (page.status, page.location.as_deref()),
        (303, Some("/services/wiki/release?connected=1")),
        "{}",
        page.html
    );

    let page = ann.open("/services/wiki/release?connected=1").await;
    assert!(
        page.text("#connected").contains("wiki is connected") && page.has("input[name=tag][value='v0.10.0'][checked]")
    );
    assert!(!page.has("input[value=nightly]"));
    let odd = ann.submit(&page, "/services/wiki/release", &[("other", "--upload-pack=x"), ("notes", "mine")]).await;
    assert_eq!(odd.status, 422, "{}", odd.html);
    assert!(odd.text("#notes").contains("mine") && odd.attribute("#other", "value") == "--upload-pack=x");
    let made = ann.submit(&page, "/services/wiki/release", &[("tag", "v0.10.0")]).await;
    let place = made.location.unwrap();
    let release: i64 = place.strip_prefix("/releases/").unwrap().parse().unwrap();
    assert!(ann.open(&place).await.text("h1").contains("v0.10.0"));
    w.until(release, "manual_testing").await;
    w.approve("ann", release).await.ok();
    w.until(release, "deployed").await;
    assert_eq!(w.ledger(), ["v0.10.0", "v0.10.0"]);
    w.is_sound().await;
}

#[tokio::test]
async fn what_cannot_be_is_told_where_it_was_said_and_shown_as_it_is() {
    let w = nothing_yet(Setup::new()).await;
    let mut ann = Browser::signed_in(&w, Some("ann")).await;
    let page = ann.open("/connect").await;
    let long = format!("acme/{}", "x".repeat(10_000));
    for evil in [
        "--upload-pack=touch /tmp/x",
        "https://user:password@git.example.com/shop.git",
        "ext::sh -c id",
        "<script>alert(1)</script>",
        "/nowhere/at/all",
        &long,
    ] {
        let said = ann.submit(&page, "/connect/look", &[("repository", evil)]).await;
        assert_eq!(said.status, 422, "{evil}: {}", said.html);
        assert!(said.has("#silent") && said.attribute("#repository", "value") == evil, "{evil}: {}", said.html);
        assert!(!said.html.contains("<script>alert"));
        // How to let RMM in helps where it was turned away, and not where there is no address.
        assert_eq!(said.text("#silent").contains("deploy key"), evil == "/nowhere/at/all", "{evil}: {}", said.html);
    }
    let step = |to: &str, answers: &[(&str, &str)]| {
        let pairs = [("step", to), ("repository", "acme/shop")].into_iter().chain(answers.iter().copied());
        format!("/connect?{}", serde_urlencoded::to_string(pairs.collect::<Vec<_>>()).unwrap())
    };
    let said = ann.open(&step("places", &[("name", "<b>no name</b>")])).await;
    assert_eq!(said.status, 422);
    assert!(
        said.text("#missing").contains("Name of the service") && said.attribute("#name", "value") == "<b>no name</b>"
    );
    let said = ann.open(&step("approvers", &[("name", "shop"), ("stage", "ssh"), ("production", "ci")])).await;
    assert!(said.text("#missing").contains("Choose a server for stage"), "{}", said.html);
    let said = ann.open(&step("review", &[("name", "shop"), ("required", "eve")])).await;
    assert!(said.text("#missing").contains("no person eve"), "{}", said.html);
    // A viewer who unticks all approvers is asked, and is not ticked again themself.
    let said = ann.open(&step("review", &[("name", "shop"), ("asked", "approvers")])).await;
    assert!(said.text("#missing").contains("Choose who approves"), "{}", said.html);
    assert!(!said.has("input[name=required][checked]"), "{}", said.html);
    // Later answers are kept on the way back.
    let answers =
        [("name", "shop"), ("stage", "ci"), ("production", "ci"), ("candidates", "call"), ("required", "ann")];
    let page = ann.open(&step("review", &answers)).await;
    assert!(page.has("#right"), "{}", page.html);
    assert!(
        page.text("#call").contains("call") && page.html.contains(".github/actions/rmm/action.yml"),
        "{}",
        page.html
    );
    let back = page.attribute(".track a", "href");
    assert!(back.contains("required=ann") && back.contains("candidates=call"), "{back}");
    assert_eq!(w.operator().get("/api/v1/services").await.ok().as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn a_name_that_is_taken_meanwhile_is_told_and_the_text_is_kept() {
    let w = nothing_yet(Setup::new()).await;
    let mut ann = Browser::signed_in(&w, Some("ann")).await;
    let answers = "repository=acme/shop&name=shop&stage=ci&production=ci&required=ann";
    let page = ann.open(&format!("/connect?step=review&{answers}")).await;
    let text = page.text_as_it_is("#text");
    assert_eq!(ann.submit(&page, "/connect", &[("text", &text), ("do", "save")]).await.status, 303);
    let again = ann.submit(&page, "/connect", &[("text", &text), ("do", "save")]).await;
    assert_eq!(again.status, 422, "{}", again.html);
    assert!(again.text("#wrong").contains("by ann") && again.text("#text").contains("acme/shop"), "{}", again.html);
    let taken = ann.open(&format!("/connect?step=places&{answers}")).await;
    assert!(taken.text("#missing").contains("service of this name"), "{}", taken.html);
}

#[tokio::test]
async fn a_repository_that_does_not_answer_is_asked_once_by_each() {
    let w = nothing_yet(Setup::new().person("bob", "admin")).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("git://{}/wiki.git", silent.local_addr().unwrap());
    let (mut first, mut second) =
        (Browser::signed_in(&w, Some("ann")).await, Browser::signed_in(&w, Some("ann")).await);
    let mut bob = Browser::signed_in(&w, Some("bob")).await;
    let [page, again, of_bob] =
        [first.open("/connect").await, second.open("/connect").await, bob.open("/connect").await];
    let fields = [("repository", address.as_str())];
    let asks = first.submit(&page, "/connect/look", &fields);
    let meanwhile = async {
        let _asked = silent.accept().await.unwrap();
        let refused = second.submit(&again, "/connect/look", &fields).await;
        assert_eq!(refused.status, 429, "{}", refused.html);
        assert!(refused.text("#silent").contains("asking a repository already"), "{}", refused.html);
        assert_eq!(refused.attribute("#repository", "value"), address);
        // Others are not held up.
        let other = bob.submit(&of_bob, "/connect/look", &[("repository", "/nowhere/at/all")]).await;
        assert_eq!(other.status, 422, "{}", other.html);
        drop(silent);
    };
    let (said, ()) = tokio::join!(asks, meanwhile);
    assert_eq!(said.status, 422, "{}", said.html);
    // It has ended, and so ann may ask again.
    let said = second.submit(&again, "/connect/look", &[("repository", "/nowhere/at/all")]).await;
    assert_eq!(said.status, 422, "{}", said.html);
}

#[tokio::test]
async fn where_there_is_nothing_yet_the_board_says_what_comes_next() {
    let w = nothing_yet(Setup::new().person("vera", "viewer")).await;
    let mut ann = Browser::signed_in(&w, Some("ann")).await;
    let mut vera = Browser::signed_in(&w, Some("vera")).await;
    let board = ann.open("/").await;
    assert!(board.has("#first a.btn") && board.text("#first code.cmd") == "rmm check && rmm reload", "{}", board.html);
    let board = vera.open("/").await;
    assert!(!board.has("#first a.btn") && board.text("#first code.cmd") == "rmm check && rmm reload", "{}", board.html);
}

#[tokio::test]
async fn whoever_has_rmm_start_a_workflow_gets_one_to_go_back_too() {
    let login = Setup::new().github("token", "env:GITHUB_TOKEN").variable("GITHUB_TOKEN", "a-token-for-tests");
    let w = nothing_yet(login).await;
    let mut ann = Browser::signed_in(&w, Some("ann")).await;
    let answers = "repository=acme/shop&name=shop&stage=ci&production=ci&candidates=call&required=ann&workflow=go.yaml";
    for (named, file) in [("", "on-rollback.yaml"), ("&rollback_workflow=back.yaml", "back.yaml")] {
        let page = ann.open(&format!("/connect?step=review&{answers}{named}")).await;
        let text = page.text_as_it_is("#text");
        assert!(text.contains(&format!("rollback_workflow = \"{file}\"")), "{text}");
        assert!(!page.text("#right").contains("rollback_workflow"), "{}", page.text("#right"));
        for file in ["go.yaml", file] {
            assert!(page.text("main").contains(&format!(".github/workflows/{file}")), "{}", page.html);
        }
    }
}
