//! The team's chats: one card a release, notices for those who are needed, and questions that belong to one person.

use serde_json::json;
use toml::Value;

use crate::story::{BotWorld, TEAM, set, told};
use crate::telegram::{ChatView, Fault, MessageRef, Shown};

/// The card of a release: the one message that is edited.
fn cards(messages: &[Shown], number: i64) -> Vec<Shown> {
    let heading = format!("📦 shop · #{number}");
    messages.iter().filter(|shown| shown.text.lines().any(|line| line == heading)).cloned().collect()
}

/// Waits until the card of a release shows these words; there is only one.
async fn card(chat: &ChatView, number: i64, words: &str) -> Shown {
    let what = format!("the card of #{number} shows “{words}”");
    chat.until(&what, |messages| {
        let mut found = cards(messages, number);
        assert!(found.len() < 2, "two cards of #{number}: {found:#?}");
        found.pop().filter(|card| card.text.contains(words))
    })
    .await
}

#[tokio::test]
async fn one_card_goes_the_way_with_its_release() {
    let deploy = "while test $RMM_ENVIRONMENT = production && test ! -e ../go; do sleep 0.02; done";
    let world = BotWorld::without_rmm(|setup| setup.surface("deploy", deploy)).await;
    world.start_rmm().await;
    let release = world.rmm.release("v1").await;
    let team = &world.team;
    card(team, release, "🧪 Manual testing").await;
    let call = team.shows("waiting for approval (0 of 2)").await;
    assert!(call.text.contains("ann <tg://user?id=77>") && call.text.contains("boris <tg://user?id=78>"), "{call:?}");

    // Anna taps the team's card; the question is hers, and goes when it is answered.
    world.ann.taps(TEAM, "✅ Approve").await;
    let question = team.shows("Approve this release?").await;
    assert!(question.text.starts_with("👤 Anna <tg://user?id=77>"), "{question:?}");
    let toast = world.boris.taps(TEAM, "Yes, approve").await.toast;
    assert_eq!(toast, "This question is for another person; tap the card");
    assert_eq!(world.ann.taps(TEAM, "Yes, approve").await.toast, "✅ Your approval counts (1/2)");
    let gone = |shown: &[Shown]| shown.iter().all(|shown| shown.at != question.at).then_some(());
    team.until("the question is gone", gone).await;
    team.shows("1 of 2 approved; waiting for boris").await;

    // Vera may look, and not decide: she is asked nothing.
    let before = team.messages().len();
    for button in ["✅ Approve", "❌ Reject"] {
        let refusal = world.vera.taps(TEAM, button).await;
        assert!(refusal.alert && refusal.toast.contains("viewer"), "{refusal:?}");
    }
    // Boris, who goes back, leaves no question behind.
    for button in ["✅ Approve", "❌ Reject"] {
        world.boris.taps(TEAM, button).await;
        world.boris.taps(TEAM, "⬅️ Back").await;
        team.until("the question is gone", |shown| (shown.len() == before).then_some(())).await;
    }

    world.boris.taps(TEAM, "✅ Approve").await;
    world.boris.taps(TEAM, "Yes, approve").await;
    team.until("his question is gone", |shown| {
        shown.iter().all(|shown| !shown.text.contains("Approve this release?")).then_some(())
    })
    .await;
    team.shows("deploying to production").await;
    world.rmm.write("go", "");
    let done = team.shows("shop v1 is deployed").await;
    let card = card(team, release, "✅ Deployed").await;
    assert_eq!((call.reply_to, done.reply_to), (Some(card.at.id), Some(card.at.id)));
    assert!(card.edits > 0);
    insta::assert_snapshot!(told(team));
}

