//! The Telegram of these tests, seen by the real client library: it answers as Telegram does, and notices mistakes.

use std::time::Duration;

use serde_json::{Value, json};
use teloxide::payloads::{GetUpdatesSetters, SendMessageSetters, SetWebhookSetters};
use teloxide::prelude::{Bot, Requester};
use teloxide::types::{
    BotCommand, CallbackQuery, ChatId, ForceReply, InlineKeyboardButton, InlineKeyboardMarkup, MessageId, ParseMode,
    ReplyParameters, ThreadId, Update, UpdateKind,
};
use teloxide::{ApiError, RequestError};

use crate::telegram::{Fault, TOKEN, Telegram};

const GROUP: i64 = -1_001_000_000_001;

fn bot(telegram: &Telegram) -> Bot {
    Bot::new(TOKEN).set_api_url(telegram.api_url().parse().unwrap())
}

fn keyboard(label: &str, data: &str) -> InlineKeyboardMarkup {
    InlineKeyboardMarkup::new([[InlineKeyboardButton::callback(label.to_owned(), data.to_owned())]])
}

async fn updates(bot: &Bot, offset: i32) -> Vec<Update> {
    bot.get_updates().offset(offset).timeout(20).await.unwrap()
}

fn tap_of(update: &Update) -> CallbackQuery {
    let UpdateKind::CallbackQuery(query) = &update.kind else { panic!("{update:?} is no tap") };
    query.clone()
}

