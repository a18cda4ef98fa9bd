//! The Telegram bot: translates taps and words into commands, and state into screens. Holds no rule of its own.
//!
//! `poll` stores what Telegram delivers, `inbox` hands it out, `press` and `commands` make commands of it. `team` makes
//! news of the record, `alerts` tell those who run RMM what is wrong, `draw` and `words` make texts of the state, and `poster` sends them.

mod alerts;
mod answer;
mod audience;
mod commands;
pub mod draw;
mod forget;
mod inbox;
mod place;
mod poll;
mod poster;
mod press;
mod questions;
mod queue;
mod refusals;
mod reminders;
pub mod screen;
mod team;
#[cfg(test)]
mod testing;
pub mod words;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::tz::TimeZone;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::alerts::Analyst;
use self::poster::Poster;
use self::refusals::Refusals;
use self::screen::Key;
use self::words::Words;
use crate::clients::telegram::{Me, Telegram, Text, Trouble};
use crate::config;
use crate::domain::ids::{PersonName, ServiceName};
use crate::domain::part::Part;
use crate::domain::person::{Actor, Door, Person};
use crate::engine::Engine;
use crate::engine::supervise::keep_running;
use crate::store::StoreError;
use crate::store::telegram::{self, User};
use crate::telemetry::errors::{self, Errors};
use crate::wording::Language;
use crate::wording::zone::read_in;

/// Between tries to reach Telegram at the start.
const PAUSE: Duration = Duration::from_secs(5);
/// The same while Telegram refuses the token.
pub(super) const TOKEN_PAUSE: Duration = Duration::from_secs(10);
/// When RMM stops, a part of the bot may take this long to end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

pub use self::refusals::note_token;
pub use self::team::has_told_everything;
#[cfg(debug_assertions)]
pub use self::words::samples_told as samples;

/// What all parts of the bot share.
pub struct Bot {
    /// The machine.
    pub engine: Engine,
    /// The way to Telegram.
    pub telegram: Telegram,
    /// The bot itself, as Telegram knows it.
    pub me: Me,
    /// `[telegram]`.
    pub settings: config::Telegram,
    /// For people who have not chosen one.
    pub language: Language,
    /// Of the times that people see.
    pub zone: TimeZone,
    /// How people reach the dashboard.
    pub public_url: Option<String>,
    /// Another program uses the bot's token. Begins with none.
    pub conflict: watch::Sender<Option<poll::Conflict>>,
    /// What is said.
    pub words: Words,
    /// What RMM logs as an error.
    errors: Arc<Errors>,
    /// The model that guesses at causes, if one is configured.
    analyst: Option<Analyst>,
    poster: Poster,
    refusals: Refusals,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// For whom something is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Viewer {
    /// Telegram's number; none in a group's card, which all its members see.
    pub user: Option<i64>,
    /// Who they are for the engine.
    pub actor: Option<Actor>,
    /// What they call themselves.
    pub first_name: String,
    /// Their language.
    pub language: Language,
    /// In a group, where others read it, too.
    pub aloud: bool,
}

/// Telegram's number of an account, as the database keeps it; 0, which no account has, for one that is too large.
fn number_of(user: &teloxide::types::User) -> i64 {
    i64::try_from(user.id.0).unwrap_or(0)
}

/// Runs the bot until it is told to stop. A Telegram that is away is waited for; nothing else has to wait for it.
pub async fn run(engine: Engine, config: config::Config, stop: CancellationToken) {
    let hook = config.telegram.as_ref().and_then(|telegram| telegram.webhook_secret.as_ref());
    let webhook = hook.and_then(|reference| config.secrets.get(reference)).cloned();
    let ended = tokio::select! {
        () = stop.cancelled() => return,
        bot = connect(engine, config, stop.clone()) => bot,
    };
    let bot = match ended {
        Ok(bot) => bot,
        Err(error) => {
            tracing::error!("the bot does not work: {error:#}");
            return;
        }
    };
    tracing::info!(bot = bot.me.username, "the bot listens at https://t.me/{}", bot.me.username);
    let offered = bot.clone();
    bot.spawn(async move { offered.offer_commands().await });
    bot.keep_running(Part::BotNews, team::follow);
    alerts::begin(&bot);
    bot.keep_running(Part::BotForgetting, forget::keep_forgetting);
    bot.keep_running(Part::BotQuestions, questions::keep_closing);
    bot.keep_running(Part::BotReminders, reminders::remind);
    bot.keep_running(Part::BotConflicts, reminders::tell_of_conflicts);
    reminders::tell_of_restore(&bot).await;
    bot.keep_running(Part::BotRecord, reminders::tell_of_record);
    let stopped = stop.clone();
    let listen = move |bot: Arc<Bot>| poll::run(bot, webhook.clone(), stopped.clone());
    bot.keep_running(Part::BotListening, listen);
    match bot.taps_left().await {
        Ok(taps) => {
            let answering = bot.clone();
            bot.spawn(async move { answering.answer_late(taps).await });
        }
        Err(error) => tracing::warn!(%error, "the taps of an earlier process could not be read"),
    }
    let handler = bot.clone();
    let handle = move |update| {
        let bot = handler.clone();
        async move { read_in(&bot.zone, press::handle(&bot, &update)).await.map(|()| inbox::Noted::There) }
    };
    inbox::run(bot.engine.clone(), handle, stop).await;
    bot.tasks.close();
    bot.tasks.wait().await;
}

