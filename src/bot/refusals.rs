//! Chats and topics that take no messages: the bot was removed, may not write, or the topic is closed. What they have to be
//! told is kept and tried again, ever more rarely; meanwhile the admins hear it in private.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::audience::About;
use super::words::facts;
use super::{Bot, team};
use crate::clients::telegram::{Destination, Text};
use crate::domain::backoff::Backoff;
use crate::domain::ids::PersonName;
use crate::domain::notice::Notice;
use crate::domain::person::Role;
use crate::engine::Engine;
use crate::store::news::{self, Change, Due, Refusal};
use crate::store::{StoreError, WriteError, telegram};
use crate::wording::Language;

/// Before the second try; each later pause is twice as long …
const FIRST_PAUSE: Duration = Duration::from_mins(1);
/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// So often a message is tried whose text Telegram does not take in any look.
pub(super) const MOST_TRIES: u32 = 6;

/// The places that refuse.
#[derive(Default)]
pub struct Refusals(Mutex<HashMap<Destination, Tries>>);

#[derive(Default)]
struct Tries {
    count: u32,
    /// It is not tried before the pause is over.
    rests: bool,
    /// The changes that it has not seen, by what they are about, with their last event. They stay in the store, and
    /// wait for the pause here.
    missed: HashMap<String, i64>,
}

impl Refusals {
    fn lock(&self) -> MutexGuard<'_, HashMap<Destination, Tries>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ends_pause(&self, place: Destination) {
        let mut refusals = self.lock();
        if let Some(tries) = refusals.get_mut(&place) {
            tries.rests = false;
        }
        look_anew(&mut refusals, place.chat);
    }

    /// `topic`: that one alone.
    fn accepts(&self, chat: i64, topic: Option<Option<i64>>) {
        let mut refusals = self.lock();
        refusals.retain(|place, _| place.chat != chat || topic.is_some_and(|topic| topic != place.topic));
        look_anew(&mut refusals, chat);
    }
}

/// What one topic can be shown again waits in the same rows as what others have missed.
fn look_anew(refusals: &mut HashMap<Destination, Tries>, chat: i64) {
    refusals.iter_mut().filter(|(place, _)| place.chat == chat).for_each(|(_, tries)| tries.missed.clear());
}

/// Notes whether Telegram refuses the bot's own token. `false`: it could not be noted.
pub async fn note_token(engine: &Engine, refused: bool) -> bool {
    let since = refused.then(|| engine.now());
    let noted = engine.store().write(move |tx| news::note_token(tx, since)).await.map_err(WriteError::flatten);
    if let Err(error) = &noted {
        tracing::warn!(%error, "whether the bot's token is refused could not be noted");
    }
    noted.is_ok()
}

impl Bot {
    /// The topics of a chat that are not tried now, because they have refused; `None` is the chat outside of topics.
    pub(super) fn resting_topics(&self, chat: i64) -> Vec<Option<i64>> {
        let refusals = self.refusals.lock();
        let resting = refusals.iter().filter(|(place, tries)| place.chat == chat && tries.rests);
        resting.map(|(place, _)| place.topic).collect()
    }

    /// Whether a place has refused, and has taken nothing since.
    pub(super) fn refuses(&self, place: Destination) -> bool {
        self.refusals.lock().contains_key(&place)
    }

    /// How often a place has refused in a row.
    pub(super) fn times_refused(&self, place: Destination) -> u32 {
        self.refusals.lock().get(&place).map_or(0, |tries| tries.count)
    }

    /// A place that rests has to see this change when it is tried again.
    pub(super) fn misses(&self, place: Destination, change: &Change) {
        if let Some(tries) = self.refusals.lock().get_mut(&place).filter(|tries| tries.rests) {
            tries.missed.insert(change.about.clone(), change.since);
        }
    }

    /// Whether all that a change has still to be shown to are resting.
    pub(super) fn is_for_resting_alone(&self, change: &Change) -> bool {
        let refusals = self.refusals.lock();
        let resting = refusals.iter().filter(|(place, tries)| place.chat == change.chat && tries.rests);
        resting.map(|(_, tries)| tries.missed.get(&change.about)).any(|since| since == Some(&change.since))
    }

