//! What Telegram knows: chats with their messages, people, updates that wait, taps that wait for an answer.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use serde_json::{Map, Value, json};

use super::flood::Flood;
use super::html::Parsed;
use super::{BOT_ID, BOT_NAME, Fault};

#[derive(Debug, Default)]
pub struct State {
    pub chats: BTreeMap<i64, Chat>,
    pub people: BTreeMap<i64, Person>,
    /// `update_id` and the update, oldest first.
    pub updates: VecDeque<(i64, Value)>,
    /// How many want the updates held back.
    pub held: usize,
    /// The ids of the next updates, where a story chooses them.
    pub chosen_ids: VecDeque<i64>,
    pub last_update_id: i64,
    pub allowed: Vec<String>,
    /// The number of the newest getUpdates.
    pub poll: u64,
    pub webhook: Option<Webhook>,
    /// Where the webhook is served, whatever its address says.
    pub webhook_goes_to: Option<std::net::SocketAddr>,
    pub taps: Vec<TapState>,
    pub faults: Vec<(String, Fault)>,
    pub calls: Vec<Call>,
    pub violations: Vec<String>,
    /// By language; the empty one is for all others.
    pub commands: BTreeMap<String, Value>,
    pub flood: Option<Flood>,
}

#[derive(Debug, Clone)]
pub struct Person {
    pub first_name: String,
    pub username: Option<String>,
    pub language: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Webhook {
    pub url: String,
    pub secret: Option<String>,
    pub last_error: Option<String>,
}

/// A call of the bot.
#[derive(Debug, Clone)]
pub struct Call {
    pub at: Instant,
    pub method: String,
    pub args: Value,
    /// The HTTP status of the answer; 0 when there was none.
    pub status: u16,
    pub description: String,
}

impl Call {
    /// The chat that it is about.
    pub fn chat(&self) -> Option<i64> {
        self.args["chat_id"].as_i64()
    }
}

#[derive(Debug, Default)]
pub struct Chat {
    pub id: i64,
    pub title: String,
    pub topics: Vec<i64>,
    pub closed_topics: Vec<i64>,
    /// The words with which the bot is kept out.
    pub closed: Option<String>,
    pub moved_to: Option<i64>,
    pub next_message: i64,
    pub entries: Vec<Entry>,
}

/// What happened in a chat, in order.
#[derive(Debug)]
pub enum Entry {
    Message(Message),
    /// The number of a tap.
    Tap(usize),
}

#[derive(Debug, Clone, Default)]
pub struct Message {
    pub id: i64,
    pub from: From,
    pub words: Parsed,
    pub date: i64,
    pub keyboard: Option<Value>,
    pub reply_to: Option<i64>,
    pub topic: Option<i64>,
    pub silent: bool,
    /// The reader is asked to reply.
    pub asks: bool,
    pub edits: usize,
    pub deleted: bool,
    pub frozen: bool,
    /// Fields of a service message.
    pub more: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum From {
    #[default]
    Bot,
    OtherBot,
    Person(i64),
}

#[derive(Debug)]
pub struct TapState {
    pub message: i64,
    pub who: i64,
    pub label: String,
    /// The words, and whether they came as an alert.
    pub answer: Option<(String, bool)>,
    pub too_old: bool,
}

impl Chat {
    pub fn messages(&self) -> impl DoubleEndedIterator<Item = &Message> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Message(message) => Some(message),
            Entry::Tap(_) => None,
        })
    }

    pub fn message(&self, id: i64) -> Option<&Message> {
        self.messages().find(|message| message.id == id && !message.deleted)
    }

    pub fn message_mut(&mut self, id: i64) -> Option<&mut Message> {
        self.entries.iter_mut().find_map(|entry| match entry {
            Entry::Message(message) if message.id == id && !message.deleted => Some(message),
            Entry::Message(_) | Entry::Tap(_) => None,
        })
    }

    /// The number of a message in transcripts.
    pub fn position(&self, id: i64) -> usize {
        self.messages().position(|message| message.id == id).map_or(0, |index| index + 1)
    }
}

impl State {
    /// Puts a message into a chat, and returns its number.
    pub fn post(&mut self, chat: i64, message: Message) -> i64 {
        let Some(chat) = self.chats.get_mut(&chat) else { panic!("there is no chat {chat}") };
        // Every chat counts for itself, so that the same numbers mean different messages in different chats.
        chat.next_message += 1;
        let id = chat.next_message;
        chat.entries.push(Entry::Message(Message { id, date: now(), ..message }));
        id
    }

