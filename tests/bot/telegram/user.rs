//! What people do: write, reply, tap, delete, rename themselves.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Value, json};

use super::html;
use super::state::{Chat, Entry, From, Message, Person, State, TapState};
use super::{BOT_NAME, Inner, MessageRef, Shown};

/// A user of Telegram. What they do reaches the bot as an update.
#[derive(Clone)]
pub struct User {
    inner: Arc<Inner>,
    pub id: i64,
}

/// What a tap was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tap {
    pub toast: String,
    /// It came in a box that has to be closed.
    pub alert: bool,
}

/// A tap that is on its way; wait for it to have the answer.
pub struct Tapping {
    inner: Arc<Inner>,
    number: usize,
}

impl User {
    pub(super) fn new(inner: Arc<Inner>, id: i64) -> Self {
        Self { inner, id }
    }

    fn changed(&self, change: impl FnOnce(&mut Person)) {
        self.inner.change(|state| state.people.get_mut(&self.id).map(change));
    }

    /// Their Telegram speaks this language.
    pub fn speaks(self, language: &str) -> Self {
        self.changed(|person| person.language = Some(language.into()));
        self
    }

    /// They take a username, or give it up.
    pub fn is_called(&self, username: Option<&str>) {
        self.changed(|person| person.username = username.map(ToOwned::to_owned));
    }

    /// They write, in private (their own number) or in a group.
    pub fn says(&self, chat: i64, text: &str) -> MessageRef {
        self.writes(chat, Message { words: html::plain(text), ..Message::default() })
    }

    /// They send what is not of their own hand: Telegram adds `marks` to the message.
    pub fn passes_on(&self, chat: i64, text: &str, marks: &Value) -> MessageRef {
        self.sends("message", chat, Message { words: html::plain(text), ..Message::default() }, marks)
    }

    /// They change a message into this one.
    pub fn edits_into(&self, chat: i64, text: &str) -> MessageRef {
        let marks = json!({ "edit_date": 1_700_000_000 });
        self.sends("edited_message", chat, Message { words: html::plain(text), ..Message::default() }, &marks)
    }

    /// They write in a topic.
    pub fn says_in(&self, chat: i64, topic: i64, text: &str) -> MessageRef {
        self.writes(chat, Message { words: html::plain(text), topic: Some(topic), ..Message::default() })
    }

    /// They answer a message.
    pub fn replies(&self, to: MessageRef, text: &str) -> MessageRef {
        let topic = self.inner.lock().chats[&to.chat].message(to.id).and_then(|message| message.topic);
        let words = html::plain(text);
        self.writes(to.chat, Message { words, topic, reply_to: Some(to.id), ..Message::default() })
    }

    fn writes(&self, chat: i64, message: Message) -> MessageRef {
        self.sends("message", chat, message, &json!({}))
    }

    fn sends(&self, kind: &str, chat: i64, message: Message, marks: &Value) -> MessageRef {
        self.inner.change(|state| {
            if chat == self.id {
                self.open_private_chat(state);
            }
            let mut message = Message { from: From::Person(self.id), ..message };
            let command = message.words.text.starts_with('/');
            if command {
                let name = message.words.text.split_whitespace().next().unwrap_or_default();
                let length = html::units(name);
                message.words.entities = vec![json!({ "type": "bot_command", "offset": 0, "length": length })];
            }
            // In groups, a bot hears only what is meant for it.
            let answers = message.reply_to.and_then(|id| state.chats.get(&chat)?.message(id)).map(|to| to.from);
            let named = message.words.text.contains(&format!("@{BOT_NAME}"));
            let heard = chat > 0 || command || named || answers == Some(From::Bot);
            let id = state.post(chat, message);
            if heard {
                let mut json = state.message_json(chat, id, true);
                let fields = json.as_object_mut().expect("a message is an object");
                fields.extend(marks.as_object().expect("marks are fields").clone());
                state.push(kind, json);
            }
            MessageRef { chat, id }
        })
    }

    fn open_private_chat(&self, state: &mut State) {
        let new = || Chat { id: self.id, ..Chat::default() };
        state.chats.entry(self.id).or_insert_with(new).closed = None;
    }

    /// They block the bot; writing to it again ends that.
    pub fn blocks_the_bot(&self) {
        self.inner.change(|state| {
            self.open_private_chat(state);
            if let Some(chat) = state.chats.get_mut(&self.id) {
                chat.closed = Some("bot was blocked by the user".into());
            }
        });
    }

    /// They delete a message; the bot is not told.
    pub fn deletes(&self, message: MessageRef) {
        self.inner.change(|state| {
            if let Some(message) = state.chats.get_mut(&message.chat).and_then(|chat| chat.message_mut(message.id)) {
                message.deleted = true;
            }
        });
    }

    /// They wait for a button (its label, a part of it, or its data), tap it where it is newest, and wait for the
    /// answer.
    pub async fn taps(&self, chat: i64, button: &str) -> Tap {
        let what = format!("chat {chat} has a button “{button}”");
        let find = |state: &State| state.shown(chat).into_iter().rev().find(|shown| shown.button(button).is_some());
        let shown = self.inner.until(&what, find).await;
        self.taps_now(&shown, button).await
    }

    /// They tap a button of a message as it was shown then, whatever it is now.
    pub fn taps_now(&self, shown: &Shown, button: &str) -> Tapping {
        let found = shown.button(button).unwrap_or_else(|| panic!("no button “{button}” in {shown:#?}"));
        let Some(data) = &found.data else { panic!("“{button}” is a link") };
        self.tap(shown.at, &found.label, data)
    }

    /// They send data for a message as if there were such a button; the message may belong to any chat, or be gone.
    pub fn taps_raw(&self, message: MessageRef, data: &str) -> Tapping {
        self.tap(message, data, data)
    }

    fn tap(&self, on: MessageRef, label: &str, data: &str) -> Tapping {
        let number = self.inner.change(|state| {
            let number = state.taps.len();
            state.taps.push(TapState {
                message: on.id,
                who: self.id,
                label: label.into(),
                answer: None,
                too_old: false,
            });
            if let Some(chat) = state.chats.get_mut(&on.chat) {
                chat.entries.push(Entry::Tap(number));
            }
            let query = json!({
                "id": format!("tap-{number}"), "from": state.user_json(self.id),
                "chat_instance": on.chat.to_string(), "data": data,
                "message": state.message_json(on.chat, on.id, true),
            });
            state.push("callback_query", query);
            number
        });
        Tapping { inner: self.inner.clone(), number }
    }
}

impl Tapping {
    /// The answer, if it is there by now.
    pub fn answered(&self) -> Option<Tap> {
        answer(&self.inner.lock(), self.number)
    }
}

fn answer(state: &State, number: usize) -> Option<Tap> {
    let (toast, alert) = state.taps[number].answer.clone()?;
    Some(Tap { toast, alert })
}

impl IntoFuture for Tapping {
    type Output = Tap;
    type IntoFuture = Pin<Box<dyn Future<Output = Tap> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.inner.until("the tap is answered", |state| answer(state, self.number)).await })
    }
}