    /// What an earlier process knew: the places are tried at once. Those that no chat of the configuration is any more are
    /// forgotten.
    pub(super) async fn remember_refusals(&self) -> Result<(), StoreError> {
        for Refusal { chat, topic, .. } in self.engine.read(news::refusals).await? {
            let place = Destination { chat, topic };
            if chat > 0 || self.is_of_team(place).await? {
                self.refusals.lock().entry(place).or_default();
            } else {
                let forgotten = self.engine.store().write(move |tx| news::accept(tx, chat, Some(topic)));
                forgotten.await.map_err(WriteError::flatten)?;
            }
        }
        Ok(())
    }

    async fn is_of_team(&self, place: Destination) -> Result<bool, StoreError> {
        for known in &self.settings.chats {
            let id = known.id;
            let now = self.engine.read(move |conn| telegram::chat_now(conn, id)).await?;
            if (Destination { chat: now, topic: known.topic }) == place {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A place has refused a message. When that is new, the admins are told, and get what waits there.
    pub(super) async fn refused(self: &Arc<Self>, place: Destination, reason: &str) -> Result<(), StoreError> {
        let count = {
            let mut refusals = self.refusals.lock();
            let tries = refusals.entry(place).or_default();
            (tries.count, tries.rests) = (tries.count.saturating_add(1), true);
            tries.count
        };
        let bot = self.clone();
        self.spawn(async move {
            bot.engine.sleep(Backoff::new(FIRST_PAUSE, LONGEST_PAUSE).after(count - 1)).await;
            bot.refusals.ends_pause(place);
            team::look_again(&bot, place.chat).await;
        });
        let Destination { chat, topic } = place;
        let person = self.person_of(chat).await?;
        let of_team = self.is_of_team(place).await?;
        let mut admins = if of_team || person.is_some() { self.reachable_admins().await? } else { Vec::new() };
        admins.retain(|(id, _)| *id != chat);
        // What is for a person alone goes to no stand-in.
        let stand_ins: Vec<i64> = admins.iter().map(|(id, _)| *id).filter(|_| of_team).collect();
        let hear: Vec<i64> = admins.into_iter().map(|(id, _)| id).collect();
        let refusal = Refusal { chat, topic, since: self.engine.now(), reason: reason.to_owned() };
        let dues = self.dues_about(place, &hear);
        let refused = self.engine.store().write(move |tx| -> Result<bool, StoreError> {
            let is_new = news::refuse(tx, &refusal, &stand_ins)?;
            if is_new {
                news::note_change_of_place(tx, dues)?;
            }
            Ok(is_new)
        });
        if refused.await.map_err(WriteError::flatten)? {
            tracing::warn!(chat, topic, reason, "a chat refuses the bot's messages; they are kept and tried again");
            hear.into_iter().for_each(|id| self.has_news(id));
        }
        Ok(())
    }

    /// What tells admins how it stands with a place. What an admin cannot be told now is kept, as everything is.
    fn dues_about(&self, place: Destination, admins: &[i64]) -> Vec<Due> {
        let seq = self.engine.store().progress().borrow().last_event;
        let about = About::Place { chat: place.chat, topic: place.topic }.to_string();
        let due = |id: &i64| Due { chat: *id, topic: None, seq, about: about.clone(), notice: Notice::Personal };
        admins.iter().map(due).collect()
    }

    /// An admin who can be written to from now on is told which places refuse.
    pub(super) async fn warn_of_all(self: &Arc<Self>, admin: i64) -> Result<(), StoreError> {
        for Refusal { chat, topic, .. } in self.engine.read(news::refusals).await? {
            let place = Destination { chat, topic };
            if chat != admin && (self.is_of_team(place).await? || self.person_of(chat).await?.is_some()) {
                let dues = self.dues_about(place, &[admin]);
                let noted =
                    self.engine.store().write(move |tx| dues.iter().try_for_each(|due| news::note_notice(tx, due)));
                noted.await.map_err(WriteError::flatten)?;
                self.has_news(admin);
            }
        }
        Ok(())
    }

    /// What an admin is told of a place: that it refuses (`true`), or that it does so no more.
    pub(super) async fn refusal_words(
        &self,
        place: Destination,
        language: Language,
    ) -> Result<Option<(bool, Text)>, StoreError> {
        let Destination { chat, topic } = place;
        let refusals = self.engine.read(news::refusals).await?;
        let refusal = refusals.into_iter().find(|it| (it.chat, it.topic) == (chat, topic));
        let person = self.person_of(chat).await?;
        let refuses = refusal.is_some();
        let words = match (refusal, person) {
            (Some(it), Some(person)) => {
                let facts = facts!(person => person.as_str(), reason => it.reason);
                Some(self.say(language, "person_refuses", facts))
            }
            (Some(it), None) => {
                Some(self.say(language, "chat_refuses", facts!(chat => chat, topic => topic, reason => it.reason)))
            }
            (None, Some(person)) => Some(self.say(language, "person_accepts", facts!(person => person.as_str()))),
            (None, None) if self.is_of_team(place).await? => {
                Some(self.say(language, "chat_accepts", facts!(chat => chat, topic => topic)))
            }
            (None, None) => None,
        };
        Ok(words.map(|words| (refuses, words)))
    }

    /// Whose private chat this is.
    async fn person_of(&self, chat: i64) -> Result<Option<PersonName>, StoreError> {
        let people = self.engine.telegram_people().await?;
        Ok(people.into_iter().find(|(_, id, _)| *id == chat).map(|(person, ..)| person.name))
    }

    /// The admins who can be told something in private, with their languages.
    pub(super) async fn reachable_admins(&self) -> Result<Vec<(i64, Language)>, StoreError> {
        let people = self.engine.telegram_people().await?;
        let admins = people.into_iter().filter(|(person, ..)| person.role == Role::Admin);
        let reachable = admins.filter_map(|(_, id, user)| Some((id, user.filter(|user| user.private_chat)?)));
        Ok(reachable.map(|(id, user)| (id, self.language_of(&user))).collect())
    }

    /// A place has taken a message.
    pub(super) async fn accepted(self: &Arc<Self>, place: Destination) -> Result<(), StoreError> {
        if !self.refuses(place) {
            return Ok(());
        }
        self.accepts(place.chat, Some(place.topic)).await
    }

    /// A place has taken a change of a message that is there. Telegram may take that where it takes no new one: a notice
    /// that waits has to find out.
    pub(super) async fn accepted_edit(self: &Arc<Self>, place: Destination) -> Result<(), StoreError> {
        if !self.refuses(place) {
            return Ok(());
        }
        let here = move |due: &Due| due.topic == place.topic;
        let waits = self.engine.read(move |conn| news::notices(conn, place.chat, 1, here)).await?;
        if waits.is_empty() { self.accepted(place).await } else { Ok(()) }
    }

    /// The bot has been let into a chat, or may write there again: it is shown how things are.
    pub(super) async fn let_in(self: &Arc<Self>, chat: i64) -> Result<(), StoreError> {
        self.accepts(chat, None).await?;
        team::look_again(self, chat).await;
        Ok(())
    }

    /// Something has happened in a topic, or in a chat outside of topics, that refuses. `opened`: it takes messages again.
    /// Else it may: that is found out now, and not after the pause.
    pub(super) async fn seen_open(self: &Arc<Self>, place: Destination, opened: bool) -> Result<(), StoreError> {
        if !self.refuses(place) {
            return Ok(());
        }
        if opened {
            return self.accepts(place.chat, Some(place.topic)).await;
        }
        self.refusals.ends_pause(place);
        team::look_again(self, place.chat).await;
        Ok(())
    }

    /// `topic`: that one alone.
    async fn accepts(self: &Arc<Self>, chat: i64, topic: Option<Option<i64>>) -> Result<(), StoreError> {
        let mut admins: Vec<i64> = self.reachable_admins().await?.into_iter().map(|(id, _)| id).collect();
        admins.retain(|id| *id != chat);
        let (bot, hear) = (self.clone(), admins.clone());
        let over = self.engine.store().write(move |tx| -> Result<_, StoreError> {
            let over = news::accept(tx, chat, topic)?;
            for Refusal { topic, .. } in &over {
                news::note_change_of_place(tx, bot.dues_about(Destination { chat, topic: *topic }, &hear))?;
            }
            Ok(over)
        });
        let over = over.await.map_err(WriteError::flatten)?;
        self.refusals.accepts(chat, topic);
        for Refusal { topic, since, .. } in &over {
            tracing::info!(chat, topic, %since, "a chat takes the bot's messages again");
        }
        if !over.is_empty() {
            admins.into_iter().for_each(|id| self.has_news(id));
            team::look_again(self, chat).await;
        }
        Ok(())
    }
}
