//! Who a user is: numbers that are known, names that an admin has to confirm; and what only admins can settle.

use serde_json::json;
use toml::Value;

use crate::host::new_host;
use crate::story::{BotWorld, person, set, told};
use crate::world::{Setup, end_process};

#[tokio::test]
async fn a_username_counts_once_an_admin_has_confirmed_it_and_the_number_from_then_on() {
    let world = BotWorld::without_rmm(|setup| setup.approved_by(1, ["vera", "ann"]).person("mallory", "member")).await;
    world.configure(|config| {
        let vera = person(config, "vera").unwrap();
        vera.remove("telegram_id");
        vera.insert("telegram".into(), "vera".into());
        vera.insert("role".into(), "member".into());
    });
    world.start_rmm().await;
    let (ann, vera) = (&world.ann, &world.vera);
    let [to_ann, to_vera] = [ann.id, vera.id].map(|id| world.telegram.chat(id));
    ann.says(ann.id, "/start");
    to_ann.shows("Release Bot").await;

    // Vera comes by her name; Anna knows her.
    vera.is_called(Some("Vera"));
    vera.says(vera.id, "/start");
    to_vera.shows("You seem to be vera").await;
    to_ann.shows("says: I am vera").await;
    vera.says(vera.id, "/active");
    to_vera.until("she has to wait", |shown| (shown.len() == 2).then_some(())).await;
    assert_eq!(ann.taps(ann.id, "Yes, it is").await.toast, "✅ Confirmed");
    to_vera.shows("ann confirms that you are vera").await;
    to_ann.shows("Confirmed by ann").await;

    // From then on the number counts, whatever she is called, and whichever user takes her name.
    vera.is_called(Some("vera_the_great"));
    let second = world.telegram.user(99, "Vera");
    second.is_called(Some("vera"));
    second.says(99, "/start");
    world.telegram.chat(99).shows("I do not know you yet").await;
    vera.says(vera.id, "/start");
    to_vera.shows("Release Bot").await;
    let release = world.rmm.release("v1").await;
    world.rmm.until(release, "manual_testing").await;
    vera.says(vera.id, &format!("/start r{release}"));
    vera.taps(vera.id, "✅ Approve").await;
    vera.taps(vera.id, "Yes, approve").await;
    to_vera.shows("✅ Deployed").await;

    assert_eq!(to_ann.messages().len(), 2, "no admin is asked about the second one");
    insta::assert_snapshot!(format!("Anna\n{}\n\nVera\n{}", told(&to_ann), told(&to_vera)));
}

#[tokio::test]
async fn of_two_who_claim_a_name_the_one_who_is_not_confirmed_hears_it_and_no_card_keeps_its_buttons() {
    let world = vera_is_known_by_her_username().await;
    let (ann, vera) = (&world.ann, &world.vera);
    let second = world.telegram.user(99, "Mallory");
    let to_ann = world.telegram.chat(ann.id);
    ann.says(ann.id, "/start");
    to_ann.shows("Release Bot").await;
    for (user, name) in [(&second, "Vera"), (vera, "vera")] {
        user.is_called(Some(name));
        user.says(user.id, "/start");
        world.telegram.chat(user.id).shows("You seem to be vera").await;
    }
    to_ann.shows("Mallory (@Vera) says: I am vera").await;
    let card = to_ann.shows("Vera (@vera) says: I am vera").await;
    assert_eq!(ann.taps_now(&card, "Yes, it is").await.toast, "✅ Confirmed");
    world.telegram.chat(vera.id).shows("ann confirms that you are vera").await;
    world.telegram.chat(99).shows("An admin says that you are not vera").await;
    for chat in [&to_ann, &world.team] {
        let other = chat.shows("Mallory (@Vera) says").await;
        let words = format!("Refused: ann has confirmed that vera is Vera (@vera), {}", vera.id);
        chat.shows(&words).await;
        chat.until("no card asks", |shown| shown.iter().all(|it| it.button("Yes, it is").is_none()).then_some(()))
            .await;
        assert!(other.text.contains("Mallory"));
    }
    let refused =
        ann.taps_raw(to_ann.shows("Mallory (@Vera) says").await.at, &card.button("No").unwrap().data.clone().unwrap());
    assert!(refused.await.alert, "what is settled stays so");
}

