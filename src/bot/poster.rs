//! Sends and edits messages, politely: one worker a chat, so that a slow chat holds up no other. What a message says
//! is drawn when its turn comes, so that waiting makes nothing stale.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::draw::{Drawn, draw};
use super::queue::{Asks, Job, Next, Queue, What};
use super::screen::Screen;
use super::{Bot, Viewer, questions, team};
use crate::clients::telegram::{Destination, Manner, Text, Trouble};
use crate::domain::backoff::Backoff;
use crate::engine::Failure;
use crate::engine::supervise::caught;
use crate::store::StoreError;
use crate::store::news::{self, Due};
use crate::store::telegram::{self, Kept};
use crate::telemetry::traces::{self, Position};

/// After this long, the person who asked has gone.
const GIVE_UP_AFTER: Duration = Duration::from_mins(5);
/// Between tries while Telegram is away.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The chats that have something to hear.
#[derive(Default)]
pub struct Poster {
    chats: Mutex<HashMap<i64, Queue>>,
    /// Chats that are looked at again after a while.
    resting: Mutex<HashSet<i64>>,
}

impl Bot {
    /// Has something done in a chat.
    pub fn post(self: &Arc<Self>, chat: i64, job: Job) {
        let Some(given_up) = self.enqueue(chat, |queue| queue.push(job)) else { return };
        tracing::warn!(chat, "more is asked for in a chat than Telegram lets through; the oldest wish is given up");
        let bot = self.clone();
        self.spawn(async move {
            for update in given_up.updates {
                bot.handled(update).await;
            }
        });
    }

    /// A chat has news in the store.
    pub fn has_news(self: &Arc<Self>, chat: i64) {
        self.enqueue(chat, Queue::push_news);
    }

    /// As [`Bot::has_news`], after a while; its worker is free until then.
    pub(super) fn has_news_in(self: &Arc<Self>, chat: i64, rest: Duration) {
        if !self.poster.resting.lock().unwrap_or_else(PoisonError::into_inner).insert(chat) {
            return;
        }
        let bot = self.clone();
        self.spawn(async move {
            bot.engine.sleep(rest).await;
            bot.poster.resting.lock().unwrap_or_else(PoisonError::into_inner).remove(&chat);
            bot.has_news(chat);
        });
    }

    /// A person in a chat waits for something.
    pub(super) fn has_jobs(&self, chat: i64) -> bool {
        let chats = self.poster.chats.lock().unwrap_or_else(PoisonError::into_inner);
        chats.get(&chat).is_some_and(Queue::has_jobs)
    }

