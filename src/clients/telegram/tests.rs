//! What goes to Telegram and what comes of its answers, with RMM on our side and a peer on the other.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};

use super::peer::{Peer, TOKEN};
use super::*;

const HERE: Destination = Destination { chat: -1001, topic: Some(12) };

fn text(html: &str) -> Text {
    Text { html: html.into(), buttons: Vec::new() }
}

fn with_buttons() -> Text {
    let tap = Button::Tap { label: "Yes".into(), data: "m".into() };
    let link = Button::Link { label: "Site".into(), url: "https://rmm.example/".into() };
    Text { html: "<b>x</b> &amp; y".into(), buttons: vec![vec![tap, link], Vec::new()] }
}

async fn fails(peer: &Peer, status: u16, description: &str, parameters: Value) -> Trouble {
    peer.refuses("sendMessage", status, description, parameters);
    peer.client().send(HERE, &text("x"), Manner::default()).await.expect_err("refused")
}

#[tokio::test]
async fn a_message_goes_out_as_it_should_look() {
    let peer = Peer::start().await;
    let manner = Manner { reply_to: Some(5), silent: true, asks: false };
    assert_eq!(peer.client().send(HERE, &with_buttons(), manner).await, Ok(1));
    assert_eq!(
        peer.calls(),
        [(
            "sendmessage".to_owned(),
            json!({
                "chat_id": -1001, "message_thread_id": 12, "text": "<b>x</b> &amp; y", "parse_mode": "HTML",
                "link_preview_options": {"is_disabled": true}, "disable_notification": true,
                "reply_parameters": {"message_id": 5, "allow_sending_without_reply": true},
                "reply_markup": {"inline_keyboard": [[
                    {"text": "Yes", "callback_data": "m"}, {"text": "Site", "url": "https://rmm.example/"}
                ]]}
            })
        )]
    );
    let asks = Manner { asks: true, ..Manner::default() };
    peer.client().send(Destination { chat: 7, topic: None }, &text("?"), asks).await.unwrap();
    let (_, asked) = &peer.calls()[1];
    assert_eq!(asked["reply_markup"], json!({"force_reply": true, "selective": true}));
    assert_eq!((asked.get("message_thread_id"), asked.get("disable_notification")), (None, None));
}

#[tokio::test]
async fn an_edit_and_an_answer_take_what_is_no_trouble() {
    let peer = Peer::start().await;
    let telegram = peer.client();
    assert_eq!(telegram.edit(7, 9, &with_buttons()).await, Ok(()));
    assert_eq!(peer.calls()[0].1["message_id"], 9);
    let same = "Bad Request: message is not modified: specified new message content and reply markup are exactly the \
                same as a current content and reply markup of the message";
    peer.refuses("editMessageText", 400, same, Value::Null);
    assert_eq!(telegram.edit(7, 9, &text("x")).await, Ok(()));
    peer.refuses("editMessageText", 400, "Bad Request: message to edit not found", Value::Null);
    assert_eq!(telegram.edit(7, 9, &text("x")).await, Err(Trouble::Gone));
    peer.refuses("editMessageText", 400, "Bad Request: message can't be edited", Value::Null);
    assert_eq!(telegram.edit(7, 9, &text("x")).await, Err(Trouble::Gone));
    assert_eq!(telegram.edit(7, i64::MAX, &text("x")).await, Err(Trouble::Gone));
    let old = "Bad Request: query is too old and response timeout expired or query ID is invalid";
    peer.refuses("answerCallbackQuery", 400, old, Value::Null);
    assert_eq!(telegram.answer("77", "ok", true).await, Ok(()));
    assert_eq!(telegram.answer("78", &"й".repeat(300), false).await, Ok(()));
    let calls = peer.calls();
    let [.., (_, first), (_, second)] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!(*first, json!({"callback_query_id": "77", "text": "ok", "show_alert": true}));
    assert_eq!(second["text"].as_str().map(|text| text.chars().count()), Some(200));
}