#[tokio::test]
async fn a_claim_that_the_configuration_makes_void_asks_no_admin() {
    let world = vera_is_known_by_her_username().await;
    let (ann, vera) = (&world.ann, &world.vera);
    let to_ann = world.telegram.chat(ann.id);
    ann.says(ann.id, "/start");
    to_ann.shows("Release Bot").await;
    vera.is_called(Some("vera"));
    vera.says(vera.id, "/start");
    to_ann.shows("says: I am vera").await;
    world.all_is_told().await;
    world.configure(|config| {
        person(config, "vera").unwrap().insert("telegram_id".into(), Value::Integer(99));
    });
    world.reload().await;
    let card = to_ann.shows("The claim is void").await;
    assert!(card.button("Yes, it is").is_none(), "{card:#?}");
}

async fn vera_is_known_by_her_username() -> BotWorld {
    let world = BotWorld::without_rmm(|setup| setup).await;
    world.configure(vera_by_name);
    world.start_rmm().await;
    world
}

fn vera_by_name(config: &mut toml::Table) {
    let vera = person(config, "vera").unwrap();
    vera.remove("telegram_id");
    vera.insert("telegram".into(), "vera".into());
}

/// No chat hears of anything, so that no team could be asked.
fn without_team(config: &mut toml::Table) {
    config["telegram"].as_table_mut().unwrap().remove("chat");
}

#[tokio::test]
async fn a_claim_of_an_account_that_changes_its_username_is_void_and_the_button_refuses() {
    let world = vera_is_known_by_her_username().await;
    let (ann, vera) = (&world.ann, &world.vera);
    let [to_ann, to_vera] = [ann.id, vera.id].map(|id| world.telegram.chat(id));
    vera.is_called(Some("vera"));
    vera.says(vera.id, "/start");
    // The team's chat is asked.
    to_vera.shows("I have asked an admin whether that is so").await;
    ann.says(ann.id, "/start");
    let card = to_ann.shows("says: I am vera").await;
    world.all_is_told().await;
    let yes = card.button("Yes, it is").unwrap().data.clone().unwrap();
    vera.is_called(Some("vera_new"));
    vera.says(vera.id, "/start");
    to_vera.shows("I do not know you yet").await;
    for chat in [&to_ann, &world.team] {
        let void = chat.shows("The claim is void: the account is called @vera_new by now").await;
        assert!(void.button("Yes, it is").is_none(), "{void:#?}");
    }
    let refused = ann.taps_raw(card.at, &yes).await;
    assert!(refused.alert && refused.toast.contains("nothing to resolve"), "{refused:?}");
    let (_, listed) = world.rmm.rmm(&["person", "list"]);
    assert!(!listed.contains("Waiting"), "{listed}");
    assert_eq!(world.rmm.rmm(&["person", "confirm", "vera"]).0, Some(3));
    // Who bears the name again claims it again.
    vera.is_called(Some("vera"));
    vera.says(vera.id, "/start");
    to_ann.until("it is asked again", |shown| shown.last()?.button("Yes, it is").map(|_| ())).await;
    assert_eq!(ann.taps(ann.id, "Yes, it is").await.toast, "✅ Confirmed");
    to_vera.shows("ann confirms that you are vera").await;
}

#[tokio::test]
async fn a_claim_waits_for_an_admin_who_can_be_asked() {
    let world = BotWorld::without_rmm(|setup| setup).await;
    world.configure(|config| {
        vera_by_name(config);
        without_team(config);
    });
    world.start_rmm().await;
    let (ann, vera) = (&world.ann, &world.vera);
    let [to_ann, to_vera] = [ann.id, vera.id].map(|id| world.telegram.chat(id));
    vera.is_called(Some("vera"));
    vera.says(vera.id, "/start");
    to_vera.shows("There is no admin yet whom I could ask").await;
    world.all_is_told().await;
    world.restart_after_kill().await;
    ann.says(ann.id, "/start");
    to_ann.shows("says: I am vera").await;
    ann.says(ann.id, "/help");
    to_ann.shows("What I can do").await;
    world.all_is_told().await;
    assert_eq!(to_ann.transcript().matches("says: I am vera").count(), 1);
    ann.taps(ann.id, "Yes, it is").await;
    to_vera.shows("ann confirms that you are vera").await;
}