#[tokio::test]
async fn a_reason_of_ones_own_leaves_nothing_behind_in_a_group() {
    let world = BotWorld::without_rmm(|setup| setup.approved_by(1, ["ann"])).await;
    world.start_rmm().await;
    let release = world.rmm.release("v1").await;
    let team = &world.team;
    card(team, release, "🧪 Manual testing").await;
    world.ann.taps(TEAM, "❌ Reject").await;
    team.shows("Choose a reason").await;
    world.ann.taps(TEAM, "My own reason").await;
    let question = team.until("the bot asks", |shown| shown.iter().find(|shown| shown.asks).cloned()).await;
    assert!(question.text.starts_with("👤 Anna <tg://user?id=77>"), "{question:?}");
    // What others say to it is talk.
    world.boris.replies(question.at, "I like green");
    // What has no words is no answer, and the question stays.
    let empty = world.ann.replies(question.at, "\u{200b}");
    let again = team.shows("A reason needs words. Reply to the question once more").await;
    assert_eq!(again.reply_to, Some(empty.id));
    world.ann.replies(question.at, "The pay button is green");
    team.shows("was rejected: ann — The pay button is green").await;
    card(team, release, "The pay button is green").await;
    let gone = |shown: &[Shown]| shown.iter().all(|it| ![question.at, again.at].contains(&it.at)).then_some(());
    team.until("the question is gone, and what was said about it", gone).await;
    world.all_is_told().await;
    // Once: by the notice.
    assert!(!team.transcript().contains("❌ Release rejected"), "{}", team.transcript());
    card(team, release, "The pay button is green").await;
}

#[tokio::test]
async fn a_question_goes_when_it_is_asked_anew_and_when_nothing_can_come_of_an_answer() {
    let world = BotWorld::without_rmm(|setup| setup.approved_by(1, ["ann"])).await;
    world.start_rmm().await;
    let release = world.rmm.release("v1").await;
    let team = &world.team;
    card(team, release, "🧪 Manual testing").await;
    let asks = async |before: Option<MessageRef>| {
        world.ann.taps(TEAM, "❌ Reject").await;
        world.ann.taps(TEAM, "My own reason").await;
        let asked = |shown: &[Shown]| {
            let mut questions = shown.iter().filter(|shown| shown.asks);
            questions.next().filter(|it| Some(it.at) != before && questions.next().is_none()).map(|it| it.at)
        };
        team.until("one question, and a new one", asked).await
    };
    let first = asks(None).await;
    asks(Some(first)).await;
    world.rmm.operator().post(&format!("/api/v1/releases/{release}/cancel"), &json!({"reason": "wrong"})).await.ok();
    team.until("no question", |shown| shown.iter().all(|shown| !shown.asks).then_some(())).await;
    card(team, release, "⛔ Cancelled").await;
}

#[tokio::test]
async fn one_person_is_asked_one_thing_about_a_release_in_a_group() {
    let world = BotWorld::start().await;
    let release = world.rmm.release("v1").await;
    let team = &world.team;
    card(team, release, "🧪 Manual testing").await;
    let is_question = |shown: &&Shown| shown.text.starts_with("👤");
    // Of the questions to Anna, there is one, which says this, and it is a new one.
    let asked = async |words: &str, before: Option<MessageRef>| {
        let what = format!("only “{words}”, and a new one");
        team.until(&what, |shown| {
            let mut hers = shown.iter().filter(is_question).filter(|it| it.text.contains("Anna"));
            let only = hers.next().filter(|_| hers.next().is_none())?;
            (only.text.contains(words) && Some(only.at) != before).then_some(only.at)
        })
        .await
    };
    let taps = async |button: &str| {
        let shared = team.messages().into_iter().find(|it| it.button(button).is_some()).unwrap();
        world.ann.taps_now(&shared, button).await;
    };
    let mut last = None;
    for _ in 0..3 {
        taps("✅ Approve").await;
        last = Some(asked("Approve this release?", last).await);
    }
    world.boris.taps(TEAM, "✅ Approve").await;
    let to_boris =
        |shown: &[Shown]| shown.iter().filter(is_question).find(|it| it.text.contains("Boris")).map(|it| it.at);
    let of_boris = team.until("Boris is asked, too", to_boris).await;
    taps("❌ Reject").await;
    last = Some(asked("Choose a reason", last).await);
    world.ann.taps(TEAM, "My own reason").await;
    let reason = team.until("a reason is asked for", |shown| shown.iter().find(|it| it.asks).map(|it| it.at)).await;
    asked("", last).await;
    taps("✅ Approve").await;
    asked("Approve this release?", Some(reason)).await;
    // Her vote comes from elsewhere: nothing can come of this question any more, and Boris still has his.
    world.rmm.approve("ann", release).await.ok();
    let none = |shown: &[Shown]| {
        let left: Vec<_> = shown.iter().filter(is_question).map(|it| it.at).collect();
        (left == [of_boris]).then_some(())
    };
    team.until("only the question to Boris", none).await;
}

