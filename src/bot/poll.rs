//! Brings updates in: each batch is stored before the next call acknowledges it. With a webhook, Telegram brings them
//! itself (`web::hook`), and all that is done here is to say where to.
//!
//! Must not: look into an update. `inbox` wakes up by itself when some are stored.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::refusals::note_token;
use super::{Bot, TOKEN_PAUSE};
use crate::clients::telegram::Trouble;
use crate::domain::backoff::Backoff;
use crate::store::{StoreError, WriteError, telegram};

/// How long Telegram waits for something to happen before it answers that nothing has.
const LONG_POLL: Duration = Duration::from_secs(50);
/// An answer that nothing has happened is not followed by the next question before this time is over.
const MIN_POLL_INTERVAL: Duration = Duration::from_millis(500);
/// The pause after the first trouble; each later one is twice as long …
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A conflict is over when nothing was heard of it for so long: until then both take turns.
const CONFLICT_TTL: SignedDuration = SignedDuration::from_mins(3);
/// Between two looks whether the token is good.
const TOKEN_LOOK_INTERVAL: Duration = Duration::from_mins(5);
/// Between two warnings about the same trouble.
const WARNING_INTERVAL: SignedDuration = SignedDuration::from_mins(15);
/// Where a webhook is.
pub const HOOK: &str = "/hooks/telegram";

/// Another program asks for this bot's updates, so that each gets only a part of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// When it was noticed.
    pub since: Timestamp,
    /// When it was last heard of.
    pub last: Timestamp,
    /// What Telegram says.
    pub detail: String,
}