/// A call without the library, which would never make it.
async fn call(telegram: &Telegram, method: &str, args: Value) -> Value {
    let address = format!("{}/bot{TOKEN}/{method}", telegram.api_url());
    reqwest::Client::new().post(address).json(&args).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_conversation() {
    let telegram = Telegram::start().await;
    let (bot, anna) = (bot(&telegram), telegram.user(77, "Anna").speaks("ru"));
    assert_eq!(bot.get_me().await.unwrap().username(), "rmm_bot");
    bot.set_my_commands([BotCommand::new("start", "the menu")]).await.unwrap();
    assert_eq!(telegram.commands(""), ["start"]);

    anna.says(77, "/start");
    let arrived = updates(&bot, 0).await;
    let UpdateKind::Message(message) = &arrived[0].kind else { panic!("{arrived:?}") };
    assert_eq!((message.text(), message.chat.is_private()), (Some("/start"), true));
    assert_eq!(message.from.as_ref().unwrap().language_code.as_deref(), Some("ru"));

    let text = "<b>Hello</b> &lt;you&gt;, see <a href=\"https://example.com/?a=1&amp;b=2\">this</a>";
    let sent = bot
        .send_message(ChatId(77), text)
        .parse_mode(ParseMode::Html)
        .reply_markup(keyboard("Go on", "go:1"))
        .reply_parameters(ReplyParameters::new(message.id))
        .await
        .unwrap();
    assert_eq!((sent.text(), sent.entities().unwrap().len()), (Some("Hello <you>, see this"), 2));

    let shown = telegram.chat(77).shows("see this <https://example.com/?a=1&b=2>").await;
    assert_eq!(shown.labels(), ["Go on"]);

    let tapping = tokio::spawn(async move { anna.taps(77, "Go on").await });
    let arrived = updates(&bot, arrived[0].id.as_offset()).await;
    let tap = tap_of(&arrived[0]);
    assert_eq!(tap.data.as_deref(), Some("go:1"));
    bot.edit_message_text(ChatId(77), sent.id, "You went on.").await.unwrap();
    assert_eq!(telegram.chat(77).message(shown.at).unwrap().edits, 1);
    bot.answer_callback_query(tap.id.clone()).await.unwrap();
    assert!(!tapping.await.unwrap().alert);
    let again = bot.answer_callback_query(tap.id).await.unwrap_err();
    assert!(again.to_string().contains("query is too old"), "{again}");

    bot.send_message(ChatId(77), "Why?").reply_markup(ForceReply::new()).disable_notification(true).await.unwrap();
    insta::assert_snapshot!(telegram.chat(77).transcript(), @r"
    #1 Anna: /start
    #2 RMM (reply to #1, edited):
        You went on.
    Anna taps [Go on] on #2 → no words
    #3 RMM (silent, asks for a reply):
        Why?
    ");
}

#[tokio::test]
async fn updates_come_until_they_are_acknowledged() {
    let telegram = Telegram::start().await;
    let (bot, anna) = (bot(&telegram), telegram.user(77, "Anna"));
    telegram.next_update_ids([500, 500, 7]);
    telegram.batch(|| {
        for text in ["one", "two", "three"] {
            anna.says(77, text);
        }
    });
    for _ in 0..2 {
        let ids: Vec<u32> = updates(&bot, 0).await.iter().map(|update| update.id.0).collect();
        assert_eq!(ids, [500, 500, 7]);
    }
    telegram.repeats_last_update();
    assert_eq!(updates(&bot, 0).await.len(), 4);
    let held = telegram.hold();
    anna.says(77, "four");
    assert!(bot.get_updates().offset(501).await.unwrap().is_empty());
    drop(held);
    assert_eq!(telegram.pending(), 0, "four has number 8, before the offset");
}

#[tokio::test]
async fn one_bot_asks_at_a_time() {
    let telegram = Telegram::start().await;
    let (first, second) = (bot(&telegram), bot(&telegram));
    let waiting = tokio::spawn(async move { first.get_updates().timeout(20).await });
    telegram.next_poll().await;
    assert!(second.get_updates().await.unwrap().is_empty());
    let conflict = waiting.await.unwrap().unwrap_err();
    assert!(matches!(conflict, RequestError::Api(ApiError::TerminatedByOtherGetUpdates)), "{conflict}");
}

#[tokio::test]
async fn webhooks_are_repeated_until_they_are_taken() {
    let telegram = Telegram::start().await;
    let (bot, anna) = (bot(&telegram), telegram.user(77, "Anna"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    telegram.webhook_goes_to(listener.local_addr().unwrap());
    let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let hook = axum::routing::post(async move |headers: axum::http::HeaderMap, body: String| {
        heard.send((headers["x-telegram-bot-api-secret-token"].to_str().unwrap().to_owned(), body)).unwrap();
    });
    bot.set_webhook("https://example.com/hooks/telegram".parse().unwrap()).secret_token("s3cret").await.unwrap();
    assert_eq!(bot.get_webhook_info().await.unwrap().url.unwrap().path(), "/hooks/telegram");
    let conflict = bot.get_updates().await.unwrap_err();
    assert!(conflict.to_string().contains("while webhook is active"), "{conflict}");
    anna.says(77, "hello");
    // The first try is not taken.
    let (refused, _) = listener.accept().await.unwrap();
    drop(refused);
    let serving = tokio::spawn(async move {
        axum::serve(listener, axum::Router::new().route("/hooks/telegram", hook)).await.unwrap();
    });
    let (secret, body) = hears.recv().await.unwrap();
    assert_eq!((secret.as_str(), body.contains("hello")), ("s3cret", true));
    telegram.all_acknowledged().await;
    serving.abort();
    bot.delete_webhook().await.unwrap();
    assert_eq!(telegram.webhook(), None);
    assert!(bot.get_updates().await.unwrap().is_empty());
}

#[tokio::test]
async fn groups_topics_and_the_way_to_another_number() {
    let telegram = Telegram::start().await;
    let (bot, anna) = (bot(&telegram), telegram.user(77, "Anna"));
    telegram.forum(GROUP, "Team", &[12]);
    let topic = ThreadId(MessageId(12));
    let card = bot.send_message(ChatId(GROUP), "A card").message_thread_id(topic).await.unwrap();
    assert_eq!((card.thread_id, card.is_topic_message), (Some(topic), true));
    anna.says_in(GROUP, 12, "chatter that no bot hears");
    let card = telegram.chat(GROUP).last().at;
    anna.replies(card, "an answer");
    let arrived = updates(&bot, 0).await;
    let UpdateKind::Message(message) = &arrived[0].kind else { panic!("{arrived:?}") };
    assert_eq!((arrived.len(), message.text()), (1, Some("an answer")));

    telegram.group(-5, "Old");
    telegram.migrates(-5, -1_000_000_000_005);
    let moved = bot.send_message(ChatId(-5), "Anybody?").await.unwrap_err();
    assert!(matches!(moved, RequestError::MigrateToChatId(ChatId(-1_000_000_000_005))), "{moved}");
    let arrived = updates(&bot, arrived[0].id.as_offset()).await;
    let UpdateKind::Message(message) = &arrived[0].kind else { panic!("{arrived:?}") };
    assert_eq!(message.migrate_to_chat_id().copied(), Some(ChatId(-1_000_000_000_005)));

    bot.send_message(ChatId(GROUP), "Nowhere").message_thread_id(ThreadId(MessageId(13))).await.unwrap_err();
}

#[tokio::test]
async fn telegrams_own_refusals() {
    let telegram = Telegram::start().await;
    let (bot, anna) = (bot(&telegram), telegram.user(77, "Anna"));
    let refusal = |result: Result<teloxide::types::Message, RequestError>| {
        let error = result.unwrap_err();
        let RequestError::Api(error) = error else { panic!("{error}") };
        error
    };
    let stranger = refusal(bot.send_message(ChatId(77), "Hello").await);
    assert!(stranger.to_string().contains("can't initiate conversation"), "{stranger}");
    assert_eq!(refusal(bot.send_message(ChatId(5), "Hello").await), ApiError::ChatNotFound);

    let question = anna.says(77, "Hello?");
    let sent = bot.send_message(ChatId(77), "Hello").await.unwrap().id;
    let edit = async |id, text: &str| refusal(bot.edit_message_text(ChatId(77), id, text).await);
    assert_eq!(edit(sent, "Hello").await, ApiError::MessageNotModified);
    assert_eq!(edit(MessageId(4711), "Hi").await, ApiError::MessageToEditNotFound);
    let of_anna = MessageId(i32::try_from(question.id).unwrap());
    assert_eq!(edit(of_anna, "Hi").await, ApiError::MessageCantBeEdited);
    telegram.freezes(telegram.chat(77).last().at);
    assert_eq!(edit(sent, "Hi").await, ApiError::MessageCantBeEdited);
    anna.deletes(telegram.chat(77).last().at);
    assert_eq!(edit(sent, "Hi").await, ApiError::MessageToEditNotFound);
    anna.blocks_the_bot();
    assert_eq!(refusal(bot.send_message(ChatId(77), "Hello").await), ApiError::BotBlocked);
    telegram.group(GROUP, "Team");
    telegram.kicks_the_bot(GROUP);
    assert_eq!(refusal(bot.send_message(ChatId(GROUP), "Hello").await), ApiError::BotKickedFromSupergroup);
}

#[tokio::test]
async fn faults_strike_as_often_as_they_are_asked_to() {
    let telegram = Telegram::start().await;
    let (bot, anna) = (bot(&telegram), telegram.user(77, "Anna"));
    anna.says(77, "/start");
    let send = async || bot.send_message(ChatId(77), "Hello").await;
    let faults =
        [Fault::TooFast(3), Fault::Drop, Fault::Ghost, Fault::Moved(-7), Fault::blocked(), Fault::cannot_parse()];
    for fault in faults {
        telegram.breaks("sendMessage", 1, fault);
    }
    let too_fast = send().await.unwrap_err();
    assert!(matches!(too_fast, RequestError::RetryAfter(after) if after.seconds() == 3), "{too_fast}");
    assert!(matches!(send().await.unwrap_err(), RequestError::Network(_)));
    assert!(telegram.chat(77).messages().is_empty(), "dropped before it was done");
    assert!(matches!(send().await.unwrap_err(), RequestError::Network(_)));
    assert_eq!(telegram.chat(77).messages().len(), 1, "done, though no answer came");
    assert!(matches!(send().await.unwrap_err(), RequestError::MigrateToChatId(ChatId(-7))));
    assert!(matches!(send().await.unwrap_err(), RequestError::Api(ApiError::BotBlocked)));
    assert!(matches!(send().await.unwrap_err(), RequestError::Api(ApiError::CantParseEntities(_))));
    telegram.all_faults_struck().await;
    telegram.breaks("*", 1, Fault::Delay(Duration::from_millis(1)));
    send().await.unwrap();
    let done = telegram.called("a message is sent", |call| call.status == 200).await;
    assert_eq!((done.method.as_str(), done.chat()), ("sendMessage", Some(77)));
    // The library waits for seconds after these.
    telegram.breaks("getMe", 1, Fault::server_error());
    telegram.breaks("getMe", 1, Fault::bad_gateway());
    telegram.breaks("getMe", 1, Fault::Drop);
    assert_eq!(call(&telegram, "getMe", json!({})).await["error_code"], 500);
    telegram.is_well_again();
    assert_eq!(call(&telegram, "getMe", json!({})).await["ok"], true);

    telegram.limits_the_flood();
    for _ in 0..3 {
        send().await.unwrap();
    }
    assert!(matches!(send().await.unwrap_err(), RequestError::RetryAfter(_)));
    assert_eq!(telegram.most_within(77, Duration::from_secs(3600)), 11);
}

#[tokio::test]
async fn broken_rules_are_noticed() {
    let telegram = Telegram::start().await;
    let anna = telegram.user(77, "Anna");
    anna.says(77, "/start");
    let markup = |button: Value| json!({ "inline_keyboard": [[button]] });
    let long = "я".repeat(33);
    for (args, refused) in [
        (json!({ "text": "x" }), "chat_id is missing"),
        (json!({ "chat_id": 77, "text": " " }), "message text is empty"),
        (json!({ "chat_id": 77, "text": "😀".repeat(2049) }), "message is too long"),
        (json!({ "chat_id": 77, "text": "<p>x</p>", "parse_mode": "HTML" }), "Unsupported start tag \"p\""),
        (
            json!({ "chat_id": 77, "text": "<b>x", "parse_mode": "HTML" }),
            "Can't find end tag corresponding to start tag",
        ),
        (json!({ "chat_id": 77, "text": "<b>x</i>", "parse_mode": "HTML" }), "expected \"</b>\", found \"</i>\""),
        (json!({ "chat_id": 77, "text": "a < b", "parse_mode": "HTML" }), "can't parse entities"),
        (
            json!({ "chat_id": 77, "text": "x", "reply_markup": markup(json!({ "text": "x", "callback_data": long })) }),
            "BUTTON_DATA_INVALID",
        ),
        (
            json!({ "chat_id": 77, "text": "x", "reply_markup": markup(json!({ "text": " ", "callback_data": "x" })) }),
            "button text is empty",
        ),
        (
            json!({ "chat_id": 77, "text": "x", "reply_markup": markup(json!({ "text": "x", "url": "http://localhost:1/" })) }),
            "Wrong HTTP URL",
        ),
        (
            json!({ "chat_id": 77, "text": "x", "reply_markup": markup(json!({ "text": "x" })) }),
            "Text buttons are unallowed",
        ),
    ] {
        let answer = call(&telegram, "SENDmessage", args.clone()).await;
        let description = answer["description"].as_str().unwrap_or_default();
        assert!(description.starts_with("Bad Request: ") && description.contains(refused), "{args}: {answer}");
        assert_eq!(telegram.violations().len(), 1, "{args}");
    }
    let overlooked = call(&telegram, "sendMessage", json!({ "chat_id": 77, "text": "x", "colour": "red" })).await;
    assert_eq!((&overlooked["ok"], telegram.violations().len()), (&json!(true), 1));
    assert_eq!(call(&telegram, "sendLove", json!({})).await["error_code"], 404);
    assert_eq!(telegram.violations().len(), 1);
    telegram.assert_clean();
}

#[tokio::test]
#[should_panic(expected = "sendMessage has no field colour")]
async fn a_broken_rule_fails_the_test() {
    let telegram = Telegram::start().await;
    telegram.user(77, "Anna").says(77, "/start");
    call(&telegram, "sendMessage", json!({ "chat_id": 77, "text": "x", "colour": "red" })).await;
}

#[tokio::test]
async fn taps_that_no_button_has() {
    let telegram = Telegram::start().await;
    let (bot, mallory) = (bot(&telegram), telegram.user(666, "Mallory"));
    telegram.group(GROUP, "Team");
    let other = telegram.other_bot_says(GROUP, "I am a bot, too");
    mallory.is_called(Some("anna"));
    let tapping = mallory.taps_raw(other, "approve:1");
    let tap = tap_of(&updates(&bot, 0).await[0]);
    assert_eq!((tap.data.as_deref(), tap.from.username.as_deref()), (Some("approve:1"), Some("anna")));
    assert!(tapping.answered().is_none());
    telegram.forgets_taps();
    bot.answer_callback_query(tap.id).await.unwrap_err();
}