#[tokio::test]
async fn who_is_only_called_to_vote_hears_that_there_is_no_vote_any_more() {
    const VOTERS: i64 = -1_001;
    let world = BotWorld::without_rmm(|setup| setup.approved_by(1, ["ann"])).await;
    let voters = world.telegram.group(VOTERS, "Voters");
    let failures = world.telegram.group(-1_002, "Failures");
    world.configure(|config| {
        let chat = |text: &str| Value::Table(text.parse().unwrap());
        let more = vec![
            chat(&format!("id = {VOTERS}\ncards = false\nnotices = [\"waits\"]")),
            chat("id = -1002\ncards = false\nnotices = [\"failed\"]"),
        ];
        set(config, "telegram.chats", more);
    });
    world.start_rmm().await;
    let release = world.rmm.release("v1").await;
    voters.shows("waiting for approval (0 of 1)").await;
    world.rmm.operator().post(&format!("/api/v1/releases/{release}/cancel"), &json!({"reason": "wrong"})).await.ok();
    for chat in [&voters, &failures, &world.team] {
        chat.shows("⛔ shop v1").await;
    }
    world.all_is_told().await;
    assert_eq!((voters.messages().len(), failures.messages().len()), (2, 1), "{}", voters.transcript());
    // One of them says no.
    let second = world.rmm.release("v2").await;
    voters.shows("shop v2 is on stage").await;
    let no = json!({"reason": "it loses baskets"});
    world.rmm.person("ann").await.post(&format!("/api/v1/releases/{second}/reject"), &no).await.ok();
    for chat in [&voters, &failures, &world.team] {
        chat.shows("it loses baskets").await;
    }
    world.all_is_told().await;
    assert_eq!((voters.messages().len(), failures.messages().len()), (4, 2), "{}", voters.transcript());
}

#[tokio::test]
async fn what_a_person_has_asked_for_in_a_group_is_kept_current_and_once() {
    let world = BotWorld::without_rmm(|setup| setup.approved_by(1, ["ann"]).another_service("other")).await;
    let elsewhere = world.telegram.group(-1_001_234_567_999, "Other");
    world.configure(|config| {
        let chat = "id = -1001234567999\nservices = [\"other\"]";
        set(config, "telegram.chats", vec![Value::Table(chat.parse().unwrap())]);
    });
    world.start_rmm().await;
    let release = world.rmm.release("v1").await;
    card(&world.team, release, "🧪 Manual testing").await;
    let listed = async |chat: &ChatView, words: &str, count: usize| {
        let shows = |shown: &[Shown]| {
            let lists: Vec<_> = shown.iter().filter(|it| it.reply_to.is_some() && it.text.contains("📦")).collect();
            (lists.len() == count && lists.iter().all(|it| it.text.contains(words))).then_some(())
        };
        chat.until(&format!("{count} × an answer with “{words}”"), shows).await;
    };
    world.ann.says(elsewhere.id, "/active");
    world.ann.says(TEAM, "/active");
    listed(&world.team, "🧪 Manual testing", 1).await;
    world.ann.says(TEAM, "/active");
    world.boris.says(TEAM, "/active");
    listed(&world.team, "🧪 Manual testing", 2).await;
    world.all_is_told().await;
    world.rmm.approve("ann", release).await.ok();
    for (chat, answers) in [(&world.team, 2), (&elsewhere, 1)] {
        listed(chat, "✅ Deployed", answers).await;
        let buttons = |shown: &Shown| shown.button("Approve").is_some();
        chat.until("nothing to approve", |shown| (!shown.iter().any(buttons)).then_some(())).await;
    }
    world.team.shows("shop v1 is deployed").await;
    world.all_is_told().await;
    assert_eq!(
        elsewhere.messages().iter().filter(|it| !it.text.starts_with('/')).count(),
        1,
        "{}",
        elsewhere.transcript()
    );
}

