//! Telegram's Bot API as far as RMM uses it: what is sent, what may go wrong, and how fast is polite.
//!
//! Must not: know releases, languages or people.

pub mod cut;
mod pace;
#[cfg(test)]
pub(crate) mod peer;
#[cfg(test)]
mod tests;
mod trouble;
mod turns;
mod wire;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use teloxide::payloads::{
    AnswerCallbackQuery, DeleteMessage, DeleteWebhook, EditMessageText, GetMe, GetWebhookInfo, SendMessage,
    SetMyCommands, SetWebhook,
};
use teloxide::requests::Payload;
use teloxide::types::{AllowedUpdate, BotCommand, CallbackQueryId, ChatId, MessageId, ThreadId};

use tracing::Instrument;
use tracing::field::Empty;

use self::trouble::Refused;
use self::turns::{SinceStart, Time, Turns};
use self::wire::{Endpoint, GetUpdates, Look, Sent};
use crate::telemetry::{metrics, traces};

/// How long one call may take, apart from waiting for updates.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the way to Telegram may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What a long poll may take beyond the time that Telegram was asked to wait.
const POLL_GRACE: Duration = Duration::from_secs(15);
/// Updates that are of interest. That a group has become a supergroup comes as a message.
const WANTED: [AllowedUpdate; 3] = [AllowedUpdate::Message, AllowedUpdate::CallbackQuery, AllowedUpdate::MyChatMember];

/// A place to write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Destination {
    /// The chat; groups have negative numbers.
    pub chat: i64,
    /// The topic in it.
    pub topic: Option<i64>,
}

/// A text and its buttons.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    /// In Telegram's HTML. A tag never reaches over the end of a line, so that a text can be cut at one.
    pub html: String,
    /// Rows of buttons.
    pub buttons: Vec<Vec<Button>>,
}

/// A button below a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Button {
    /// Comes back to the bot.
    Tap {
        /// Its label; plain text.
        label: String,
        /// At most 64 bytes.
        data: String,
    },
    /// Opens an address.
    Link {
        /// Its label; plain text.
        label: String,
        /// The address.
        url: String,
    },
    /// Opens an address as a Mini App; in private chats only.
    MiniApp {
        /// Its label; plain text.
        label: String,
        /// The address, by https.
        url: String,
    },
}

/// How a text is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Manner {
    /// As an answer to this message, if it still exists.
    pub reply_to: Option<i64>,
    /// Without a sound.
    pub silent: bool,
    /// The reader is asked to reply.
    pub asks: bool,
}

/// The bot itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Me {
    /// Its number.
    pub id: i64,
    /// Its name, without `@`.
    pub username: String,
}

/// Why a call came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Too fast: nothing more to this chat for so long.
    #[error("Telegram asks for a pause of {} s", .0.as_secs())]
    TooFast(Duration),
    /// Another process uses this token, or a webhook is set.
    #[error("another program uses this bot's token: {0}")]
    Conflict(String),
    /// The message is not there any more, or can no longer be edited.
    #[error("the message cannot be edited any more")]
    Gone,
    /// The bot may not write there.
    #[error("the bot may not write there: {0}")]
    Forbidden(String),
    /// The group has become a supergroup with this number.
    #[error("the group has become {0}")]
    Moved(i64),
    /// The token is wrong.
    #[error("Telegram does not know this token")]
    Unauthorized,
    /// Telegram does not take it; trying again is pointless.
    #[error("Telegram refuses: {0}")]
    Refused(String),
    /// Telegram could not be reached, or could not answer. It may have done what it was asked for.
    #[error("Telegram does not answer: {0}")]
    Unreachable(String),
}

/// How the bot's updates come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Where Telegram brings them; empty: they are asked for.
    pub url: String,
    /// How many wait.
    pub pending: i64,
    /// Why the last one could not be brought.
    pub error: Option<String>,
}

/// The bot's way to Telegram. Cheap to clone.
#[derive(Clone)]
pub struct Telegram {
    inner: Arc<Inner>,
}

struct Inner {
    api: Endpoint,
    /// The same without a limit of time, for waiting.
    patient: Endpoint,
    turns: Turns,
    /// The host of the Bot API.
    host: String,
}

impl Telegram {
    /// A way to the Bot API at `api_url`.
    ///
    /// # Errors
    /// When the address or the HTTP client is unusable.
    pub fn new(token: &SecretString, api_url: &str) -> anyhow::Result<Self> {
        Self::with_time(token, api_url, Arc::new(SinceStart::now()))
    }