#[tokio::test]
async fn a_claim_is_asked_of_an_admin_whom_a_reload_makes_known() {
    let world = BotWorld::without_rmm(|setup| setup).await;
    world.configure(|config| {
        vera_by_name(config);
        without_team(config);
        person(config, "ann").unwrap().remove("telegram_id");
    });
    world.start_rmm().await;
    let (ann, vera) = (&world.ann, &world.vera);
    let [to_ann, to_vera] = [ann.id, vera.id].map(|id| world.telegram.chat(id));
    ann.says(ann.id, "/start");
    to_ann.shows("I do not know you yet").await;
    vera.is_called(Some("vera"));
    vera.says(vera.id, "/start");
    to_vera.shows("There is no admin yet whom I could ask").await;
    world.all_is_told().await;
    world.configure(|config| {
        vera_by_name(config);
        without_team(config);
    });
    world.reload().await;
    to_ann.shows("says: I am vera").await;
    world.reload().await;
    world.all_is_told().await;
    assert_eq!(to_ann.transcript().matches("says: I am vera").count(), 1);
    ann.taps(ann.id, "Yes, it is").await;
    to_vera.shows("ann confirms that you are vera").await;
}

#[tokio::test]
async fn the_team_hears_of_locks_and_a_person_of_a_token_that_is_made_for_them() {
    let world = BotWorld::without_rmm(|setup| setup).await;
    world.start_rmm().await;
    let to_vera = world.telegram.chat(world.vera.id);
    world.vera.says(world.vera.id, "/start");
    to_vera.shows("Release Bot").await;
    world.rmm.rmm(&["service", "lock", "shop", "--reason", "the database moves"]);
    world.team.shows("operator has locked production of shop: the database moves").await;
    world.rmm.rmm(&["service", "unlock", "shop"]);
    world.team.shows("operator has unlocked production of shop").await;
    world.rmm.rmm(&["token", "create", "vera-laptop", "--role", "viewer", "--person", "vera"]);
    let told = to_vera.shows("operator has made the API token “vera-laptop” for you, vera").await;
    assert!(told.text.contains("rmm token revoke vera-laptop"), "{}", told.text);
    world.rmm.rmm(&["login-link", "vera"]);
    to_vera.shows("operator has made a link that signs in to the dashboard as you, vera").await;
    world.all_is_told().await;
    assert_eq!(world.team.transcript().matches("production of shop").count(), 2);
}

#[tokio::test]
async fn who_writes_for_the_first_time_hears_what_was_made_in_their_name_before() {
    let world = BotWorld::without_rmm(|setup| setup).await;
    world.start_rmm().await;
    let rmm = |arguments: &[&str]| {
        let (status, said) = world.rmm.rmm(arguments);
        assert_eq!(status, Some(0), "{said}");
        said
    };
    let make = |name: &str| rmm(&["token", "create", name, "--role", "viewer", "--person", "vera"]);
    let later = "The bot cannot write to vera yet; it tells them as soon as it can";
    assert!(make("vera-laptop").contains(later));
    assert!(make("vera-lost").contains(later));
    assert!(rmm(&["login-link", "vera"]).contains(later));
    rmm(&["token", "revoke", "vera-lost"]);
    world.all_is_told().await;
    let to_vera = world.telegram.chat(world.vera.id);
    for _ in 0..2 {
        world.vera.says(world.vera.id, "/start");
        to_vera.shows("operator has made the API token “vera-laptop” for you, vera").await;
        to_vera.shows("operator has made a link that signs in to the dashboard as you, vera").await;
    }
    world.all_is_told().await;
    let told = to_vera.transcript();
    assert_eq!((told.matches("vera-laptop” for you").count(), told.matches("vera-lost").count()), (1, 0), "{told}");
    assert!(make("vera-phone").contains("The bot tells vera so"));
    to_vera.shows("API token “vera-phone”").await;
}