    /// Something is being written to a chat, and may not be noted yet.
    pub(super) fn is_writing(&self, chat: i64) -> bool {
        self.poster.chats.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&chat)
    }

    fn enqueue<T>(self: &Arc<Self>, chat: i64, change: impl FnOnce(&mut Queue) -> T) -> T {
        let mut chats = self.poster.chats.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = !chats.contains_key(&chat);
        let changed = change(chats.entry(chat).or_default());
        drop(chats);
        if idle {
            let bot = self.clone();
            self.spawn(async move { bot.work(chat).await });
        }
        changed
    }

    fn next(&self, chat: i64) -> Option<Next> {
        let mut chats = self.poster.chats.lock().unwrap_or_else(PoisonError::into_inner);
        let next = chats.get_mut(&chat)?.next();
        if next.is_none() {
            chats.remove(&chat);
        }
        next
    }

    /// Works until there is nothing left to do in a chat.
    async fn work(self: &Arc<Self>, chat: i64) {
        while let Some(next) = self.next(chat) {
            let done = caught(async {
                match next {
                    Next::Job(job) => {
                        let span = message_span(job.place);
                        self.carry_out(chat, *job).instrument(span).await;
                    }
                    Next::News => team::tell(self, chat).await,
                }
            });
            if let Err(panic) = done.await {
                tracing::error!(chat, panic, "writing to a chat has broken; what comes next there is written");
            }
        }
    }

    async fn carry_out(self: &Arc<Self>, chat: i64, job: Job) {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let age = self.engine.now().duration_since(job.asked);
            if age > jiff::SignedDuration::try_from(GIVE_UP_AFTER).unwrap_or_default() {
                break;
            }
            match self.attempt(chat, &job.what).await {
                Ok(()) => break,
                Err(Unsent::Trouble(Trouble::TooFast(_))) => {}
                Err(Unsent::Trouble(Trouble::Moved(now))) => self.moved(chat, now).await,
                Err(Unsent::Trouble(Trouble::Unreachable(reason)) | Unsent::Store(reason)) => {
                    tracing::warn!(chat, reason, "a message could not be sent; it is tried again");
                    self.engine.sleep(backoff.pause()).await;
                }
                Err(Unsent::Trouble(trouble)) => {
                    tracing::warn!(chat, %trouble, "a message could not be sent");
                    break;
                }
            }
        }
        for update in job.updates {
            self.handled(update).await;
        }
    }

    async fn attempt(self: &Arc<Self>, chat: i64, what: &What) -> Result<(), Unsent> {
        let chat = self.engine.read(move |conn| telegram::chat_now(conn, chat)).await?;
        match what {
            What::Edit { message, screen, viewer } => self.edit(chat, *message, None, screen, viewer).await,
            What::Open { topic, reply_to, screen, viewer } => {
                self.open(Destination { chat, topic: *topic }, *reply_to, screen, viewer).await.map(|_| ())
            }
            What::Say { topic, reply_to, text, asks } => {
                self.telegram.turn(chat).await;
                let by_reply = matches!(asks, Some((_, Asks::Reason(_))));
                let manner = Manner { reply_to: *reply_to, asks: by_reply, ..Manner::default() };
                let place = Destination { chat, topic: *topic };
                let message = self.telegram.send(place, text, manner).await?;
                self.accepted(place).await?;
                if let Some((user, asks)) = asks {
                    let (user, question) = (*user, asks.to_string());
                    let now = self.engine.now();
                    let asked =
                        move |tx: &mut crate::store::Tx<'_>| telegram::ask(tx, chat, message, user, &question, now);
                    self.engine.store().write(asked).await.map_err(crate::store::WriteError::flatten)?;
                    if by_reply {
                        questions::is_asked(self, chat, message).await?;
                    }
                }
                Ok(())
            }
            // It is not to be read: it does not count for what is polite.
            What::Delete { message } => {
                self.let_go(chat, *message).await?;
                let deleted = self.telegram.delete(chat, *message).await;
                let is_tried_again = matches!(
                    deleted,
                    Err(Trouble::TooFast(_) | Trouble::Moved(_) | Trouble::Unreachable(_) | Trouble::Unauthorized)
                );
                if !is_tried_again {
                    questions::is_gone(self, chat, *message).await?;
                }
                Ok(deleted?)
            }
        }
    }

    /// Shows a screen in a new message and keeps it current; its number.
    pub(super) async fn open(
        self: &Arc<Self>,
        place: Destination,
        reply_to: Option<i64>,
        screen: &Screen,
        viewer: &Viewer,
    ) -> Result<i64, Unsent> {
        self.telegram.turn(place.chat).await;
        let drawn = draw(self, screen, viewer).await?;
        let manner = Manner { reply_to, ..Manner::default() };
        let message = self.telegram.send(place, &drawn.text, manner).await?;
        self.keep(place, message, screen, viewer, &drawn, None).await?;
        self.accepted(place).await?;
        self.takes_the_place_of_older(place, message, viewer, &drawn).await?;
        self.may_ask(place.chat, message, viewer).await?;
        Ok(message)
    }

    /// Shows the screen of an alarm in a new message and keeps it current, unless the alarm has ended while its turn came. That
    /// it is told is noted with the message, so that it is told once.
    pub(super) async fn open_alarm(
        self: &Arc<Self>,
        due: &Due,
        place: Destination,
        screen: &Screen,
        viewer: &Viewer,
    ) -> Result<(), Unsent> {
        self.telegram.turn(place.chat).await;
        let waiting = due.clone();
        if !self.engine.read(move |conn| news::is_due(conn, &waiting)).await? {
            return Ok(());
        }
        let drawn = draw(self, screen, viewer).await?;
        let message = self.telegram.send(place, &drawn.text, Manner::default()).await?;
        self.keep(place, message, screen, viewer, &drawn, Some(due)).await?;
        Ok(self.accepted(place).await?)
    }

    /// Shows a screen in a message that is there; nothing is sent where that would change nothing, unless the place has
    /// refused: then this shows whether it still does. That a message is gone concerns only callers that look at
    /// `Trouble::Gone`.
    pub(super) async fn edit(
        self: &Arc<Self>,
        chat: i64,
        message: i64,
        kept: Option<&Kept>,
        screen: &Screen,
        viewer: &Viewer,
    ) -> Result<(), Unsent> {
        if let Some(kept) = kept
            && !self.refuses(Destination { chat, topic: kept.topic })
            && kept.shown == digest(&draw(self, screen, viewer).await?)
        {
            return Ok(());
        }
        self.telegram.turn(chat).await;
        let drawn = draw(self, screen, viewer).await?;
        let edited = self.telegram.edit(chat, message, &drawn.text).await;
        if edited == Err(Trouble::Gone) {
            self.let_go(chat, message).await?;
        }
        edited?;
        let topic = match kept {
            Some(kept) => kept.topic,
            None => {
                self.engine.read(move |conn| telegram::kept(conn, chat, message)).await?.and_then(|kept| kept.topic)
            }
        };
        let place = Destination { chat, topic };
        self.keep(place, message, screen, viewer, &drawn, None).await?;
        self.may_ask(chat, message, viewer).await?;
        Ok(self.accepted_edit(place).await?)
    }

    /// What one person is shown in a group may be a question.
    async fn may_ask(self: &Arc<Self>, chat: i64, message: i64, viewer: &Viewer) -> Result<(), StoreError> {
        if chat > 0 || viewer.user.is_none() {
            return Ok(());
        }
        questions::is_asked(self, chat, message).await
    }

    async fn keep(
        &self,
        place: Destination,
        message: i64,
        screen: &Screen,
        viewer: &Viewer,
        drawn: &Drawn,
        told: Option<&Due>,
    ) -> Result<(), StoreError> {
        let told = told.cloned();
        let kept = Kept {
            chat: place.chat,
            message,
            topic: place.topic,
            screen: screen.to_string(),
            about: drawn.about.clone().unwrap_or_default(),
            viewer: viewer.user,
            shown: digest(drawn),
            shown_at: self.engine.now(),
        };
        let written = self.engine.store().write(move |tx| -> Result<(), StoreError> {
            telegram::keep(tx, &kept)?;
            told.iter().try_for_each(|due| news::told(tx, due))
        });
        written.await.map_err(crate::store::WriteError::flatten)
    }

    /// In a group, a person has one answer about a thing: when they ask again, the older one is taken away.
    async fn takes_the_place_of_older(
        self: &Arc<Self>,
        place: Destination,
        message: i64,
        viewer: &Viewer,
        drawn: &Drawn,
    ) -> Result<(), StoreError> {
        let (Some(about), Some(user), true) = (drawn.about.clone(), viewer.user, place.chat < 0) else { return Ok(()) };
        let kept = self.engine.read(move |conn| telegram::kept_about(conn, &about)).await?;
        let older = kept.into_iter().filter(|kept| {
            kept.chat == place.chat && kept.topic == place.topic && kept.viewer == Some(user) && kept.message < message
        });
        older.for_each(|kept| self.takes_away(kept.chat, kept.message));
        Ok(())
    }

    /// Takes a message of a group away when its turn comes.
    pub(super) fn takes_away(self: &Arc<Self>, chat: i64, message: i64) {
        let what = What::Delete { message };
        self.post(chat, Job { what, updates: Vec::new(), asked: self.engine.now(), place: traces::here() });
    }

    async fn let_go(&self, chat: i64, message: i64) -> Result<(), StoreError> {
        let written = self.engine.store().write(move |tx| telegram::let_go(tx, chat, message)).await;
        written.map_err(crate::store::WriteError::flatten)
    }

    /// A group has become a supergroup.
    pub(super) async fn moved(&self, chat: i64, now: i64) {
        tracing::info!(chat, now, "a group has become a supergroup; put its new number into rmm.toml");
        let written = self.engine.store().write(move |tx| telegram::chat_moved(tx, chat, now)).await;
        if let Err(error) = written {
            tracing::warn!(chat, now, error = %error.flatten(), "that a group has moved could not be noted");
        }
    }

    /// An update needs nothing more. Where this cannot be written, it is handled once more at the next start.
    pub(super) async fn handled(&self, update: i64) {
        let now = self.engine.now();
        let written = self.engine.store().write(move |tx| telegram::handled(tx, update, now)).await;
        if let Err(error) = written {
            tracing::warn!(update, error = %error.flatten(), "that an update was handled could not be noted");
        }
    }
}

/// The span of a message that follows from something; none where it is not known from what.
pub(super) fn message_span(cause: Option<Position>) -> Span {
    let Some(cause) = cause else { return Span::none() };
    let span = tracing::info_span!(
        parent: None,
        "message",
        otel.kind = "producer",
        messaging.system = "telegram",
        rmm.about = Empty,
        rmm.notice = Empty,
        trace_id = Empty,
    );
    traces::begin(&span, Some(cause));
    span
}

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsent {
    #[error("{0}")]
    Trouble(Trouble),
    #[error("{0}")]
    Store(String),
}

impl From<Trouble> for Unsent {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<StoreError> for Unsent {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

impl From<Failure> for Unsent {
    fn from(failure: Failure) -> Self {
        Self::Store(failure.to_string())
    }
}

fn digest(drawn: &Drawn) -> String {
    let Text { html, buttons } = &drawn.text;
    hex::encode(&Sha256::digest(format!("{html}{buttons:?}").as_bytes())[..16])
}