    /// As [`Telegram::new`], by this time.
    pub(crate) fn with_time(token: &SecretString, api_url: &str, time: Arc<dyn Time>) -> anyhow::Result<Self> {
        let url = Url::parse(api_url.trim_end_matches('/'))
            .with_context(|| format!("the address {api_url} of the Bot API cannot be read"))?;
        ensure!(
            matches!(url.scheme(), "http" | "https"),
            "the address {api_url} of the Bot API must begin with https:// or http://"
        );
        let api = |timeout: Option<Duration>| -> anyhow::Result<Endpoint> {
            let client = client(&url, timeout).context("the HTTP client for Telegram cannot be set up")?;
            Ok(Endpoint::new(client, url.clone(), token.clone()))
        };
        let host = url.host_str().unwrap_or_default().to_owned();
        let inner = Inner { api: api(Some(CALL_TIMEOUT))?, patient: api(None)?, turns: Turns::new(time), host };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Who the bot is.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn me(&self) -> Result<Me, Trouble> {
        let me: wire::Me = self.call(GetMe::new()).await?;
        Ok(Me { id: me.id, username: me.username })
    }

    /// How the bot's updates come.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn hook(&self) -> Result<Hook, Trouble> {
        let hook: wire::Hook = self.call(GetWebhookInfo::new()).await?;
        Ok(Hook { url: hook.url, pending: hook.pending_update_count, error: hook.last_error_message })
    }