#[tokio::test]
async fn the_operator_confirms_and_refuses_too_and_everybody_hears_it() {
    let world = vera_is_known_by_her_username().await;
    let (ann, vera) = (&world.ann, &world.vera);
    let second = world.telegram.user(99, "Vera");
    let [to_ann, to_vera] = [ann.id, vera.id].map(|id| world.telegram.chat(id));
    ann.says(ann.id, "/start");
    to_ann.shows("Release Bot").await;
    for (user, name) in [(vera, "Vera"), (&second, "vera")] {
        user.is_called(Some(name));
        user.says(user.id, "/start");
        world.telegram.chat(user.id).shows("You seem to be vera").await;
    }
    let rmm = |arguments: &[&str]| world.rmm.rmm(arguments);
    let (_, listed) = rmm(&["person", "list"]);
    for line in ["Waiting to be confirmed", "vera: @Vera, number ", "vera: @vera, number 99, ", "rmm person confirm 99"]
    {
        assert!(listed.contains(line), "{line}: {listed}");
    }
    let (status, said) = rmm(&["person", "confirm", "vera"]);
    assert!(status == Some(3) && said.contains("claim to be vera; use the number instead of the name"), "{said}");
    assert_eq!(rmm(&["person", "refuse", "99"]).0, Some(0));
    world.telegram.chat(99).shows("An admin says that you are not vera").await;
    let (status, said) = rmm(&["person", "confirm", "vera"]);
    assert_eq!((status, said), (Some(0), format!("{} is vera from now on.\n", vera.id)));
    to_vera.shows("operator confirms that you are vera").await;
    to_ann.shows("Confirmed by operator").await;
    let (_, listed) = rmm(&["person", "list"]);
    assert!(listed.contains(&format!("{}, confirmed by operator", vera.id)) && !listed.contains("Waiting"), "{listed}");
    let (status, said) = rmm(&["person", "refuse", "vera"]);
    assert!(status == Some(3) && said.contains("operator has confirmed already"), "{said}");
    let (_, said) = rmm(&["person", "confirm", "nobody"]);
    assert!(said.contains("no account waits to be confirmed under nobody"), "{said}");
}

#[tokio::test]
async fn a_refused_user_hears_nothing_more() {
    let world = BotWorld::without_rmm(|setup| setup).await;
    world.configure(|config| {
        let vera = person(config, "vera").unwrap();
        vera.remove("telegram_id");
        vera.insert("telegram".into(), "@vera".into());
    });
    world.start_rmm().await;
    let to_ann = world.telegram.chat(world.ann.id);
    world.ann.says(world.ann.id, "/start");
    to_ann.shows("Release Bot").await;
    let mallory = world.telegram.user(666, "Vera <b>&");
    mallory.is_called(Some("vera"));
    mallory.says(666, "/start");
    to_ann.shows("Vera <b>& (@vera) says: I am vera").await;
    assert_eq!(world.ann.taps(world.ann.id, "❌ No").await.toast, "❌ Refused");
    let to_mallory = world.telegram.chat(666);
    to_mallory.shows("An admin says that you are not vera").await;
    mallory.says(666, "/active");
    to_mallory.shows("I do not know you yet").await;
    // No admin is asked again.
    assert_eq!(to_ann.messages().len(), 2);
    // Neither can a button be made up.
    let card = to_mallory.last().at;
    let tap = mallory.taps_raw(card, "l.a.0").await;
    assert!(tap.alert && tap.toast.contains("Your number: 666"), "{tap:?}");
    let world_events = world.rmm.events().await;
    assert!(
        world_events.iter().any(|event| event["type"] == "telegram_refused" || event["kind"] == "telegram_refused")
    );
}