#[tokio::test]
async fn troubles_are_told_apart() {
    let peer = Peer::start().await;
    let none = Value::Null;
    assert_eq!(
        fails(&peer, 429, "Too Many Requests: retry after 3", json!({"retry_after": 3})).await,
        Trouble::TooFast(Duration::from_secs(3))
    );
    let upgraded = "Bad Request: group chat was upgraded to a supergroup chat";
    assert_eq!(fails(&peer, 400, upgraded, json!({"migrate_to_chat_id": -1009})).await, Trouble::Moved(-1009));
    let blocked = "Forbidden: bot was blocked by the user";
    assert_eq!(fails(&peer, 403, blocked, none.clone()).await, Trouble::Forbidden(blocked.into()));
    let unknown = "Bad Request: chat not found";
    assert_eq!(fails(&peer, 400, unknown, none.clone()).await, Trouble::Forbidden(unknown.into()));
    assert_eq!(fails(&peer, 401, "Unauthorized", none.clone()).await, Trouble::Unauthorized);
    assert_eq!(fails(&peer, 404, "Not Found", none.clone()).await, Trouble::Unauthorized);
    let empty = "Bad Request: message text is empty";
    assert_eq!(fails(&peer, 400, empty, none.clone()).await, Trouble::Refused(empty.into()));
    peer.answers("sendMessage", 400, "<html>".into());
    let strange = peer.client().send(HERE, &text("x"), Manner::default()).await;
    assert!(matches!(strange, Err(Trouble::Unreachable(_))), "{strange:?}");
}

#[tokio::test]
async fn the_token_is_never_told() {
    let secret = TOKEN.split_once(':').unwrap().1;
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for token in [TOKEN, "1:short-secret"] {
        let telegram = Telegram::new(&SecretString::from(token), &format!("http://{closed}")).unwrap();
        let Err(Trouble::Unreachable(sentence)) = telegram.me().await else { panic!("no server is there") };
        assert!(!sentence.contains("short-secret") && !sentence.contains(secret), "{sentence}");
        assert!(sentence.to_lowercase().contains("refused"), "{sentence}");
    }
    let peer = Peer::start().await;
    let echoed = fails(&peer, 400, &format!("Bad Request: what is {TOKEN}?"), Value::Null).await;
    assert_eq!(echoed, Trouble::Forbidden("Bad Request: what is •••?".into()));
    assert!(Telegram::new(&SecretString::from(TOKEN), "ftp://x").is_err());
    assert!(Telegram::new(&SecretString::from(TOKEN), "telegram").is_err());
}

#[tokio::test]
async fn what_telegram_cannot_read_goes_out_simpler() {
    let peer = Peer::start().await;
    let bad = "Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"b\"";
    peer.refuses("sendMessage", 400, bad, Value::Null);
    peer.refuses("sendMessage", 400, "Bad Request: BUTTON_URL_INVALID", Value::Null);
    assert_eq!(peer.client().send(HERE, &with_buttons(), Manner::default()).await, Ok(3));
    let [_, _, (_, last)] = &peer.calls()[..] else { panic!("three attempts") };
    assert_eq!((last["text"].as_str(), last.get("parse_mode")), (Some("x & y"), None));
    assert_eq!(last["reply_markup"], json!({"inline_keyboard": [[{"text": "Yes", "callback_data": "m"}]]}));
    for _ in 0..2 {
        peer.refuses("editMessageText", 400, bad, Value::Null);
    }
    assert_eq!(peer.client().edit(7, 1, &text("<b>")).await, Err(Trouble::Refused(bad.into())));
}

#[tokio::test]
async fn what_telegram_refuses_for_its_content_goes_out_plain_and_in_the_end_without_buttons() {
    let peer = Peer::start().await;
    let no = "Bad Request: BUTTON_USER_PRIVACY_RESTRICTED";
    for _ in 0..2 {
        peer.refuses("sendMessage", 400, no, Value::Null);
    }
    peer.client().send(HERE, &with_buttons(), Manner::default()).await.unwrap();
    let [(_, meant), (_, plain), (_, bare)] = &peer.calls()[..] else { panic!("three attempts") };
    assert_eq!(meant["parse_mode"], "HTML");
    assert_eq!((plain["text"].as_str(), plain.get("parse_mode")), (Some("x & y"), None));
    assert!(plain.get("reply_markup").is_some() && bare.get("reply_markup").is_none(), "{plain} {bare}");
    for _ in 0..3 {
        peer.refuses("sendMessage", 400, no, Value::Null);
    }
    let refused = peer.client().send(HERE, &with_buttons(), Manner::default()).await;
    assert_eq!(refused, Err(Trouble::Refused(no.into())));
}

#[tokio::test]
async fn a_long_text_is_cut() {
    let peer = Peer::start().await;
    peer.client().send(HERE, &text(&"<b>line</b>\n".repeat(2000)), Manner::default()).await.unwrap();
    let (_, sent) = &peer.calls()[0];
    assert!(sent["text"].as_str().is_some_and(|text| text.ends_with("<b>line</b>\n…")));
}