    /// Waits for updates up to `timeout`. `from`: acknowledges all before that `update_id`. Each update is its
    /// `update_id` and its JSON, untouched.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn updates(&self, from: Option<i64>, timeout: Duration) -> Result<Vec<(i64, String)>, Trouble> {
        let ask =
            GetUpdates { offset: from, limit: wire::AT_ONCE, timeout: timeout.as_secs(), allowed_updates: WANTED };
        let asked = tokio::time::timeout(timeout + POLL_GRACE, self.call_by(&self.inner.patient, ask));
        let values: Vec<serde_json::Value> =
            asked.await.map_err(|_| Trouble::Unreachable("it took too long".into()))??;
        let some = !values.is_empty();
        let numbered = |update: serde_json::Value| Some((update.get("update_id")?.as_i64()?, update.to_string()));
        let updates: Vec<_> = values.into_iter().filter_map(numbered).collect();
        if some && updates.is_empty() {
            return Err(Trouble::Unreachable("its updates have no numbers".into()));
        }
        Ok(updates)
    }

    /// Sends a text and returns its number. A text that is too long is cut at a line; one whose HTML Telegram does not
    /// take is sent plain.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn send(&self, to: Destination, text: &Text, manner: Manner) -> Result<i64, Trouble> {
        let sent = self.in_a_form_it_takes(to.chat, text, |look| {
            let mut payload = SendMessage::new(ChatId(to.chat), look.text());
            payload.parse_mode = look.parse_mode();
            payload.link_preview_options = Some(wire::NO_PREVIEW);
            payload.message_thread_id = to.topic.and_then(message_id).map(ThreadId);
            payload.reply_parameters = manner.reply_to.and_then(message_id).map(wire::reply_to);
            payload.disable_notification = manner.silent.then_some(true);
            payload.reply_markup = look.reply_markup(manner.asks);
            payload
        });
        sent.await.map(|Sent { message_id }| message_id).map_err(Refused::of_sending)
    }

    /// Puts a text in the place of another; as [`Telegram::send`]. That it is the same already is no trouble.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn edit(&self, chat: i64, message: i64, text: &Text) -> Result<(), Trouble> {
        let Some(message) = message_id(message) else { return Err(Trouble::Gone) };
        let edited = self.in_a_form_it_takes(chat, text, |look| {
            let mut payload = EditMessageText::new(ChatId(chat), message, look.text());
            payload.parse_mode = look.parse_mode();
            payload.link_preview_options = Some(wire::NO_PREVIEW);
            payload.reply_markup = look.keyboard();
            payload
        });
        match edited.await {
            Ok(IgnoredAny) | Err(Refused::Same) => Ok(()),
            Err(refused) => Err(refused.into()),
        }
    }

    /// Answers the tap on a button. `alert`: in a box that has to be closed, instead of a line that goes away.
    ///
    /// # Errors
    /// [`Trouble`]; a tap that is too old to be answered is none.
    pub async fn answer(&self, tap: &str, words: &str, alert: bool) -> Result<(), Trouble> {
        let mut payload = AnswerCallbackQuery::new(CallbackQueryId(tap.to_owned()));
        payload.text = Some(cut::words(words, cut::LONGEST_ANSWER).into_owned()).filter(|words| !words.is_empty());
        payload.show_alert = alert.then_some(true);
        match self.call(payload).await {
            Ok(IgnoredAny) | Err(Refused::OldTap) => Ok(()),
            Err(refused) => Err(refused.into()),
        }
    }

    /// The list of commands that people are offered. `language`: for those with this language; none: for all others.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn set_commands(&self, language: Option<&str>, commands: &[(String, String)]) -> Result<(), Trouble> {
        let mut payload = SetMyCommands::new(commands.iter().map(|(name, what)| BotCommand::new(name, what)));
        payload.language_code = language.map(ToOwned::to_owned);
        let IgnoredAny = self.call(payload).await?;
        Ok(())
    }

    /// Has updates sent to an address, with a secret; none: they are asked for.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn set_webhook(&self, to: Option<(&str, &SecretString)>) -> Result<(), Trouble> {
        let Some((url, secret)) = to else {
            let IgnoredAny = self.call(DeleteWebhook::new()).await?;
            return Ok(());
        };
        let url = Url::parse(url).map_err(|error| Trouble::Refused(format!("{url} is no address: {error}")))?;
        let mut payload = SetWebhook::new(url);
        payload.secret_token = Some(secret.expose_secret().to_owned());
        payload.allowed_updates = Some(WANTED.to_vec());
        // One after the other, so that they arrive in their order.
        payload.max_connections = Some(1);
        let IgnoredAny = self.call(payload).await?;
        Ok(())
    }

    /// Takes a message away; that it is gone already is no trouble.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn delete(&self, chat: i64, message: i64) -> Result<(), Trouble> {
        let Some(message) = message_id(message) else { return Ok(()) };
        match self.call(DeleteMessage::new(ChatId(chat), message)).await {
            Ok(IgnoredAny) | Err(Refused::For(Trouble::Gone)) => Ok(()),
            Err(refused) => Err(refused.into()),
        }
    }

    /// Waits until it is polite to send or edit another message in a chat, and counts it.
    pub async fn turn(&self, chat: i64) {
        self.inner.turns.turn(chat).await;
    }

    /// Sends a text as it should look; if Telegram cannot take that, without what it does not take.
    async fn in_a_form_it_takes<P, O>(
        &self,
        chat: i64,
        text: &Text,
        payload: impl Fn(&Look<'_>) -> P,
    ) -> Result<O, Refused>
    where
        P: Payload + Serialize + Send + Sync + 'static,
        O: DeserializeOwned + Send + 'static,
    {
        let mut look = Look::new(text);
        loop {
            let refused = match self.call(payload(&look)).await {
                Ok(done) => return Ok(done),
                Err(refused) => refused,
            };
            if let Refused::For(Trouble::TooFast(pause)) = refused {
                self.inner.turns.pause(chat, pause);
            }
            if !look.can_do_without(&refused) {
                return Err(refused);
            }
            tracing::warn!(chat, error = %Trouble::from(refused), "Telegram does not take a message as it is; it is sent simpler");
            self.turn(chat).await;
        }
    }

    async fn call<P, O>(&self, payload: P) -> Result<O, Refused>
    where
        P: Payload + Serialize + Send + Sync + 'static,
        O: DeserializeOwned + Send + 'static,
    {
        self.call_by(&self.inner.api, payload).await
    }

    async fn call_by<P, O>(&self, api: &Endpoint, payload: P) -> Result<O, Refused>
    where
        P: Payload + Serialize + Send + Sync + 'static,
        O: DeserializeOwned + Send + 'static,
    {
        let began = Instant::now();
        let span = traces::within(|| {
            tracing::info_span!(
                "Telegram",
                otel.name = format!("Telegram {}", P::NAME),
                otel.kind = "client",
                rpc.method = P::NAME,
                http.request.method = "POST",
                server.address = self.inner.host,
                rmm.outcome = Empty,
            )
        });
        let answered = api.call(&payload).instrument(span.clone()).await;
        let outcome = answered.as_ref().map_or_else(Refused::outcome, |_| "done");
        metrics::of_process().telegram_called(P::NAME, outcome, began.elapsed());
        span.record("rmm.outcome", outcome);
        if answered.is_err() {
            traces::fail(&span, outcome);
        }
        answered
    }
}

/// Numbers of messages are smaller than the rest of Telegram's.
fn message_id(number: i64) -> Option<MessageId> {
    i32::try_from(number).ok().map(MessageId)
}

fn client(api: &Url, timeout: Option<Duration>) -> reqwest::Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("rmm/", env!("CARGO_PKG_VERSION")));
    let host = api.host_str().unwrap_or_default().trim_matches(['[', ']']);
    if host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback()) {
        // A proxy cannot know what this machine calls itself.
        builder = builder.no_proxy();
    }
    if let Some(timeout) = timeout {
        builder = builder.timeout(timeout);
    }
    builder.build()
}
