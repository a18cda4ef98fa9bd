//! A person alone with the bot: the menu, the lists, decisions, the rollback of production, and commands.

use crate::story::{BotWorld, told};
use crate::telegram::{ChatView, Shown, User};
use crate::world::Setup;

/// What surfaces are deployed with: v3 does not fit on stage until there is room, and production goes back only when
/// it is let.
const DEPLOY: &str = r#"
    echo "installing $RMM_TAG"
    if test $RMM_ENVIRONMENT = stage && test $RMM_TAG = v3 && test ! -e ../room; then
        echo "no space left on device" >&2
        exit 28
    fi
    while test $RMM_ENVIRONMENT-$RMM_RUN_KIND = production-rollback && test ! -e ../go; do sleep 0.02; done"#;

/// Anna approves alone.
fn shop(setup: Setup) -> Setup {
    setup.approved_by(1, ["ann"]).surface("deploy", DEPLOY)
}

/// A shop that has come as far as these versions; Anna has the menu before her.
async fn shop_with(versions: &[&str]) -> BotWorld {
    let world = BotWorld::without_rmm(shop).await;
    world.start_rmm().await;
    for version in versions {
        world.rmm.deployed(version).await;
    }
    world
}

/// Opens the private chat. Who hears there of the token that this story approves with has seen it.
async fn greets(world: &BotWorld, user: &User) -> ChatView {
    user.says(user.id, "/start");
    let chat = world.telegram.chat(user.id);
    chat.shows("Release Bot").await;
    if user.id == world.ann.id && world.has_token_of("ann").await {
        user.deletes(chat.shows("has made the API token “ann” for you").await.at);
    }
    chat
}

#[tokio::test]
async fn the_menu_leads_to_three_lists() {
    let world = shop_with(&["v1", "v2"]).await;
    let failed = world.rmm.release("v3").await;
    world.rmm.until(failed, "stage_building_failed").await;
    world.rmm.quiet().await;
    let open = world.rmm.release("v4").await;
    world.rmm.until(open, "manual_testing").await;
    world.rmm.release("v5").await;
    let (ann, chat) = (&world.ann, greets(&world, &world.ann).await);

    ann.taps(ann.id, "Active releases").await;
    let newest = chat.shows("🏷️ Tag: v5").await;
    assert_eq!(newest.labels()[newest.labels().len() - 4..], ["📊 1/2", "Next ➡️", "🔄 Refresh", "⬅️ Back to menu"]);
    ann.taps(ann.id, "Next").await;
    let older = chat.shows("🏷️ Tag: v4").await;
    assert!(older.button("✅ Approve").is_some() && older.button("Next").is_none(), "{older:#?}");
    ann.taps(ann.id, "Prev").await;
    chat.shows("🏷️ Tag: v5").await;
    assert_eq!(ann.taps(ann.id, "Refresh").await.toast, "🔄 Refreshed");
    ann.taps(ann.id, "Back to menu").await;

    ann.taps(ann.id, "Successful releases").await;
    chat.shows("🏷️ Tag: v2").await;
    ann.taps(ann.id, "Next").await;
    chat.shows("Production runs v2").await;
    ann.taps(ann.id, "Back to menu").await;

    ann.taps(ann.id, "Failed releases").await;
    let card = chat.shows("🏷️ Tag: v3").await;
    assert!(card.text.contains("❗ Failed: Deploy to stage: deploy · app"), "{}", card.text);
    ann.taps(ann.id, "Output of the step").await;
    chat.shows("Output of the failed step").await;
    assert_eq!(chat.messages().len(), 1, "one message shows it all");
    insta::assert_snapshot!(told(&chat));
}

