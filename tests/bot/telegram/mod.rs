//! A Telegram of the test's own: the Bot API for one bot, the chats behind it, and the people in them.
//!
//! It is stricter than Telegram: every call that breaks the Bot API's rules fails the test at its end.

mod chat;
mod flood;
mod html;
mod methods;
mod rules;
mod server;
mod state;
mod transcript;
mod user;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

pub use self::chat::ChatView;
pub use self::state::Call;
pub use self::transcript::Shown;
pub use self::user::{Tap, User};

use self::state::{Chat, From, Message, Person, State};

/// The token of the bot; no bot of Telegram has it.
pub const TOKEN: &str = "110201543:test-stand-in";
/// The bot's number.
pub const BOT_ID: i64 = 110_201_543;
/// The bot's name.
pub const BOT_NAME: &str = "rmm_bot";
/// How long anything may take before a test gives up.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A message, wherever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageRef {
    pub chat: i64,
    pub id: i64,
}

/// What happens to a call instead of what should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// 429, with so many seconds to wait.
    TooFast(u64),
    /// This status, with this description. 502 comes without JSON.
    Status(u16, String),
    /// The group has this number now.
    Moved(i64),
    /// The connection ends, nothing is done.
    Drop,
    /// The connection ends, but it is done.
    Ghost,
    /// It takes so long.
    Delay(Duration),
}

impl Fault {
    /// Telegram has a bad day: 500.
    pub fn server_error() -> Self {
        Self::Status(500, "Internal Server Error".into())
    }

    /// Telegram is away: 502.
    pub fn bad_gateway() -> Self {
        Self::Status(502, "Bad Gateway".into())
    }

    /// The person has blocked the bot.
    pub fn blocked() -> Self {
        Self::Status(403, "Forbidden: bot was blocked by the user".into())
    }

    /// Telegram does not like the HTML.
    pub fn cannot_parse() -> Self {
        let words = "Bad Request: can't parse entities: Unsupported start tag \"x\" at byte offset 0";
        Self::Status(400, words.into())
    }
}

/// What the server's tasks and the people share.
pub struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something, and wakes the waiters.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_waiters();
        result
    }

    /// Waits until there is something, or the time is over.
    pub async fn wait<T>(&self, deadline: Instant, mut probe: impl FnMut(&State) -> Option<T>) -> Option<T> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(found) = probe(&self.lock()) {
                return Some(found);
            }
            tokio::time::timeout_at(deadline, changed).await.ok()?;
        }
    }

    /// Waits as long as it takes.
    pub async fn wait_long<T>(&self, mut probe: impl FnMut(&State) -> Option<T>) -> T {
        loop {
            if let Some(found) = self.wait(Instant::now() + TIMEOUT, &mut probe).await {
                return found;
            }
        }
    }

    /// Waits up to the timeout of a test.
    pub async fn until<T>(&self, what: &str, probe: impl FnMut(&State) -> Option<T>) -> T {
        match self.wait(Instant::now() + TIMEOUT, probe).await {
            Some(found) => found,
            None => panic!("waited {TIMEOUT:?} in vain until {what}\n{}", self.lock().story()),
        }
    }
}

/// Telegram. Ends with the test, which fails if a call broke a rule.
pub struct Telegram {
    inner: Arc<Inner>,
    address: SocketAddr,
    tasks: Vec<AbortHandle>,
}