#[tokio::test]
async fn what_an_admin_only_passes_on_is_not_carried_out() {
    let world = BotWorld::without_rmm(|setup| setup).await;
    world.start_rmm().await;
    let (ann, team) = (&world.ann, world.team.id);
    let to_ann = world.telegram.chat(ann.id);
    ann.says(ann.id, "/start");
    to_ann.shows("Release Bot").await;
    let stranger = json!({ "id": 666, "is_bot": false, "first_name": "Mallory" });
    let channel = json!({ "id": -100_666, "title": "Elsewhere", "type": "channel" });
    let marks = [
        json!({ "forward_origin": { "type": "user", "date": 1_700_000_000, "sender_user": stranger } }),
        json!({ "forward_origin": { "type": "hidden_user", "date": 1_700_000_000, "sender_user_name": "M" } }),
        json!({ "forward_origin": { "type": "of a kind that nobody knows yet" } }),
        json!({ "forward_from": stranger, "forward_date": 1_700_000_000 }),
        json!({ "forward_from_chat": channel }),
        json!({ "forward_sender_name": "M" }),
        json!({ "forward_date": 1_700_000_000 }),
        json!({ "via_bot": { "id": 667, "is_bot": true, "first_name": "Other", "username": "other_bot" } }),
        json!({ "sender_chat": channel, "is_automatic_forward": true }),
    ];
    for chat in [ann.id, team] {
        for mark in &marks {
            ann.passes_on(chat, "/lock shop we move", mark);
        }
        ann.edits_into(chat, "/lock shop we move");
    }
    // Updates of one person are handled in their order.
    ann.says(ann.id, "/id");
    to_ann.shows("Your number").await;
    assert_eq!((to_ann.messages().len(), world.team.messages().len()), (2, 0));
    let bot = json!({ "id": 668, "is_bot": true, "first_name": "Assistant", "username": "assistant_bot" });
    let sent_for_ann = [json!({ "is_from_offline": true }), json!({ "sender_business_bot": bot })];
    for (mark, count) in sent_for_ann.iter().zip(3..) {
        ann.passes_on(ann.id, "/lock shop we move", mark);
        to_ann
            .until("the refusal", |shown| {
                (shown.len() == count && shown[count - 1].text.contains("not carried out")).then_some(())
            })
            .await;
    }
    let happened = async |kind: &str| {
        let events = world.rmm.events().await;
        events.iter().filter(|event| event["kind"] == kind).count()
    };
    assert_eq!(happened("production_locked").await, 0);
    ann.says(ann.id, "/lock shop we move");
    to_ann.shows("we move").await;
    assert_eq!(happened("production_locked").await, 1);

    // A touch of a command in a text of a user leads there, and does nothing.
    ann.says(ann.id, "/unlock");
    to_ann
        .until("the service again", |shown| (shown.len() == 6 && shown[5].text.contains("we move")).then_some(()))
        .await;
    assert_eq!(happened("production_unlocked").await, 0);
    ann.says(ann.id, "/unlock shop");
    to_ann.until("the service once more", |shown| (shown.len() == 7).then_some(())).await;
    assert_eq!(happened("production_unlocked").await, 1);
}

#[tokio::test]
async fn a_forged_question_gets_no_menu() {
    let world = BotWorld::without_rmm(|setup| setup).await;
    world.start_rmm().await;
    let to_ann = world.telegram.chat(world.ann.id);
    world.ann.says(world.ann.id, "/rollback shop");
    let words = to_ann.shows("shop has nothing in production yet").await;
    world.ann.replies(words.at, "because I say so");
    to_ann.shows("This question is closed").await;
    world.ann.says(world.ann.id, "hello");
    to_ann.shows("Release Bot").await;
}