#[tokio::test]
async fn updates_come_as_they_are() {
    let peer = Peer::start().await;
    let telegram = peer.client();
    let update = json!({"update_id": 500, "message": {"from": {"id": 7}, "field": [1.5, 9_007_199_254_740_993_i64]}});
    peer.push(update.clone());
    peer.push(json!({"update_id": 7, "unknown": true}));
    let updates = telegram.updates(None, Duration::from_secs(50)).await.unwrap();
    assert_eq!(updates.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [500, 7]);
    assert_eq!(serde_json::from_str::<Value>(&updates[0].1).unwrap(), update);
    assert_eq!(telegram.updates(Some(501), Duration::ZERO).await, Ok(Vec::new()));
    assert_eq!(
        peer.all_calls(),
        [
            (
                "getupdates".into(),
                json!({"limit": 20, "timeout": 50, "allowed_updates": ["message", "callback_query", "my_chat_member"]})
            ),
            (
                "getupdates".into(),
                json!({"offset": 501, "limit": 20, "timeout": 0, "allowed_updates": ["message", "callback_query", "my_chat_member"]})
            ),
        ]
    );
    peer.push(json!({"strange": 1}));
    assert!(matches!(telegram.updates(None, Duration::ZERO).await, Err(Trouble::Unreachable(_))));
    let other = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
    peer.refuses("getUpdates", 409, other, Value::Null);
    assert_eq!(telegram.updates(None, Duration::ZERO).await, Err(Trouble::Conflict(other.into())));
    let webhook =
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
    peer.refuses("getUpdates", 409, webhook, Value::Null);
    assert_eq!(telegram.updates(None, Duration::ZERO).await, Err(Trouble::Conflict(webhook.into())));
}

#[tokio::test]
async fn the_bot_introduces_itself() {
    let peer = Peer::start().await;
    let telegram = peer.client();
    assert_eq!(telegram.me().await, Ok(Me { id: 123_456, username: "rmm_bot".into() }));
    telegram.set_commands(Some("ru"), &[("menu".into(), "Меню".into())]).await.unwrap();
    telegram.set_webhook(Some(("https://rmm.example/hooks/telegram", &"s3cret".into()))).await.unwrap();
    telegram.set_webhook(None).await.unwrap();
    assert_eq!(
        peer.calls()[1..],
        [
            (
                "setmycommands".to_owned(),
                json!({"commands": [{"command": "menu", "description": "Меню"}], "language_code": "ru"})
            ),
            (
                "setwebhook".to_owned(),
                json!({"url": "https://rmm.example/hooks/telegram", "secret_token": "s3cret", "max_connections": 1,
                    "allowed_updates": ["message", "callback_query", "my_chat_member"]})
            ),
            ("deletewebhook".to_owned(), json!({})),
        ]
    );
}

#[tokio::test]
async fn a_pause_that_telegram_asks_for_is_kept_in_that_chat_alone() {
    let peer = Peer::start().await;
    peer.refuses("sendMessage", 429, "Too Many Requests: retry after 3000", json!({"retry_after": 3000}));
    let telegram = peer.client();
    telegram.send(HERE, &text("x"), Manner::default()).await.expect_err("too fast");
    telegram.turn(8).await;
    let (mine, soon) = (telegram.turn(HERE.chat), tokio::task::yield_now());
    tokio::select! {
        biased;
        () = mine => panic!("it does not wait"),
        () = soon => {}
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let endless = || async {
        let piece = Bytes::from_static(&[b' '; 64 * 1024]);
        Body::from_stream(stream::repeat_with(move || Ok::<_, Infallible>(piece.clone())))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(endless);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let telegram = Telegram::new(&SecretString::from(TOKEN), &url).unwrap();
    let too_long = Trouble::Unreachable("its answer is longer than 2 MiB".into());
    assert_eq!(telegram.me().await, Err(too_long.clone()));
    assert_eq!(telegram.updates(None, Duration::ZERO).await, Err(too_long.clone()));
    assert_eq!(telegram.send(HERE, &text("x"), Manner::default()).await, Err(too_long));
}

#[tokio::test]
async fn the_longest_updates_are_shorter_than_what_is_read() {
    let peer = Peer::start().await;
    // Each of 4096 letters as an escape of six bytes, and as much markup as there may be, in the message and in the one that it answers.
    let entity = json!({"type": "text_link", "offset": 4000, "length": 1, "url": "https://x.example/abcdefghij"});
    let message = json!({"text": "x".repeat(6 * 4096), "entities": vec![entity; 100]});
    for number in 0..i64::from(wire::AT_ONCE) {
        peer.push(json!({"update_id": number, "message": message, "reply_to_message": message}));
    }
    assert!(peer.client().updates(None, Duration::ZERO).await.is_ok_and(|updates| updates.len() == 20));
}
