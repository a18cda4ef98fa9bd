//! What a chat looks like, as text that can be read and compared: no times, and messages counted from one.

use std::fmt::Write;

use serde_json::Value;

use super::MessageRef;
use super::state::{Chat, Entry, From, Message, State};

/// A message of the bot as people see it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub at: MessageRef,
    /// With the address of each link behind it.
    pub text: String,
    pub buttons: Vec<Vec<Button>>,
    pub topic: Option<i64>,
    pub reply_to: Option<i64>,
    pub silent: bool,
    /// The reader is asked to reply.
    pub asks: bool,
    pub edits: usize,
}

/// A button below a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    pub label: String,
    /// None: it is a link.
    pub data: Option<String>,
    pub url: Option<String>,
}

impl Shown {
    /// The labels of all buttons.
    pub fn labels(&self) -> Vec<&str> {
        self.buttons.iter().flatten().map(|button| button.label.as_str()).collect()
    }

    /// The button with this label or data; the first that has the words in it, when none is just so.
    pub fn button(&self, wanted: &str) -> Option<&Button> {
        let mut exact = self.buttons.iter().flatten();
        let exact = exact.find(|button| button.label == wanted || button.data.as_deref() == Some(wanted));
        exact.or_else(|| self.buttons.iter().flatten().find(|button| button.label.contains(wanted)))
    }

    fn of(chat: &Chat, message: &Message) -> Self {
        Self {
            at: MessageRef { chat: chat.id, id: message.id },
            text: message.words.shown.clone(),
            buttons: message.keyboard.as_ref().map_or_else(Vec::new, buttons),
            topic: message.topic,
            reply_to: message.reply_to,
            silent: message.silent,
            asks: message.asks,
            edits: message.edits,
        }
    }
}

fn buttons(keyboard: &Value) -> Vec<Vec<Button>> {
    let text = |button: &Value, key: &str| button[key].as_str().map(ToOwned::to_owned);
    let button = |button: &Value| Button {
        label: text(button, "text").unwrap_or_default(),
        data: text(button, "callback_data"),
        url: text(button, "url"),
    };
    let rows = keyboard["inline_keyboard"].as_array().into_iter().flatten();
    rows.map(|row| row.as_array().into_iter().flatten().map(button).collect()).collect()
}

impl State {
    /// The bot's messages in a chat that are still there.
    pub fn shown(&self, chat: i64) -> Vec<Shown> {
        let Some(chat) = self.chats.get(&chat) else { return Vec::new() };
        let of_bot = chat.messages().filter(|message| message.from == From::Bot && !message.deleted);
        of_bot.map(|message| Shown::of(chat, message)).collect()
    }

    /// All chats, what went wrong, and what the bot called last.
    pub fn story(&self) -> String {
        let mut out = String::new();
        for id in self.chats.keys() {
            let _ = writeln!(out, "--- chat {id}\n{}", self.transcript(*id));
        }
        for call in self.calls.iter().rev().take(10).rev() {
            let _ = writeln!(out, "{} → {} {}", call.method, call.status, call.description);
        }
        let _ = write!(out, "{} updates wait, {} faults are left", self.updates.len(), self.faults.len());
        out
    }

    /// A chat as its members see it.
    pub fn transcript(&self, id: i64) -> String {
        let Some(chat) = self.chats.get(&id) else { return "(nobody has written here)".into() };
        let lines = chat.entries.iter().map(|entry| match entry {
            Entry::Message(message) => self.message_text(chat, message),
            Entry::Tap(number) => self.tap_text(chat, *number),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn name(&self, id: i64) -> &str {
        self.people.get(&id).map_or("?", |person| &person.first_name)
    }

    fn message_text(&self, chat: &Chat, message: &Message) -> String {
        let who = match message.from {
            From::Bot => "RMM",
            From::OtherBot => "Other",
            From::Person(id) => self.name(id),
        };
        let mut marks = Vec::new();
        marks.extend(message.topic.map(|topic| format!("topic {topic}")));
        marks.extend(message.reply_to.map(|id| format!("reply to #{}", chat.position(id))));
        let when = |is: bool, mark: &str| is.then(|| mark.to_owned());
        marks.extend(when(message.silent, "silent"));
        marks.extend(when(message.asks, "asks for a reply"));
        marks.extend(when(message.edits > 0, "edited"));
        marks.extend(when(message.deleted, "deleted"));
        let marks = if marks.is_empty() { String::new() } else { format!(" ({})", marks.join(", ")) };
        let mut out = format!("#{} {who}{marks}:", chat.position(message.id));
        if message.from == From::Bot {
            for line in message.words.shown.lines() {
                let _ = write!(out, "\n    {line}");
            }
        } else {
            let more = (!message.more.is_empty()).then(|| Value::from(message.more.clone()).to_string());
            let _ = write!(out, " {}", more.as_ref().unwrap_or(&message.words.shown));
        }
        for row in message.keyboard.as_ref().map_or_else(Vec::new, buttons) {
            let row = row.iter().map(|button| match &button.url {
                Some(url) => format!("[{} <{url}>]", button.label),
                None => format!("[{}]", button.label),
            });
            let _ = write!(out, "\n    {}", row.collect::<Vec<_>>().join(" "));
        }
        // An empty line of a message is one without white space.
        out.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    fn tap_text(&self, chat: &Chat, number: usize) -> String {
        let tap = &self.taps[number];
        let answer = match &tap.answer {
            None => "not answered".to_owned(),
            Some((words, _)) if words.is_empty() => "no words".to_owned(),
            Some((words, true)) => format!("alert “{words}”"),
            Some((words, false)) => format!("toast “{words}”"),
        };
        format!("{} taps [{}] on #{} → {answer}", self.name(tap.who), tap.label, chat.position(tap.message))
    }
}