#[tokio::test]
async fn an_admin_settles_an_unknown_run() {
    let step = "echo $$ > ../pid; echo $PPID > ../watcher; while test ! -e ../go; do sleep 0.02; done";
    let world = BotWorld::without_rmm(|setup| one_step(setup, step)).await;
    world.start_rmm().await;
    world.ann.says(world.ann.id, "/start");
    world.boris.says(world.boris.id, "/start");
    let [to_ann, to_boris] = [world.ann.id, world.boris.id].map(|id| world.telegram.chat(id));
    to_ann.shows("Release Bot").await;
    to_boris.shows("Release Bot").await;
    let release = world.rmm.release("v1").await;
    let (step, watcher) = (world.rmm.process("pid").await, world.rmm.process("watcher").await);
    end_process(watcher);
    end_process(step);
    to_ann.shows("The outcome of run 1").await;
    world.team.shows("The outcome of run 1").await;
    world.rmm.write("go", "");
    world.ann.taps(world.ann.id, "🔁 Run it again").await;
    to_ann.shows("A new run starts").await;
    assert_eq!(world.ann.taps(world.ann.id, "Yes, again").await.toast, "🔁 Deploy to stage begins again");
    world.rmm.until(release, "manual_testing").await;
    assert_eq!(to_boris.messages().len(), 1, "nothing that Boris could settle");
    let card = to_ann.shows("⚙️ Run 1").await;
    assert!(card.button("Run it again").is_none(), "{card:#?}");
    insta::assert_snapshot!(told(&to_ann));
}

#[tokio::test]
async fn an_admin_says_that_stage_has_been_repaired() {
    let deploy = "test $RMM_ENVIRONMENT = production || { test $RMM_TAG != v2 && test ! -e ../broken; }";
    let world = BotWorld::without_rmm(|setup| one_step(setup, deploy).another_service("other")).await;
    let of_other = world.telegram.group(-1_001_234_567_999, "Other");
    world.configure(|config| {
        let chat = "id = -1001234567999\nservices = [\"other\"]";
        set(config, "telegram.chats", vec![Value::Table(chat.parse().unwrap())]);
    });
    world.start_rmm().await;
    world.rmm.deployed("v1").await;
    let to_ann = world.telegram.chat(world.ann.id);
    world.ann.says(world.ann.id, "/start");
    to_ann.shows("Release Bot").await;
    world.rmm.write("broken", "");
    let bad = world.rmm.release("v2").await;
    world.rmm.until(bad, "stage_building_failed").await;
    let card = to_ann.shows("Stage needs repair").await;
    assert!(card.text.contains("It has to run v1 (#1): bring it there by hand and record it"), "{}", card.text);
    let next = world.rmm.release("v3").await;
    world.rmm.remove("broken");
    // A viewer sees it in the team's chat, and cannot settle it.
    world.team.shows("Stage needs repair").await;
    world.ann.taps(world.ann.id, "✅ Repaired").await;
    to_ann.shows("Make sure that it does").await;
    assert_eq!(world.ann.taps(world.ann.id, "Yes, that is so").await.toast, "🔧 Stage is repaired; it runs v1 (#1)");
    world.rmm.until(next, "manual_testing").await;
    let team = &world.team;
    let said = team.shows("🔧 shop: stage is repaired; it runs v1 (#1) (ann)").await;
    let card = team.shows("🔧 Stage is repaired · run ").await;
    assert_eq!(said.reply_to, Some(card.at.id));
    assert!(said.text.contains("Settled in Telegram"), "with the reason: {}", said.text);
    assert!(!to_ann.transcript().contains("shop: stage is repaired"), "she has said so herself");
    team.until("the team sees that it is settled", |shown| {
        shown.iter().all(|shown| !shown.text.contains("Stage needs repair")).then_some(())
    })
    .await;
    world.all_is_told().await;
    assert_eq!(of_other.messages().len(), 0, "it is about none of their services");
}