#[tokio::test]
async fn a_tap_does_not_wait_for_the_news_of_others() {
    let world = BotWorld::without_rmm(|setup| setup.approved_by(1, ["ann"])).await;
    world.start_rmm().await;
    let team = &world.team;
    world.rmm.release("v1").await;
    team.shows("waiting for approval").await;
    for number in 2..=9 {
        world.rmm.release(&format!("v{number}")).await;
    }
    team.shows("Tag: v2").await;
    world.ann.taps(TEAM, "✅ Approve").await;
    let question = team.shows("Approve this release?").await;
    let last = team.shows("Tag: v9").await;
    assert!(question.at.id < last.at.id, "{}", team.transcript());
}

#[tokio::test]
async fn a_user_who_asks_again_and_again_holds_nothing_back() {
    let world = BotWorld::without_rmm(|setup| setup.approved_by(1, ["ann"])).await;
    world.start_rmm().await;
    let release = world.rmm.release("v1").await;
    card(&world.team, release, "🧪 Manual testing").await;
    let stranger = world.telegram.user(666, "Mallory");
    world.telegram.batch(|| {
        for _ in 0..40 {
            stranger.says(TEAM, "/help@rmm_bot");
            drop(world.ann.taps_now(&world.team.last(), "✅ Approve"));
        }
    });
    world.rmm.approve("ann", release).await.ok();
    world.team.shows("shop v1 is deployed").await;
    let answers = |words: &str| world.team.messages().iter().filter(|shown| shown.text.contains(words)).count();
    assert!(answers("I do not know you yet") < 5, "{}", world.team.transcript());
    assert!(answers("Approve this release?") < 5, "{}", world.team.transcript());
    world.telegram.all_acknowledged().await;
}

#[tokio::test]
async fn other_approvers_in_the_configuration_are_on_the_card_at_once() {
    let world = BotWorld::without_rmm(|setup| setup.approved_by(2, ["ann", "boris"])).await;
    world.start_rmm().await;
    let release = world.rmm.release("v1").await;
    card(&world.team, release, "0/2").await;
    let before = world.team.shows("waiting for approval").await;
    world.configure(|config| {
        let approvals = config["services"][0]["approvals"].as_table_mut().unwrap();
        set(approvals, "minimum", 1);
    });
    world.reload().await;
    card(&world.team, release, "0/1").await;
    assert_eq!(world.team.last().at, before.at, "no person is called again");
}

#[tokio::test]
async fn commands_in_a_group_are_for_those_whom_they_name() {
    let world = BotWorld::without_rmm(|setup| setup.approved_by(1, ["ann"])).await;
    world.telegram.forum(TEAM, "Team", &[12]);
    world.start_rmm().await;
    world.ann.says(TEAM, "/status@other_bot");
    world.ann.says(TEAM, "/start@other_bot now, @rmm_bot listens");
    let asked = world.ann.says(TEAM, "/status@rmm_bot");
    let answer = world.team.shows("Approvers: ann").await;
    assert_eq!((answer.reply_to, answer.topic), (Some(asked.id), None));
    world.ann.says(TEAM, "/id");
    world.team.shows("Your number: 77\nThis chat: -1001234567890").await;
    world.boris.says_in(TEAM, 12, "/help");
    let answer = world.team.shows("What I can do").await;
    assert_eq!(answer.topic, Some(12));
    // What one person asked for is theirs.
    assert_eq!(
        world.ann.taps_now(&answer, "Back to menu").await.toast,
        "This question is for another person; tap the card"
    );
    assert_eq!(world.team.messages().len(), 3);

    // In a chat that is not the team's, the bot tells how it could be.
    let elsewhere = world.telegram.forum(-100_555, "Elsewhere", &[]);
    world.ann.says(-100_555, "/status");
    let shown = elsewhere.shows("chat = -100555").await;
    assert!(shown.text.contains("[telegram]"), "{}", shown.text);
    let stranger = world.telegram.user(666, "Mallory");
    stranger.says(-100_555, "/status");
    let shown = elsewhere.shows("I do not know you yet").await;
    assert!(!shown.text.contains("-100555"), "{}", shown.text);
}