#[tokio::test]
async fn decisions_are_asked_for_once_more_and_told() {
    let world = shop_with(&[]).await;
    let failed = world.rmm.release("v3").await;
    world.rmm.until(failed, "stage_building_failed").await;
    let (ann, chat) = (&world.ann, greets(&world, &world.ann).await);

    // It failed; with some room it goes on.
    world.rmm.write("room", "");
    ann.taps(ann.id, "Failed releases").await;
    ann.taps(ann.id, "🔁 Retry").await;
    chat.shows("Retry this release?").await;
    assert_eq!(ann.taps(ann.id, "Yes, retry").await.toast, "🔁 Release starts over");
    chat.shows("🧪 Manual testing").await;

    // No, for a ready reason; the way back to the card leads through "Back".
    ann.taps(ann.id, "❌ Reject").await;
    chat.shows("Choose a reason").await;
    ann.taps(ann.id, "⬅️ Back").await;
    chat.shows("🧪 Manual testing").await;
    ann.taps(ann.id, "❌ Reject").await;
    assert_eq!(ann.taps(ann.id, "Found a bug while testing").await.toast, "❌ Release rejected");
    chat.shows("🚫 Rejected by ann: Found a bug while testing").await;

    // No, in one's own words.
    ann.taps(ann.id, "🔁 Retry").await;
    ann.taps(ann.id, "Yes, retry").await;
    chat.shows("🧪 Manual testing").await;
    ann.taps(ann.id, "❌ Reject").await;
    ann.taps(ann.id, "My own reason").await;
    let question = chat.until("the bot asks", |shown| shown.iter().find(|shown| shown.asks).cloned()).await;
    ann.replies(question.at, "The <b>pay</b> button is green & broken");
    chat.shows("🚫 Rejected by ann: The <b>pay</b> button is green & broken").await;

    // Not at all.
    ann.taps(ann.id, "🔁 Retry").await;
    ann.taps(ann.id, "Yes, retry").await;
    let cards = chat
        .until("both cards can be used", |shown| {
            let waits =
                |card: &&Shown| card.text.contains("🧪 Manual testing") && card.button("Cancel release").is_some();
            let cards: Vec<_> = shown.iter().filter(waits).cloned().collect();
            (cards.len() == 2).then_some(cards)
        })
        .await;
    ann.taps_now(&cards[1], "Cancel release").await;
    chat.shows("will never go to production").await;
    assert_eq!(ann.taps(ann.id, "Not needed any more").await.toast, "⛔ Release cancelled");
    world.rmm.until(failed, "cancelled").await;
    // The older card follows as well.
    chat.until("both cards say so", |shown| {
        let both = shown.iter().filter(|shown| shown.text.contains("⛔ Cancelled")).count() == 2;
        both.then_some(())
    })
    .await;
    insta::assert_snapshot!(told(&chat));
}

#[tokio::test]
async fn production_goes_back_before_ones_eyes_and_is_unlocked() {
    let world = shop_with(&["v1", "v2"]).await;
    let (ann, chat) = (&world.ann, greets(&world, &world.ann).await);
    ann.taps(ann.id, "Successful releases").await;
    ann.taps(ann.id, "⏪ Roll back").await;
    let versions = chat.shows("Choose the tag to roll back to").await;
    let version = versions.button("🏷️ v1 (").unwrap();
    assert!(version.label.ends_with(')') && version.label.contains(':'), "a date: {}", version.label);
    ann.taps(ann.id, "🏷️ v1 (").await;
    let question = chat.shows("Forecast").await;
    assert!(question.text.contains("Migrations to reverse: app"), "{}", question.text);
    assert!(question.text.contains("Exactly this rollback has been rehearsed"), "{}", question.text);
    assert!(question.text.contains("Choose a reason, or write your own"), "{}", question.text);
    assert_eq!(ann.taps(ann.id, "Errors in production").await.toast, "⏪ Rolling back to v1");

    // The card goes with the run.
    chat.shows("⏳ deploy · app").await;
    world.rmm.write("go", "");
    let card = chat.shows("↩️ Rolled back").await;
    assert_eq!(card.at, question.at);
    assert!(card.text.contains("Production was rolled back to v1"), "{}", card.text);

    // What was approved meanwhile does not go to production.
    ann.taps(ann.id, "📦 shop").await;
    chat.shows("🔒 Locked by").await;
    ann.taps(ann.id, "Unlock production").await;
    chat.until("it is unlocked", |shown| (!shown[0].text.contains("🔒")).then_some(())).await;
    assert!(world.rmm.service().await["production"]["lock"].is_null());
    insta::assert_snapshot!(told(&chat));
}

