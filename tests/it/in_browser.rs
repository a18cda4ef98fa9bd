//! The dashboard in a real browser: `tests/browser/story.mjs` plays a team's story on a laptop and on phones, with and without
//! scripts, light and dark, in both languages. `RMM_BROWSER` names the folder where `tests/run` has put what drives the browser;
//! without it these tests say that they are skipped. `RMM_SCREENSHOTS=folder` keeps pictures of every page.

use serde_json::{Value, json};
use tokio::process::Command;

use crate::world::{Browser, Setup, World};

/// Stage takes until the story has seen it at work; v2 is broken in production.
const DEPLOY: &str = r#"printf '\033[32mbuilding\033[0m %s\n' "$RMM_TAG"
    printf 'a\342\200\213b \033[1mbold\033[0m\n%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20
    test $RMM_ENVIRONMENT = production || while test ! -e ../go; do sleep 0.05; done
    test $RMM_TAG != v2 || test $RMM_ENVIRONMENT != production"#;

/// Pages that the story itself does not come to.
const PAGES: &str = "releases releases?q=v2 releases/1/plan releases/3/compare?with=1 insights insights/deploys insights/failed \
                     hosts people tokens audit settings connect connect?step=trigger&repository=acme/wiki \
                     connect?step=places&repository=acme/wiki connect?step=approvers&repository=acme/wiki \
                     connect?step=review&repository=acme/wiki&stage=ci&production=ci services/shop/definition services/shop/release";

async fn play(view: Value) {
    if std::env::var_os("RMM_BROWSER").is_none() {
        eprintln!("skipped: there is no browser (tests/run installs one)");
        return;
    }
    let world = World::new(Setup::new().surface("deploy", DEPLOY)).await;
    let link = Browser::of(&world).link(Some("ann")).await;
    let token = world.operator().post("/api/v1/tokens", &json!({ "name": "browser", "role": "ci" })).await.ok();
    let story = json!({
        "base": format!("http://{}", world.address()),
        "link": link,
        "token": token["token"],
        "go": world.path("go"),
        "view": view,
    });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/story.mjs");
    let mut node = Command::new("node");
    node.args([script, &story.to_string()]).env("RMM_PAGES", PAGES).kill_on_drop(true);
    let ended = node.output().await.expect("node");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[tokio::test]
async fn on_a_laptop_in_english() {
    play(json!({ "device": "laptop", "theme": "light", "language": "en", "script": true })).await;
}

#[tokio::test]
async fn on_a_laptop_in_russian_without_scripts() {
    play(json!({ "device": "laptop", "theme": "dark", "language": "ru", "script": false })).await;
}

#[tokio::test]
async fn on_a_phone_in_russian() {
    play(json!({ "device": "Pixel 7", "theme": "dark", "language": "ru", "script": true })).await;
}

#[tokio::test]
async fn on_another_phone_in_english_without_scripts() {
    play(json!({ "device": "iPhone 14", "theme": "light", "language": "en", "script": false })).await;
}