/// Sees to it that updates come in, until it is told to stop. `webhook`: Telegram sends them, with this secret.
pub async fn run(bot: Arc<Bot>, webhook: Option<SecretString>, stop: CancellationToken) {
    let mut poll = Poll::new(&bot);
    let work = async {
        poll.until_done(webhook.as_ref()).await;
        if webhook.is_none() {
            poll.for_ever().await;
        } else {
            poll.look_at_token().await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

struct Poll<'a> {
    bot: &'a Bot,
    /// Acknowledges what was stored.
    from: Option<i64>,
    backoff: Backoff,
    /// What was warned about last, and when.
    said: Option<(String, Timestamp)>,
    /// Whether Telegram refuses the token, as was noted last.
    refused: Option<bool>,
}

impl<'a> Poll<'a> {
    const fn new(bot: &'a Bot) -> Self {
        Self { bot, from: None, backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE), said: None, refused: None }
    }

    /// Sets the webhook, or takes away one that is still set from earlier: Telegram answers no questions beside it.
    async fn until_done(&mut self, webhook: Option<&SecretString>) {
        let url = format!("{}{HOOK}", self.bot.public_url.as_deref().unwrap_or_default());
        while let Err(trouble) = self.bot.telegram.set_webhook(webhook.map(|secret| (url.as_str(), secret))).await {
            self.hold_on(&trouble.into()).await;
        }
        self.went_well().await;
    }

    /// With a webhook nothing is asked for, which would show that the token is refused.
    async fn look_at_token(&mut self) {
        loop {
            self.bot.engine.sleep(TOKEN_LOOK_INTERVAL).await;
            while let Err(trouble) = self.bot.telegram.me().await {
                self.hold_on(&trouble.into()).await;
            }
            self.went_well().await;
        }
    }

    async fn for_ever(&mut self) {
        loop {
            match self.once().await {
                Ok(()) => self.went_well().await,
                Err(setback) => self.hold_on(&setback).await,
            }
        }
    }

    /// One question. What is stored is acknowledged at once, by a question that does not wait; all others do not name a
    /// number, so that numbers which begin anew are seen. Nor does one wait while the token is refused: that it is good again shows at once.
    async fn once(&mut self) -> Result<(), Setback> {
        let engine = &self.bot.engine;
        let patience = if self.from.is_some() || self.refused == Some(true) { Duration::ZERO } else { LONG_POLL };
        let asked_at = engine.now();
        let updates = self.bot.telegram.updates(self.from, patience).await?;
        let Some(last) = updates.iter().map(|(id, _)| *id).max() else {
            if self.from.take().is_none() && engine.now().duration_since(asked_at).unsigned_abs() < MIN_POLL_INTERVAL {
                engine.sleep(MIN_POLL_INTERVAL).await;
            }
            return Ok(());
        };
        let now = engine.now();
        engine.store().write(move |tx| telegram::receive(tx, &updates, now)).await.map_err(WriteError::flatten)?;
        self.from = Some(last.saturating_add(1));
        Ok(())
    }

    async fn went_well(&mut self) {
        self.backoff.reset();
        self.token_is(false).await;
        let now = self.bot.engine.now();
        let over = |conflict: &Conflict| now.duration_since(conflict.last).abs() > CONFLICT_TTL;
        self.bot.conflict.send_if_modified(|conflict| conflict.take_if(|known| over(known)).is_some());
        if self.bot.conflict.borrow().is_none() && self.said.take().is_some() {
            tracing::info!("the bot works again");
        }
    }

    async fn token_is(&mut self, refused: bool) {
        if self.refused == Some(refused) {
            return;
        }
        if note_token(&self.bot.engine, refused).await {
            self.refused = Some(refused);
        }
    }

    async fn hold_on(&mut self, setback: &Setback) {
        if let Setback::Telegram(trouble) = setback
            && !matches!(trouble, Trouble::Unreachable(_))
        {
            self.token_is(*trouble == Trouble::Unauthorized).await;
        }
        let now = self.bot.engine.now();
        let mut pause = self.backoff.pause();
        let sentence = match setback {
            Setback::Telegram(Trouble::Conflict(detail)) => {
                self.bot.conflict.send_modify(|known| {
                    let since = known.as_ref().map_or(now, |known| known.since);
                    *known = Some(Conflict { since, last: now, detail: detail.clone() });
                });
                format!(
                    "another program uses this bot's token and takes a part of its updates: stop the other one, or give \
                     one of them a token of its own ({detail})"
                )
            }
            Setback::Telegram(Trouble::Unauthorized) => {
                pause = TOKEN_PAUSE;
                "Telegram does not know the token of [telegram]: the bot is silent until it is replaced".to_owned()
            }
            Setback::Telegram(trouble) => {
                if let Trouble::TooFast(asked) = trouble {
                    pause = pause.max(*asked);
                }
                trouble.to_string()
            }
            Setback::Store(error) => format!("updates of Telegram wait, because they cannot be stored: {error}"),
        };
        let recent = |at: Timestamp| now.duration_since(at).abs() < WARNING_INTERVAL;
        if !self.said.as_ref().is_some_and(|(said, at)| *said == sentence && recent(*at)) {
            tracing::warn!("{sentence}");
            self.said = Some((sentence, now));
        }
        self.bot.engine.sleep(pause).await;
    }
}

/// Why nothing came in.
#[derive(Debug, thiserror::Error)]
enum Setback {
    #[error(transparent)]
    Telegram(#[from] Trouble),
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::bot::testing::Desk;
    use crate::store::news;

    const OTHER: &str =
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";

    fn update(id: i64, word: &str) -> Value {
        json!({"update_id": id, "message": {"text": word}})
    }

    async fn words(desk: &Desk) -> Vec<String> {
        let open = desk.bot.engine.read(|conn| telegram::open_updates(conn, 0, 100)).await.unwrap();
        open.iter()
            .map(|update| {
                let body: Value = serde_json::from_str(&update.body).unwrap();
                body["message"]["text"].as_str().unwrap().to_owned()
            })
            .collect()
    }

    #[tokio::test]
    async fn updates_are_stored_and_then_acknowledged_whatever_their_numbers() {
        let (peer, desk) = Desk::with_peer().await;
        let running = desk.spawn(run(desk.bot.clone(), None, desk.stop.clone()));
        for (id, word) in [(500, "a"), (500, "a"), (7, "b")] {
            peer.push(update(id, word));
            peer.until(|peer| peer.unacknowledged() == 0).await;
        }
        assert_eq!(words(&desk).await, ["a", "b"]);
        desk.end(running).await;
        assert_eq!(peer.calls()[0].0, "deletewebhook");
        assert!(desk.bot.conflict.borrow().is_none());
    }

    #[tokio::test]
    async fn what_cannot_be_stored_is_not_acknowledged() {
        let (peer, desk) = Desk::with_peer().await;
        desk.shell("ALTER TABLE telegram_updates RENAME TO hidden");
        peer.push(update(1, "a"));
        let running = desk.spawn(run(desk.bot.clone(), None, desk.stop.clone()));
        peer.until(|peer| peer.all_calls().len() > 3).await;
        assert_eq!(peer.unacknowledged(), 1);
        desk.shell("ALTER TABLE hidden RENAME TO telegram_updates");
        peer.until(|peer| peer.unacknowledged() == 0).await;
        assert_eq!(words(&desk).await, ["a"]);
        desk.end(running).await;
    }

    #[tokio::test]
    async fn troubles_make_pauses_and_a_second_bot_is_noticed() {
        let (peer, desk) = Desk::with_peer().await;
        peer.refuses("deleteWebhook", 401, "Unauthorized", Value::Null);
        for _ in 0..3 {
            peer.refuses("getUpdates", 409, OTHER, Value::Null);
        }
        peer.refuses("getUpdates", 429, "Too Many Requests: retry after 90", json!({"retry_after": 90}));
        for _ in 0..3 {
            peer.refuses("getUpdates", 403, "strange", Value::Null);
        }
        let mut conflict = desk.bot.conflict.subscribe();
        let running = desk.spawn(run(desk.bot.clone(), None, desk.stop.clone()));
        let noticed = conflict.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        assert_eq!(noticed.detail, OTHER);
        peer.push(update(1, "a"));
        peer.until(|peer| peer.unacknowledged() == 0).await;
        assert_eq!(desk.clock.slept(), [10, 1, 2, 4, 90, 16, 32, 60].map(Duration::from_secs)[..]);
        assert_eq!(words(&desk).await, ["a"]);
        desk.clock.pass(Duration::from_mins(4));
        peer.push(update(2, "b"));
        conflict.wait_for(Option::is_none).await.unwrap();
        desk.end(running).await;
    }

    #[tokio::test]
    async fn a_webhook_is_set_and_nothing_is_asked() {
        let (peer, desk) = Desk::with_peer().await;
        peer.refuses("setWebhook", 403, "strange", Value::Null);
        let running = desk.spawn(run(desk.bot.clone(), Some("s3cret".into()), desk.stop.clone()));
        peer.until(|peer| peer.all_calls().len() > 3).await;
        desk.end(running).await;
        let calls = peer.all_calls();
        let names: Vec<_> = calls.iter().map(|(name, _)| name.as_str()).take(4).collect();
        assert_eq!(names, ["setwebhook", "setwebhook", "getme", "getme"]);
        assert_eq!(calls[1].1["url"], "https://rmm.example/hooks/telegram");
    }

    #[tokio::test]
    async fn that_the_token_is_refused_is_noted_until_it_works_again() {
        let (peer, desk) = Desk::with_peer().await;
        let since = async || desk.bot.engine.read(news::token_refused_since).await.unwrap();
        let mut poll = Poll::new(&desk.bot);
        for (code, words) in [(401, "Unauthorized"), (401, "Unauthorized"), (502, "Bad Gateway")] {
            peer.refuses("getUpdates", code, words, Value::Null);
            let setback = poll.once().await.unwrap_err();
            poll.hold_on(&setback).await;
            desk.clock.pass(Duration::from_mins(1));
            assert_eq!(since().await, Some(Timestamp::from_second(1_800_000_000).unwrap()), "{setback}");
        }
        assert_eq!(desk.bot.engine.read(news::refusals).await.unwrap(), [], "no chat refuses");
        // Nothing happens for a long while, and still it is known at once.
        poll.once().await.unwrap();
        poll.went_well().await;
        assert_eq!(since().await, None);
        assert_eq!(peer.all_calls().last().unwrap().1["timeout"], 0);
    }

    #[tokio::test]
    async fn with_a_webhook_too_a_token_is_known_to_be_good_again_after_the_pause() {
        let (peer, desk) = Desk::with_peer().await;
        for _ in 0..2 {
            peer.refuses("getMe", 401, "Unauthorized", Value::Null);
        }
        let running = desk.spawn(run(desk.bot.clone(), Some("s3cret".into()), desk.stop.clone()));
        peer.until(|peer| peer.all_calls().len() > 3).await;
        desk.end(running).await;
        assert_eq!(desk.clock.slept()[..3], [TOKEN_LOOK_INTERVAL, TOKEN_PAUSE, TOKEN_PAUSE]);
    }
}