#[tokio::test]
async fn chats_follow_what_they_have_chosen() {
    const ALERTS: i64 = -1_001;
    const SHED: i64 = -1_002;
    const QUIET: i64 = -1_003;
    let world = BotWorld::without_rmm(|setup| {
        let fails = "test $RMM_TAG != v2 || test $RMM_ENVIRONMENT = production";
        setup.approved_by(1, ["ann"]).surface("deploy", fails).another_service("shed")
    })
    .await;
    let [alerts, shed, quiet] = [ALERTS, SHED, QUIET].map(|id| world.telegram.forum(id, "A chat", &[7]));
    world.telegram.forum(TEAM, "Team", &[12]);
    world.configure(|config| {
        set(config, "telegram.topic", 12);
        set(config, "telegram.alerts_chat", ALERTS);
        let chat = |text: &str| Value::Table(text.parse().unwrap());
        let more = vec![
            chat(&format!("id = {SHED}\nservices = [\"shed\"]")),
            chat(&format!("id = {QUIET}\ntopic = 7\ncards = false\nnotices = [\"deployed\"]")),
        ];
        set(config, "telegram.chats", more);
    });
    world.start_rmm().await;
    let first = world.rmm.deployed("v1").await;
    let told_team = card(&world.team, first, "✅ Deployed").await;
    assert_eq!(told_team.topic, Some(12));
    assert!(world.team.messages().iter().all(|shown| shown.topic == Some(12)));
    let said = quiet.shows("shop v1 is deployed").await;
    assert_eq!((said.topic, said.reply_to), (Some(7), None));
    let failed = world.rmm.release("v2").await;
    world.rmm.until(failed, "stage_building_failed").await;
    alerts.shows("Failed on stage: shop v2").await;
    card(&world.team, failed, "❌ Failed on stage").await;
    world.team.shows("Failed on stage: shop v2").await;
    assert_eq!((alerts.messages().len(), shed.messages().len(), quiet.messages().len()), (1, 0, 1));
    assert_eq!(world.team.messages().len() - 2, cards_and_notices(&world.team, first));
}

/// Of a release that was deployed: one card and what was said beside it.
fn cards_and_notices(team: &ChatView, release: i64) -> usize {
    let card = cards(&team.messages(), release)[0].at.id;
    team.messages().iter().filter(|shown| shown.at.id == card || shown.reply_to == Some(card)).count()
}

#[tokio::test]
async fn a_group_that_has_become_a_supergroup_is_followed() {
    for told_by_a_message in [true, false] {
        const OLD: i64 = -4242;
        let world = BotWorld::without_rmm(|setup| setup.approved_by(1, ["ann"])).await;
        world.telegram.group(OLD, "Team");
        world.configure(|config| set(config, "telegram.chat", OLD));
        world.start_rmm().await;
        let (old, new) = (world.telegram.chat(OLD), world.telegram.chat(TEAM));
        let release = world.rmm.release("v1").await;
        old.shows("waiting for approval").await;
        if told_by_a_message {
            world.telegram.migrates(OLD, TEAM);
            world.telegram.all_acknowledged().await;
        } else {
            // It is not announced; the next call tells it.
            let held = world.telegram.hold();
            world.telegram.migrates(OLD, TEAM);
            world.rmm.approve("ann", release).await.ok();
            card(&new, release, "✅ Deployed").await;
            drop(held);
        }
        if told_by_a_message {
            world.rmm.approve("ann", release).await.ok();
        }
        card(&new, release, "✅ Deployed").await;
        new.shows("shop v1 is deployed").await;
        // The team's buttons work under the new number, and after a start too.
        world.restart_after_kill().await;
        world.ann.says(TEAM, "/status");
        new.shows("Approvers: ann").await;
        assert_eq!(cards(&new.messages(), release).len(), 1);
    }
}