impl Telegram {
    /// A Telegram at an address of its own, without any messages yet.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        // As far as Telegram is concerned, the bot has been there for a while.
        let state = State { last_update_id: 1000, ..State::default() };
        let inner = Arc::new(Inner { state: Mutex::new(state), changed: Notify::new() });
        let serving = tokio::spawn(server::serve(inner.clone(), listener)).abort_handle();
        let feeding = tokio::spawn(server::feed(inner.clone())).abort_handle();
        Self { inner, address, tasks: vec![serving, feeding] }
    }

    /// Where the bot finds the Bot API.
    pub fn api_url(&self) -> String {
        format!("http://{}", self.address)
    }

    // Who is there ----------------------------------------------------------------------------------------------

    /// A user. The bot cannot write to them before they have written to it.
    pub fn user(&self, id: i64, first_name: &str) -> User {
        let person = Person { first_name: first_name.into(), username: None, language: None };
        self.inner.change(|state| state.people.insert(id, person));
        User::new(self.inner.clone(), id)
    }

    /// A group that the bot is in; numbers below -10¹² are supergroups.
    pub fn group(&self, id: i64, title: &str) -> ChatView {
        self.forum(id, title, &[])
    }

    /// A supergroup with topics.
    pub fn forum(&self, id: i64, title: &str, topics: &[i64]) -> ChatView {
        let chat = Chat { id, title: title.into(), topics: topics.into(), next_message: 1000, ..Chat::default() };
        self.inner.change(|state| state.chats.insert(id, chat));
        self.chat(id)
    }

    /// What is to be seen in a chat.
    pub fn chat(&self, id: i64) -> ChatView {
        ChatView::new(self.inner.clone(), id)
    }

    /// The group becomes a supergroup with another number; both say so.
    pub fn migrates(&self, from: i64, to: i64) {
        let title = self.inner.lock().chats[&from].title.clone();
        self.group(to, &title);
        self.inner.change(|state| {
            for (chat, key, other) in [(from, "migrate_to_chat_id", to), (to, "migrate_from_chat_id", from)] {
                let more = [(key.to_owned(), Value::from(other))].into_iter().collect();
                let id = state.post(chat, Message { from: From::OtherBot, more, ..Message::default() });
                let message = state.message_json(chat, id, false);
                state.push("message", message);
            }
            if let Some(chat) = state.chats.get_mut(&from) {
                chat.moved_to = Some(to);
            }
        });
    }

    /// The bot is thrown out of a chat.
    pub fn kicks_the_bot(&self, chat: i64) {
        let words = if chat <= -1_000_000_000_000 { "supergroup chat" } else { "group chat" };
        self.inner.change(|state| {
            if let Some(chat) = state.chats.get_mut(&chat) {
                chat.closed = Some(format!("bot was kicked from the {words}"));
            }
        });
    }

    /// A user lets the bot into a chat again, and the bot is told.
    pub fn lets_the_bot_in(&self, chat: i64, by: &User) {
        self.inner.change(|state| {
            if let Some(chat) = state.chats.get_mut(&chat) {
                chat.closed = None;
            }
            let member = |status: &str| serde_json::json!({ "user": state::me(), "status": status });
            let mut before = member("kicked");
            before["until_date"] = 0.into();
            let content = serde_json::json!({
                "chat": state.chat_json(chat), "from": state.user_json(by.id), "date": 1_700_000_000,
                "old_chat_member": before, "new_chat_member": member("member"),
            });
            state.push("my_chat_member", content);
        });
    }

    /// A topic is closed: only admins of the chat write there. Or it is opened again.
    pub fn closes_topic(&self, chat: i64, topic: i64, closed: bool) {
        self.inner.change(|state| {
            if let Some(chat) = state.chats.get_mut(&chat) {
                chat.closed_topics.retain(|known| *known != topic);
                chat.closed_topics.extend(closed.then_some(topic));
            }
        });
    }

    /// A closed topic is opened again, and the bot is told.
    pub fn reopens_topic(&self, chat: i64, topic: i64, by: &User) {
        self.closes_topic(chat, topic, false);
        self.inner.change(|state| {
            let more = serde_json::json!({ "forum_topic_reopened": {} }).as_object().cloned().unwrap_or_default();
            let message = Message { from: From::Person(by.id), topic: Some(topic), more, ..Message::default() };
            let id = state.post(chat, message);
            let json = state.message_json(chat, id, false);
            state.push("message", json);
        });
    }

    /// A message of another bot.
    pub fn other_bot_says(&self, chat: i64, text: &str) -> MessageRef {
        let message = Message { from: From::OtherBot, words: html::plain(text), ..Message::default() };
        MessageRef { chat, id: self.inner.change(|state| state.post(chat, message)) }
    }

    /// The bot can neither edit nor delete this message any more.
    pub fn freezes(&self, message: MessageRef) {
        self.inner.change(|state| {
            if let Some(message) = state.chats.get_mut(&message.chat).and_then(|chat| chat.message_mut(message.id)) {
                message.frozen = true;
            }
        });
    }

    // Updates ---------------------------------------------------------------------------------------------------

    /// What people do in `acts` reaches the bot in one batch.
    pub fn batch<T>(&self, acts: impl FnOnce() -> T) -> T {
        let _held = self.hold();
        acts()
    }

    /// What people do in `acts` has been brought to the bot, in one batch; it has not acknowledged it yet.
    pub async fn delivers(&self, acts: impl FnOnce()) {
        let brought = |state: &State| state.calls.iter().filter(|call| call.method == "getUpdates").count();
        let before = brought(&self.inner.lock());
        self.batch(acts);
        self.inner.until("the batch is delivered", |state| (brought(state) > before).then_some(())).await;
    }

    /// Updates are held back until this is dropped.
    pub fn hold(&self) -> Held {
        self.inner.change(|state| state.held += 1);
        Held(self.inner.clone())
    }

    /// The next updates have these numbers; those after them count on from the last.
    pub fn next_update_ids(&self, ids: impl IntoIterator<Item = i64>) {
        self.inner.change(|state| state.chosen_ids.extend(ids));
    }

    /// The newest update that the bot has not acknowledged comes once more.
    pub fn repeats_last_update(&self) {
        self.inner.change(|state| state.updates.extend(VecDeque::from_iter(state.updates.back().cloned())));
    }

    /// How many updates the bot has not acknowledged.
    pub fn pending(&self) -> usize {
        self.inner.lock().updates.len()
    }

    /// Waits until the bot has acknowledged all updates.
    pub async fn all_acknowledged(&self) {
        self.inner.until("the bot has all updates", |state| state.updates.is_empty().then_some(())).await;
    }

    /// Waits until a new poller asks for updates: a bot that has just started.
    pub async fn next_poll(&self) {
        let before = self.inner.lock().poll;
        self.inner.until("the bot asks for updates", |state| (state.poll > before).then_some(())).await;
    }

    /// Where the webhook's updates go, whatever its address says.
    pub fn webhook_goes_to(&self, address: SocketAddr) {
        self.inner.change(|state| state.webhook_goes_to = Some(address));
    }

    /// The address that the bot has set.
    pub fn webhook(&self) -> Option<String> {
        self.inner.lock().webhook.as_ref().map(|webhook| webhook.url.clone())
    }

    /// Taps that are not answered by now never will be.
    pub fn forgets_taps(&self) {
        self.inner.change(|state| state.taps.iter_mut().for_each(|tap| tap.too_old = true));
    }

    // Trouble ---------------------------------------------------------------------------------------------------

    /// The next `times` calls of a method go wrong; `*`: of any but getUpdates.
    pub fn breaks(&self, method: &str, times: usize, fault: Fault) {
        let method = if method == "*" { "*" } else { rules::method(method).unwrap() }.to_owned();
        self.inner.change(|state| state.faults.extend(std::iter::repeat_n((method, fault), times)));
    }

    /// No more faults.
    pub fn is_well_again(&self) {
        self.inner.change(|state| state.faults.clear());
    }

    /// Waits until every fault has struck.
    pub async fn all_faults_struck(&self) {
        self.inner.until("all faults have struck", |state| state.faults.is_empty().then_some(())).await;
    }

    /// From now on, who is too fast is told to wait.
    pub fn limits_the_flood(&self) {
        self.inner.change(|state| state.flood = Some(flood::Flood::default()));
    }

    // What the bot did ------------------------------------------------------------------------------------------

    /// The calls of a method (`*`: of all but getUpdates) that have ended so far.
    pub fn calls(&self, method: &str) -> Vec<Call> {
        let wanted = |call: &&Call| call.method == method || (method == "*" && call.method != "getUpdates");
        self.inner.lock().calls.iter().filter(wanted).cloned().collect()
    }

    /// The most messages and edits that a chat saw within such a time.
    pub fn most_within(&self, chat: i64, time: Duration) -> usize {
        let of_chat = |call: &Call| call.chat() == Some(chat) && (call.method != "sendChatAction");
        let times: Vec<_> = self.calls("*").into_iter().filter(of_chat).map(|call| call.at).collect();
        let within = |from| times.iter().filter(|at| **at >= from && at.duration_since(from) < time).count();
        times.iter().map(|from| within(*from)).max().unwrap_or(0)
    }

    /// The names of the commands that people with this language are offered; the empty one is for all others.
    pub fn commands(&self, language: &str) -> Vec<String> {
        let commands = self.inner.lock().commands.get(language).cloned().unwrap_or_default();
        let name = |command: &Value| command["command"].as_str().map(ToOwned::to_owned);
        commands.as_array().into_iter().flatten().filter_map(name).collect()
    }

    /// Waits for something that the bot has called.
    pub async fn called(&self, what: &str, probe: impl Fn(&Call) -> bool) -> Call {
        self.inner.until(what, |state| state.calls.iter().find(|call| probe(call)).cloned()).await
    }

    /// Which rules were broken so far; they are forgiven.
    pub fn violations(&self) -> Vec<String> {
        self.inner.change(|state| std::mem::take(&mut state.violations))
    }

    /// Fails when a call has broken a rule.
    pub fn assert_clean(&self) {
        let state = self.inner.lock();
        let broken = state.violations.join("\n");
        assert!(broken.is_empty(), "the Bot API's rules were broken:\n{broken}\n{}", state.story());
    }
}

impl Drop for Telegram {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        if !std::thread::panicking() {
            self.assert_clean();
        }
    }
}

/// As long as it lives, no update reaches the bot.
pub struct Held(Arc<Inner>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.change(|state| state.held -= 1);
    }
}
