//! Buttons come back from any user, with anything on them, and long after they were shown.

use serde_json::json;

use super::{act, approved_by, menu, on_record, waiting, yes};
use crate::story::{BotWorld, TEAM};
use crate::telegram::{MessageRef, Tap, User};

const OLD: &str = "This button is out of date";

/// What a tap is answered with, and that nothing comes of it.
async fn in_vain(world: &BotWorld, user: &User, on: MessageRef, data: &str) -> Tap {
    let before = world.rmm.event_count().await;
    let tap = user.taps_raw(on, data).await;
    assert_eq!(world.rmm.event_count().await, before, "{data} has done something");
    tap
}

#[tokio::test]
async fn what_is_on_no_button_does_nothing() {
    let world = BotWorld::start().await;
    let menu = menu(&world, &world.ann).await;
    waiting(&world, "v1").await;
    world.rmm.quiet().await;
    let long = "d.1.".repeat(300);
    let garbage = [
        "",
        " ",
        "\0",
        "d",
        "d.",
        "d.1",
        "d.1.5",
        "d.1.5.",
        "d.1.5.q",
        "d.01.5.a",
        "d.+1.5.a",
        "d.-1.5.a",
        "d.0.5.a",
        "d.1.5.a.a",
        "d.1.5.a!",
        "d.1.5.j",
        "d.1.5.j-1",
        "d.1.5.j256",
        "d.1.5.k0",
        "D.1.5.A",
        "d.1.5.a\n",
        "d.١.5.a",
        "d.9223372036854775808.1.a",
        "l.a.-1",
        "l.x.0",
        "u.zz",
        "u.0000000000000000.",
        "z.1.x",
        "o.77.y",
        "g.xx",
        "'; DROP TABLE votes; --",
        "<b>",
        "\u{202e}a.5.1.d",
        &long,
    ];
    for data in garbage {
        let tap = in_vain(&world, &world.ann, menu, data).await;
        assert_eq!((tap.toast.as_str(), tap.alert), (OLD, false), "{data:?}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_not_to_be_there() {
    let world = BotWorld::start().await;
    let menu = menu(&world, &world.ann).await;
    waiting(&world, "v1").await;
    world.rmm.quiet().await;
    for act in ["a", "j0", "x0", "y", "p", "b0", "b0!", "k1", "k1!", "u"] {
        let tap = in_vain(&world, &world.ann, menu, &format!("d.999.1.{act}")).await;
        assert!(tap.alert && tap.toast.contains("there is no release #999"), "{act}: {tap:?}");
    }
    let rest = [
        "d.1.1.j200",
        "d.1.1.k999",
        "z.999.s",
        "z.1.s",
        "t.0000000000000000",
        "u.0000000000000000.0000000000000000",
        "o.77.0000000000000000.y",
        "o.5.0000000000000000.n",
    ];
    for data in rest {
        let tap = in_vain(&world, &world.ann, menu, data).await;
        assert!(tap.alert && !tap.toast.is_empty(), "{data}: {tap:?}");
    }
    // Screens of what is not there are shown, and say so.
    let screens = [
        "r.999",
        "e.999",
        "f.999",
        "c.999.1.a",
        "w.999.1",
        "v.999.0",
        "v.999.4294967295",
        "n.999",
        "q.999.s",
        "s.0000000000000000",
        "h.0000000000000000",
        "i.5.0000000000000000",
        "l.a.4294967295",
        "d.999.1.jw",
    ];
    for data in screens {
        in_vain(&world, &world.ann, menu, data).await;
    }
    world.ann.taps_raw(menu, "m").await;
    world.telegram.chat(world.ann.id).shows("Release Bot").await;
}

#[tokio::test]
async fn a_viewer_and_an_unlisted_member_can_do_nothing() {
    let world = BotWorld::without_rmm(|setup| setup.approved_by(1, ["ann"])).await;
    world.start_rmm().await;
    let menus = [menu(&world, &world.vera).await, menu(&world, &world.boris).await];
    let release = waiting(&world, "v1").await;
    world.rmm.quiet().await;
    let before = world.rmm.show(release).await;
    for word in ["a", "j0", "x0", "y", "p", "b0", "b0!", "k1", "u"] {
        let data = act(&world, release, word).await;
        let tap = in_vain(&world, &world.vera, menus[0], &data).await;
        assert!(tap.alert && !tap.toast.is_empty(), "{word}: {tap:?}");
    }
    for word in ["a", "j0", "p", "b0", "k1", "u"] {
        let data = act(&world, release, word).await;
        let tap = in_vain(&world, &world.boris, menus[1], &data).await;
        assert!(tap.alert && !tap.toast.is_empty(), "{word}: {tap:?}");
    }
    let question = act(&world, release, "jw").await;
    let tap = in_vain(&world, &world.vera, menus[0], &question).await;
    assert!(tap.alert, "a viewer is asked why they say no: {tap:?}");
    assert_eq!(world.rmm.show(release).await, before);
}

#[tokio::test]
async fn buttons_elsewhere_are_none_of_rmms() {
    let world = BotWorld::start().await;
    let anns = menu(&world, &world.ann).await;
    menu(&world, &world.boris).await;
    let elsewhere = world.telegram.group(-1_009_000_000_000, "Elsewhere");
    let release = waiting(&world, "v1").await;
    let yes = yes(&world, release).await;
    world.ann.says(elsewhere.id, "/active@rmm_bot");
    let words = elsewhere.shows("-1009000000000").await;
    assert!(!words.text.contains("shop") && !words.text.contains("v1"), "{words:?}");
    let there = [
        words.at,
        MessageRef { chat: elsewhere.id, id: 1 },
        world.telegram.other_bot_says(TEAM, "Approve?"),
        // The private chat of another user.
        MessageRef { chat: world.boris.id, id: 1 },
    ];
    for on in there {
        assert_eq!(in_vain(&world, &world.ann, on, &yes).await.toast, OLD, "{on:?}");
        assert_eq!(in_vain(&world, &world.ann, on, &format!("r.{release}")).await.toast, OLD, "{on:?}");
    }
    assert!(world.ann.taps_raw(anns, &yes).await.toast.starts_with('✅'));
}

#[tokio::test]
async fn a_button_of_yesterday_is_answered_with_what_has_changed() {
    let world = BotWorld::start().await;
    let menu = menu(&world, &world.ann).await;
    let release = waiting(&world, "v1").await;
    let [yes, no] = [yes(&world, release).await, act(&world, release, "j0").await];
    let unlock = act(&world, release, "u").await;
    let anna = world.rmm.person("ann").await;
    anna.post("/api/v1/services/shop/lock", &json!({ "reason": "the database moves" })).await.ok();
    let path = format!("/api/v1/releases/{release}");
    let boris = world.rmm.person("boris").await;
    boris.post(&format!("{path}/reject"), &json!({ "reason": "the carts are empty" })).await.ok();

    let tap = in_vain(&world, &world.ann, menu, &yes).await;
    assert!(tap.alert && tap.toast.contains("it is rejected now"), "{tap:?}");
    let private = world.telegram.chat(world.ann.id);
    private
        .until("the message shows how it is now", |all| {
            all.iter().find(|shown| shown.at == menu && shown.text.contains("the carts are empty")).cloned()
        })
        .await;

    let tap = in_vain(&world, &world.ann, menu, &unlock).await;
    assert!(tap.alert && tap.toast.contains("has changed since"), "{tap:?}");
    assert_eq!(world.rmm.service().await["production"]["lock"]["reason"], "the database moves");
    anna.post("/api/v1/services/shop/unlock", &json!({})).await.ok();

    // The same status again, but not the same release any more.
    boris.post(&format!("{path}/retry"), &json!({})).await.ok();
    world.rmm.until(release, "manual_testing").await;
    world.rmm.quiet().await;
    for (data, kind) in [(&yes, "release_approved"), (&no, "release_rejected")] {
        let before = on_record(&world, release, kind).await;
        let tap = in_vain(&world, &world.ann, menu, data).await;
        assert!(tap.alert && tap.toast.contains("has changed since"), "{tap:?}");
        assert_eq!(on_record(&world, release, kind).await, before);
    }
    private
        .until("the message shows how it is now", |all| {
            let shown = all.iter().find(|shown| shown.at == menu)?;
            (shown.text.contains("Manual testing") && shown.button("Approve").is_some()).then_some(())
        })
        .await;
    world.ann.taps(world.ann.id, "✅ Approve").await;
    let tap = world.ann.taps(world.ann.id, "Yes").await;
    assert_eq!(tap.toast, "✅ Your approval counts (1/2)");
    assert_eq!(approved_by(&world, release).await, ["ann"]);
}