#[tokio::test]
async fn a_deleted_card_is_sent_again() {
    let world = BotWorld::without_rmm(|setup| setup.approved_by(1, ["ann"])).await;
    world.start_rmm().await;
    let release = world.rmm.release("v1").await;
    world.team.shows("waiting for approval").await;
    let first = card(&world.team, release, "🧪 Manual testing").await;
    world.ann.deletes(first.at);
    world.rmm.approve("ann", release).await.ok();
    let second = card(&world.team, release, "✅ Deployed").await;
    assert!(second.at.id > first.at.id);

    // The bot cannot edit what is old.
    world.telegram.freezes(second.at);
    world.rmm.deployed("v2").await;
    let old = format!("📦 shop · #{release}");
    let third = world.team.until("the old release has no new card", |messages| {
        let next = messages.iter().find(|shown| shown.text.contains("shop v2 is deployed"))?;
        Some(messages.iter().filter(|shown| shown.at.id < next.at.id && shown.text.contains(&old)).count())
    });
    assert!(third.await <= 2);
}

#[tokio::test]
async fn reminders_come_by_themselves() {
    let world = BotWorld::without_rmm(|setup| setup).await;
    world.configure(|config| set(config, "telegram.remind_after", "1s"));
    world.start_rmm().await;
    let release = world.rmm.release("v1").await;
    card(&world.team, release, "🧪 Manual testing").await;
    world.rmm.approve("ann", release).await.ok();
    let reminder = world.team.shows("⏰").await;
    assert!(reminder.text.contains("boris <tg://user?id=78>"), "{}", reminder.text);
    assert!(!reminder.text.contains("tg://user?id=77"), "{}", reminder.text);
    let at = MessageRef { chat: TEAM, id: reminder.reply_to.unwrap() };
    assert!(world.team.message(at).unwrap().text.contains("shop"));
}

#[tokio::test]
async fn a_kill_in_the_middle_sends_nothing_twice_and_loses_nothing() {
    let world = BotWorld::start().await;
    let release = world.rmm.release("v1").await;
    world.team.shows("waiting for approval").await;
    world.all_is_told().await;
    world.rmm.kill();
    // What people write while RMM is away is answered when it is back.
    world.boris.says(world.boris.id, &format!("/start r{release}"));
    world.start_rmm().await;
    world.boris.taps(world.boris.id, "✅ Approve").await;
    world.boris.taps(world.boris.id, "Yes, approve").await;
    world.team.shows("approved; waiting for ann").await;
    world.all_is_told().await;
    // No chat is told that it is deployed before RMM dies.
    for method in ["sendMessage", "editMessageText"] {
        world.telegram.breaks(method, 1000, Fault::bad_gateway());
    }
    world.rmm.approve("ann", release).await.ok();
    world.rmm.until(release, "deployed").await;
    world.rmm.kill();
    world.telegram.is_well_again();
    world.start_rmm().await;
    world.team.shows("shop v1 is deployed").await;
    card(&world.team, release, "✅ Deployed").await;
    for notice in ["waiting for approval", "approved; waiting for ann", "is deployed"] {
        let count = world.team.messages().iter().filter(|shown| shown.text.contains(notice)).count();
        assert_eq!(count, 1, "“{notice}”\n{}", world.team.transcript());
    }
    insta::assert_snapshot!(told(&world.team));
}

/// Two topics of one group, each with what it has chosen.
#[tokio::test]
async fn topics_of_one_group_follow_what_they_have_chosen() {
    let world = BotWorld::without_rmm(|setup| setup.approved_by(1, ["ann"])).await;
    world.telegram.forum(TEAM, "Team", &[12, 13]);
    world.configure(|config| {
        set(config, "telegram.topic", 12);
        let other = format!("id = {TEAM}\ntopic = 13\nnotices = [\"deployed\"]");
        set(config, "telegram.chats", vec![Value::Table(other.parse().unwrap())]);
    });
    world.start_rmm().await;
    let release = world.rmm.release("v1").await;
    world.team.shows("waiting for approval").await;
    world.ann.taps(TEAM, "🔄 Refresh").await;
    world.rmm.approve("ann", release).await.ok();
    for topic in [12, 13] {
        let of_topic = |messages: &[Shown]| {
            let found: Vec<_> = messages.iter().filter(|shown| shown.topic == Some(topic)).cloned().collect();
            let [card] = cards(&found, release).try_into().ok()?;
            let said =
                found.iter().any(|shown| shown.text.contains("v1 is deployed") && shown.reply_to == Some(card.at.id));
            (said && card.text.contains("✅ Deployed")).then_some(found.len())
        };
        let count = world.team.until(&format!("topic {topic} has heard it"), of_topic).await;
        assert!(topic == 12 || count == 2, "{}", world.team.transcript());
    }
}