    /// Queues an update, when the bot wants to have those of its kind.
    pub fn push(&mut self, kind: &str, content: Value) {
        if !self.allowed.is_empty() && !self.allowed.iter().any(|allowed| allowed == kind) {
            return;
        }
        let id = self.chosen_ids.pop_front().unwrap_or(self.last_update_id + 1);
        self.last_update_id = id;
        self.updates.push_back((id, json!({ "update_id": id, kind: content })));
    }

    /// What may be delivered now.
    pub fn deliverable(&self, limit: usize) -> Vec<Value> {
        let ready = self.updates.iter().filter(|_| self.held == 0);
        ready.take(limit).map(|(_, update)| update.clone()).collect()
    }

    pub fn user_json(&self, id: i64) -> Value {
        let Some(person) = self.people.get(&id) else { panic!("there is no user {id}") };
        let mut user = json!({ "id": id, "is_bot": false, "first_name": person.first_name });
        if let Some(username) = &person.username {
            user["username"] = username.as_str().into();
        }
        if let Some(language) = &person.language {
            user["language_code"] = language.as_str().into();
        }
        user
    }

    pub fn chat_json(&self, id: i64) -> Value {
        if id > 0 {
            let mut chat = self.user_json(id);
            chat["type"] = "private".into();
            if let Some(chat) = chat.as_object_mut() {
                chat.retain(|key, _| !matches!(key.as_str(), "is_bot" | "language_code"));
            }
            return chat;
        }
        let chat = self.chats.get(&id);
        let kind = if id <= -1_000_000_000_000 { "supergroup" } else { "group" };
        let mut json = json!({ "id": id, "type": kind, "title": chat.map_or("?", |chat| &chat.title) });
        if chat.is_some_and(|chat| !chat.topics.is_empty()) {
            json["is_forum"] = true.into();
        }
        json
    }

    /// A message as the Bot API shows it; one that is not there as an inaccessible one.
    pub fn message_json(&self, chat: i64, id: i64, with_reply: bool) -> Value {
        let Some(message) = self.chats.get(&chat).and_then(|chat| chat.message(id)) else {
            return json!({ "message_id": id, "chat": self.chat_json(chat), "date": 0 });
        };
        let from = match message.from {
            From::Bot => me(),
            From::OtherBot => json!({ "id": 99, "is_bot": true, "first_name": "Other", "username": "other_bot" }),
            From::Person(id) => self.user_json(id),
        };
        let mut json = json!({ "message_id": id, "from": from, "chat": self.chat_json(chat), "date": message.date });
        if message.more.is_empty() {
            json["text"] = message.words.text.as_str().into();
        }
        for (key, value) in &message.more {
            json[key] = value.clone();
        }
        if !message.words.entities.is_empty() {
            json["entities"] = message.words.entities.clone().into();
        }
        if let Some(keyboard) = &message.keyboard {
            json["reply_markup"] = keyboard.clone();
        }
        if message.edits > 0 {
            json["edit_date"] = message.date.into();
        }
        if let Some(topic) = message.topic {
            json["message_thread_id"] = topic.into();
            json["is_topic_message"] = true.into();
            // In a topic, a message that answers nothing answers the topic's beginning.
            json["reply_to_message"] = json!({
                "message_id": topic, "chat": self.chat_json(chat), "date": message.date, "message_thread_id": topic,
                "is_topic_message": true, "forum_topic_created": { "name": "Topic", "icon_color": 7_322_096 },
            });
        }
        if let Some(reply_to) = message.reply_to.filter(|_| message.topic.is_none() && chat < -1_000_000_000_000) {
            // In a supergroup, answers make a thread, also without topics; nothing can be sent there.
            json["message_thread_id"] = reply_to.into();
        }
        if let Some(reply_to) = message.reply_to.filter(|_| with_reply) {
            json["reply_to_message"] = self.message_json(chat, reply_to, false);
        }
        json
    }
}

/// The bot as a user.
pub fn me() -> Value {
    json!({ "id": BOT_ID, "is_bot": true, "first_name": "RMM", "username": BOT_NAME })
}

#[expect(clippy::disallowed_methods, reason = "Telegram has a clock of its own")]
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