#[tokio::test]
async fn an_admin_says_that_it_is_the_right_server() {
    let world = BotWorld::without_rmm(|setup| setup.approved_by(1, ["ann"]).variable("HOST", "s3cret")).await;
    let (host, fingerprint) = new_host("box").await;
    world.configure(|config| {
        set(config, "hosts", vec![Value::Table(host)]);
        let shop = config["services"].as_array_mut().unwrap()[0].as_table_mut().unwrap();
        set(shop, "environments.stage.driver", "ssh");
        set(shop, "environments.stage.hosts", vec![Value::from("box")]);
    });
    world.start_rmm().await;
    for user in [&world.ann, &world.boris] {
        user.says(user.id, "/start");
        world.telegram.chat(user.id).shows("Release Bot").await;
    }
    world.rmm.release("v1").await;
    let to_ann = world.telegram.chat(world.ann.id);
    let card = to_ann.shows("New host box: trust its key?").await;
    assert!(card.text.contains(&fingerprint), "{}", card.text);
    // All can see it in the team's chat; only an admin can say so.
    let in_team = world.team.shows("New host box").await;
    assert_eq!(world.telegram.chat(world.boris.id).messages().len(), 1);
    let data = card.button("trust it").unwrap().data.clone().unwrap();
    let refusal = world.boris.taps_raw(in_team.at, &data).await;
    assert!(refusal.alert, "{refusal:?}");
    assert_eq!(world.ann.taps(world.ann.id, "trust it").await.toast, "🔑 Key trusted");
    for chat in [&to_ann, &world.team] {
        chat.shows("🖥 Host box — key trusted").await;
    }
    world.ann.says(world.ann.id, "/hosts");
    to_ann.shows("box · deploy@").await;
}

fn one_step(setup: Setup, deploy: &str) -> Setup {
    setup.approved_by(1, ["ann"]).without_migrations().surface("deploy", deploy)
}

#[tokio::test]
async fn admins_are_told_in_private_that_the_database_was_restored() {
    let world = BotWorld::start().await;
    world.ann.says(world.ann.id, "/start");
    world.boris.says(world.boris.id, "/start");
    let [to_ann, to_boris] = [world.ann.id, world.boris.id].map(|id| world.telegram.chat(id));
    to_ann.shows("Release Bot").await;
    to_boris.shows("Release Bot").await;
    let copy = world.rmm.path("copy.db").display().to_string();
    world.rmm.operator().post("/api/v1/backup", &serde_json::json!({ "file": copy })).await.ok();
    world.rmm.terminate().await;
    std::fs::copy(copy, world.rmm.database()).unwrap();
    world.start_rmm().await;
    to_ann.shows("RMM's database is older than what was done").await;
    world.team.shows("RMM's database is older than what was done").await;
    world.all_is_told().await;
    assert!(!to_boris.transcript().contains("older than what was done"));
}

#[tokio::test]
async fn an_account_that_stands_for_many_is_told_so_and_does_nothing() {
    let world = BotWorld::without_rmm(|setup| setup).await;
    world.start_rmm().await;
    // An RMM that has released something goes on with a file that `rmm check` refuses.
    let release = world.rmm.release("v1").await;
    world.rmm.until(release, "manual_testing").await;
    let shared = [(777_000, "Telegram"), (136_817_688, "Channel"), (1_087_968_824, "Group")];
    let team = &world.team;
    let mut told = 0;
    for (id, name) in shared {
        world.configure(|config| {
            person(config, "ann").unwrap().insert("telegram_id".into(), Value::Integer(id));
        });
        world.restart_after_kill().await;
        let account = world.telegram.user(id, name);
        for (marks, text) in [
            (json!({}), "/lock shop we move"),
            (json!({ "from": { "id": id, "is_bot": true, "first_name": name } }), "/lock shop we move"),
            (json!({ "sender_chat": { "id": team.id, "title": "Team", "type": "supergroup" } }), "/id"),
        ] {
            account.passes_on(team.id, text, &marks);
            told += 1;
            team.until("it is told", |shown| {
                let said = shown.iter().filter(|shown| shown.text.contains("You write anonymously"));
                (said.count() == told).then_some(())
            })
            .await;
        }
        // What people only say to each other is no business of the bot's.
        account.passes_on(team.id, "hello @rmm_bot", &json!({}));
    }
    assert!(!team.transcript().contains("Your number"));
    let events = world.rmm.events().await;
    assert!(events.iter().all(|event| event["kind"] != "production_locked"), "{events:#?}");
}