#[tokio::test]
async fn everything_has_a_command() {
    let world = shop_with(&["v1"]).await;
    world.rmm.deployed("v2").await;
    let waiting = world.rmm.release("v4").await;
    world.rmm.until(waiting, "manual_testing").await;
    let (ann, chat) = (&world.ann, greets(&world, &world.ann).await);
    for (said, shown) in [
        ("/start r1", "🏷️ Tag: v1"),
        ("/active", "🏷️ Tag: v4"),
        ("/releases", "🏷️ Tag: v2"),
        ("/successful", "🏷️ Tag: v2"),
        ("/failed", "No failed releases"),
        ("/status", "Production: v2"),
        ("/rollback shop", "Choose the tag to roll back to"),
        ("/explain 3", "⏳ Approvals"),
        ("/explain", "Which release?"),
        ("/lock", "Why? /lock shop"),
        ("/lock shop the database moves", "🔒 Locked by ann"),
        ("/unlock shop", "Production: v2"),
        ("/lock shed the door", "There is no service shed. Did you mean shop?\n/lock shop"),
        ("/lock warehouse the door", "Which service?\n/lock shop"),
        ("/status SHOP", "There is no service SHOP. Did you mean shop?\n/status shop"),
        ("/hosts", "Hosts"),
        ("/id", "Your number: 77"),
        ("/help", "What I can do"),
        ("/nonsense", "What I can do"),
    ] {
        let before = chat.messages().len();
        ann.says(ann.id, said);
        let what = format!("{said} shows “{shown}”");
        let is = |messages: &[crate::telegram::Shown]| {
            messages.get(before).filter(|message| message.text.contains(shown)).cloned()
        };
        chat.until(&what, is).await;
    }
    insta::assert_snapshot!(told(&chat));
}

#[tokio::test]
async fn people_read_their_own_language() {
    let world = shop_with(&[]).await;
    for (language, first) in [("", "Main menu"), ("ru", "Главное меню"), ("en", "Main menu")] {
        let call = world.telegram.called("the commands are offered", |call| {
            call.method == "setMyCommands" && call.args["language_code"].as_str().unwrap_or_default() == language
        });
        assert_eq!(call.await.args["commands"][0]["description"], first);
        let names = world.telegram.commands(language);
        for name in ["start", "active", "releases", "failed", "status", "rollback", "language", "help"] {
            assert!(names.iter().any(|known| known == name), "{name} is missing in {names:?}");
        }
    }
    let (ann, chat) = (&world.ann, greets(&world, &world.ann).await);
    let boris = greets(&world, &world.boris).await;
    ann.says(ann.id, "/language");
    assert_eq!(ann.taps(ann.id, "Русский").await.toast, "🌐 Теперь говорю по-русски");
    chat.shows("Выберите действие").await;
    let release = world.rmm.release("v1").await;
    world.rmm.until(release, "manual_testing").await;
    ann.taps(ann.id, "Активные релизы").await;
    chat.shows("🧪 Ручное тестирование").await;
    world.boris.taps(world.boris.id, "Active releases").await;
    boris.shows("🧪 Manual testing").await;
    world.team.shows("🧪 Manual testing").await;
    insta::assert_snapshot!(told(&chat));
    ann.says(ann.id, "/language");
    ann.taps(ann.id, "English").await;
    chat.shows("What would you like to see?").await;
}
