//! Looking into a chat.

use std::sync::Arc;

use super::{Inner, MessageRef, Shown};

/// A chat, as its members see it.
#[derive(Clone)]
pub struct ChatView {
    inner: Arc<Inner>,
    pub id: i64,
}

impl ChatView {
    pub(super) fn new(inner: Arc<Inner>, id: i64) -> Self {
        Self { inner, id }
    }

    /// The chat as text: messages as they are now, with their buttons, and what was tapped.
    pub fn transcript(&self) -> String {
        self.inner.lock().transcript(self.id)
    }

    /// The bot's messages that are still there, as they are now.
    pub fn messages(&self) -> Vec<Shown> {
        self.inner.lock().shown(self.id)
    }

    /// The bot's newest message.
    pub fn last(&self) -> Shown {
        self.messages().pop().unwrap_or_else(|| panic!("the bot has said nothing in {}", self.id))
    }

    /// A message as it is now.
    pub fn message(&self, message: MessageRef) -> Option<Shown> {
        self.messages().into_iter().find(|shown| shown.at == message)
    }

    /// Waits until a message of the bot shows these words, and returns the newest that does.
    pub async fn shows(&self, words: &str) -> Shown {
        let what = format!("chat {} shows “{words}”", self.id);
        self.until(&what, |messages| messages.iter().rfind(|shown| shown.text.contains(words)).cloned()).await
    }

    /// Waits until the bot's messages are so.
    pub async fn until<T>(&self, what: &str, mut probe: impl FnMut(&[Shown]) -> Option<T>) -> T {
        self.inner.until(what, |state| probe(&state.shown(self.id))).await
    }
}