#[tokio::test]
async fn each_thing_that_happens_is_told_once_and_as_it_was() {
    let people = ["ann", "boris", "cara"];
    let world = BotWorld::without_rmm(|setup| setup.person("cara", "member").approved_by(3, people)).await;
    world.start_rmm().await;
    let release = world.rmm.release("v1").await;
    world.team.shows("waiting for approval (0 of 3)").await;
    // Votes come faster than the chat may be written to.
    world.telegram.breaks("sendMessage", 1, Fault::Delay(std::time::Duration::from_secs(1)));
    for person in people {
        world.rmm.approve(person, release).await.ok();
    }
    world.rmm.until(release, "deployed").await;
    world.team.shows("shop v1 is deployed").await;
    world.all_is_told().await;
    let told: Vec<_> = world.team.messages().into_iter().filter(|shown| shown.reply_to.is_some()).collect();
    let mut texts: Vec<_> = told.iter().map(|shown| shown.text.as_str()).collect();
    for text in &texts {
        if let Some((_, vote)) = text.split_once("shop v1: ")
            && let Some((given, missing)) = vote.split_once(" of 3 approved; waiting for ")
        {
            assert_eq!(given.parse::<usize>().unwrap() + missing.split(", ").count(), 3, "{text}");
        }
    }
    let all = texts.len();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), all, "{}", world.team.transcript());
}

#[tokio::test]
async fn what_is_skipped_and_what_still_blocks_is_told() {
    let world = BotWorld::without_rmm(|setup| setup).await;
    world.start_rmm().await;
    let operator = world.rmm.operator();
    let lock = json!({ "reason": "the database moves" });
    operator.post("/api/v1/services/shop/lock", &lock).await.ok();
    let release = world.rmm.release("v1").await;
    world.team.shows("waiting for approval").await;
    let skip = json!({ "gates": ["approvals"], "reason": "the shop is down" });
    operator.post(&format!("/api/v1/releases/{release}/bypass"), &skip).await.ok();
    let skipped = world.team.shows("gates of production were skipped").await;
    assert!(skipped.text.contains("Approvals (0 of 2) — skipped by operator: the shop is down"), "{}", skipped.text);
    assert!(skipped.text.contains("🚧 Production is locked by operator: the database moves"), "{}", skipped.text);
    let shown = card(&world.team, release, "⏭ Approvals skipped, waiting for production").await;
    assert!(shown.text.contains("⏭ Approvals: skipped by operator — the shop is down"), "{}", shown.text);
    assert!(shown.text.contains("🚧 Blocking production:"), "{}", shown.text);
    world.all_is_told().await;
    for untrue in ["deploying to production", "goes on"] {
        assert!(!world.team.transcript().contains(untrue), "{}", world.team.transcript());
    }

    operator.post("/api/v1/services/shop/unlock", &json!({})).await.ok();
    world.team.shows("shop v1 is deployed").await;
}

#[tokio::test]
async fn the_card_of_a_version_that_production_has_left_says_so() {
    let world = BotWorld::without_rmm(|setup| setup.approved_by(1, ["ann"])).await;
    world.start_rmm().await;
    let old = world.rmm.deployed("v1").await;
    card(&world.team, old, "Production runs it").await;
    let new = world.rmm.deployed("v2").await;
    card(&world.team, new, "Production runs it").await;
    card(&world.team, old, "Production runs v2").await;
    let back = json!({ "reason": "slow" });
    world.rmm.person("ann").await.post(&format!("/api/v1/releases/{new}/rollback"), &back).await.ok();
    card(&world.team, new, "Rolled back").await;
    card(&world.team, old, "Production runs it").await;
}