async fn connect(engine: Engine, config: config::Config, stop: CancellationToken) -> anyhow::Result<Arc<Bot>> {
    let analyst = Analyst::of(&config);
    let settings = config.telegram.context("there is no [telegram] in the configuration")?;
    let token = config.secrets.get(&settings.token).cloned().unwrap_or_default();
    let telegram = Telegram::new(&token, &settings.api_url)?;
    let words = Words::new(settings.templates.as_deref());
    let mut refused = false;
    let me = loop {
        match telegram.me().await {
            Ok(me) => break me,
            Err(Trouble::Unauthorized) => {
                if !std::mem::replace(&mut refused, true) {
                    tracing::error!(
                        "the bot does not work: Telegram does not know the token in [telegram]; it is tried again"
                    );
                }
                note_token(&engine, true).await;
                engine.sleep(TOKEN_PAUSE).await;
            }
            Err(trouble) => {
                tracing::warn!(%trouble, "Telegram cannot be reached; it is tried again");
                engine.sleep(PAUSE).await;
            }
        }
    };
    note_token(&engine, false).await;
    Ok(Arc::new(Bot {
        engine,
        telegram,
        me,
        settings,
        language: config.server.language,
        zone: config.server.time_zone,
        public_url: config.server.public_url,
        words,
        conflict: watch::Sender::new(None),
        errors: errors::of_process().clone(),
        analyst,
        poster: Poster::default(),
        refusals: Refusals::default(),
        tasks: TaskTracker::new(),
        stop,
    }))
}

impl Bot {
    /// Does something beside for as long as it takes, and begins anew if it panics.
    fn keep_running<F>(self: &Arc<Self>, part: Part, begin: impl Fn(Arc<Self>) -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let bot = self.clone();
        self.tasks.spawn(async move {
            let late = async {
                bot.stop.cancelled().await;
                bot.engine.sleep(SHUTDOWN_TIMEOUT).await;
            };
            tokio::select! {
                () = keep_running(part, bot.engine.clock(), || begin(bot.clone())) => {}
                () = late => tracing::warn!(part = part.as_str(), "a part of the bot did not end in time and is left"),
            }
        });
    }

    /// Does something beside, and leaves it when the bot is told to stop.
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move { stop.run_until_cancelled_owned(work).await.unwrap_or_default() });
    }

    async fn offer_commands(&self) {
        for (code, language) in [(None, self.language), (Some("ru"), Language::Ru), (Some("en"), Language::En)] {
            let commands = self.words.commands(language);
            if let Err(trouble) = self.telegram.set_commands(code, &commands).await {
                tracing::warn!(%trouble, "the list of commands could not be set");
            }
        }
    }

    /// How a person sees things.
    fn viewer(&self, person: &Person, user: &User) -> Viewer {
        Viewer {
            user: Some(user.id),
            actor: Some(person.actor(Door::Telegram)),
            first_name: user.first_name.clone(),
            language: self.language_of(user),
            aloud: false,
        }
    }

    /// How a group sees things.
    fn everybody(&self) -> Viewer {
        Viewer::everybody(self.language)
    }

    fn language_of(&self, user: &User) -> Language {
        match user.language.as_deref() {
            Some("en") => Language::En,
            Some("ru") => Language::Ru,
            Some(_) | None => self.language,
        }
    }

    /// Sentences as a message.
    fn plain(sentences: &str) -> Text {
        let lines: Vec<_> = sentences.lines().map(words::text::escape).collect();
        Text { html: lines.join("\n"), buttons: Vec::new() }
    }

    /// Words of `[message]` as a message.
    fn say(&self, language: Language, key: &str, facts: minijinja::Value) -> Text {
        Self::plain(&self.words.phrase(language, &format!("message.{key}"), facts))
    }

    fn service(&self, key: Key) -> Option<ServiceName> {
        let catalog = self.engine.catalog();
        catalog.services().find(|service| Key::of(service.name.as_str()) == key).map(|service| service.name.clone())
    }

    fn person(&self, key: Key) -> Option<PersonName> {
        self.engine.catalog().people().keys().find(|name| Key::of(name.as_str()) == key).cloned()
    }

    /// Whether this is one of the team's chats, under its number of today.
    async fn is_team_chat(&self, chat: i64) -> Result<bool, StoreError> {
        for known in self.settings.chats.iter().map(|known| known.id) {
            if known == chat || self.engine.read(move |conn| telegram::chat_now(conn, known)).await? == chat {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
