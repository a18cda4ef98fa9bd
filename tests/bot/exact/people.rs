//! Who taps is told by the number alone, and by what `rmm.toml` says at that moment.

use super::{approved_by, menu, waiting, yes};
use crate::story::{BotWorld, TEAM, set};
use crate::telegram::Shown;

#[tokio::test]
async fn a_renamed_user_is_still_the_same_person() {
    let world = BotWorld::start().await;
    let menu = menu(&world, &world.ann).await;
    let release = waiting(&world, "v1").await;
    let yes = yes(&world, release).await;
    world.ann.is_called(Some("ann"));
    world.ann.says(world.ann.id, "/id");
    let renamed = world.telegram.user(world.ann.id, "Completely Different");
    renamed.is_called(Some("somebody_else"));
    // A user who takes the name does not become her.
    let taker = world.telegram.user(500, "Anna");
    taker.is_called(Some("ann"));
    let team = world.team.shows("waiting for approval").await.at;
    let tap = taker.taps_raw(team, &yes).await;
    assert!(tap.alert && tap.toast.contains("I do not know you. Your number: 500"), "{tap:?}");
    assert!(approved_by(&world, release).await.is_empty());
    assert_eq!(renamed.taps_raw(menu, &yes).await.toast, "✅ Your approval counts (1/2)");
    assert_eq!(approved_by(&world, release).await, ["ann"]);
}

#[tokio::test]
async fn a_person_off_the_list_by_now_does_not_vote() {
    let world = BotWorld::start().await;
    let menu = menu(&world, &world.ann).await;
    let release = waiting(&world, "v1").await;
    let yes = yes(&world, release).await;
    world.configure(|config| {
        for service in config["services"].as_array_mut().unwrap() {
            let service = service.as_table_mut().unwrap();
            set(service, "approvals.required", vec!["boris"]);
            set(service, "approvals.minimum", 1);
        }
    });
    world.reload().await;
    let tap = world.ann.taps_raw(menu, &yes).await;
    assert!(tap.alert && tap.toast.contains("ann is not in the approver list of shop: boris"), "{tap:?}");
    assert!(approved_by(&world, release).await.is_empty());
}

#[tokio::test]
async fn a_person_who_has_left_is_a_stranger_at_once() {
    let world = BotWorld::start().await;
    let menu = menu(&world, &world.ann).await;
    let release = waiting(&world, "v1").await;
    let yes = yes(&world, release).await;
    world.ann.taps_raw(menu, &format!("r.{release}")).await;
    let private = world.telegram.chat(world.ann.id);
    private.shows("shop").await;
    world.configure(|config| {
        let people = config["people"].as_array_mut().unwrap();
        people.retain(|person| person["name"].as_str() != Some("ann"));
        for service in config["services"].as_array_mut().unwrap() {
            let service = service.as_table_mut().unwrap();
            set(service, "approvals.required", vec!["boris"]);
            set(service, "approvals.minimum", 1);
        }
    });
    world.reload().await;
    for data in [yes.clone(), format!("r.{release}"), "l.a.0".to_owned()] {
        let tap = world.ann.taps_raw(menu, &data).await;
        assert!(tap.alert && tap.toast.contains("I do not know you. Your number: 77"), "{tap:?}");
    }
    assert!(approved_by(&world, release).await.is_empty());
    // What happens next is not told to a person who has left.
    let before = private.messages();
    world.boris.says(world.boris.id, "/start");
    world.boris.taps(world.boris.id, "Active").await;
    world.boris.taps(world.boris.id, "✅ Approve").await;
    assert_eq!(world.boris.taps(world.boris.id, "Yes").await.toast, "✅ Fully approved!");
    world.rmm.until(release, "deployed").await;
    world.team.shows("is deployed").await;
    assert_eq!(private.messages(), before);
}

#[tokio::test]
async fn a_stranger_hears_a_number_and_nothing_else() {
    let world = BotWorld::start().await;
    let release = waiting(&world, "v1").await;
    let yes = yes(&world, release).await;
    world.team.shows("waiting for approval").await;
    let start = format!("/start r{release}");
    let words = [
        "/start",
        &start,
        "/active",
        "/releases",
        "/failed",
        "/status shop",
        "/status",
        "/explain 1",
        "/hosts",
        "/rollback shop",
        "/lock shop because",
        "/unlock shop",
        "/help",
        "/language",
        "/id",
        "hello",
        "shop v1",
    ];
    let events = world.rmm.event_count().await;
    for (words, id) in words.iter().zip(600..) {
        let stranger = world.telegram.user(id, "Mallory <b>");
        stranger.says(id, words);
        let said = world.telegram.chat(id).shows(&format!("telegram_id = {id}")).await;
        assert!(said.text.contains("Mallory <b>") && tells_nothing(&said), "{words}: {said:#?}");
        assert_eq!(world.telegram.chat(id).messages().len(), 1, "{words}");
    }
    let mallory = world.telegram.user(666, "Mallory");
    mallory.says(mallory.id, "/start");
    let private = world.telegram.chat(mallory.id);
    let first = private.shows("telegram_id = 666").await;
    let before = world.team.messages();
    let card = world.team.messages().into_iter().find(|shown| shown.button("Approve").is_some()).unwrap();
    let taps =
        [yes.as_str(), "m", "r.1", "e.1", "f.1", "l.a.0", "hs", "g.ru", "*r.1", "c.1.1.a", "o.666.0000000000000000.y"];
    for place in [card.at, first.at] {
        for data in taps {
            let tap = mallory.taps_raw(place, data).await;
            assert_eq!(tap.toast, "I do not know you. Your number: 666", "{data}");
            assert!(tap.alert);
        }
    }
    assert_eq!(world.rmm.event_count().await, events);
    assert_eq!(world.team.messages(), before, "the team sees nothing of it");
    assert_eq!(private.messages(), [first]);
    // In the team's group, a stranger is answered as politely.
    mallory.says(TEAM, "/active@rmm_bot");
    assert!(tells_nothing(&world.team.shows("telegram_id = 666").await));
}

/// Nothing is said about a release, a service or a person.
fn tells_nothing(said: &Shown) -> bool {
    let secrets = ["shop", "v1", "#1", "Anna", "Boris", "boris", "esting"];
    said.buttons.is_empty() && !secrets.iter().any(|word| said.text.contains(word))
}
