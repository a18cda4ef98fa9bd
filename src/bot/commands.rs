//! What people write to the bot: commands, answers to its questions, and the news that a group has moved.

use std::sync::Arc;

use secrecy::ExposeSecret;
use serde_json::Value;
use teloxide::types::{Message, User};

use super::audience::{About, audience};
use super::draw::letters;
use super::queue::{Asks, Job, What};
use super::screen::{Act, Key, Screen, Wish};
use super::words::facts;
use super::{Bot, Viewer, number_of, questions, team};
use crate::clients::telegram::{Button, Destination, Text};
use crate::domain::command::Command;
use crate::domain::ids::{ReleaseId, Revision, ServiceName};
use crate::domain::notice::Notice;
use crate::domain::person::{Role, shared_account};
use crate::domain::status::{List, Status};
use crate::domain::text::{meant, prose};
use crate::engine::people::Who;
use crate::engine::{Failure, Request};
use crate::store::telegram::{self, Update};
use crate::store::{StoreError, releases};
use crate::telemetry::traces;
use crate::views::ServiceOverview;

/// A message to the bot.
struct Letter<'a> {
    bot: &'a Arc<Bot>,
    update: &'a Update,
    chat: i64,
    topic: Option<i64>,
    message: i64,
    private: bool,
    trace: String,
}

/// What is answered.
enum Reply {
    Screen(Screen),
    Words(Text),
    /// It was no answer: the question stays open.
    Again(Text),
    /// The chat hears it by the notice of what was done.
    Told,
}

/// Handles a message.
pub(super) async fn message(
    bot: &Arc<Bot>,
    update: &Update,
    message: &Message,
    trace: String,
) -> Result<(), StoreError> {
    let chat = message.chat.id.0;
    if let Some(now) = message.migrate_to_chat_id() {
        bot.moved(chat, now.0).await;
        bot.handled(update.id).await;
        return Ok(());
    }
    let letter = Letter {
        bot,
        update,
        chat,
        topic: message.thread_id.filter(|_| message.is_topic_message).map(|thread| i64::from(thread.0.0)),
        message: i64::from(message.id.0),
        private: message.chat.is_private(),
        trace,
    };
    if !letter.private && is_anonymous(&update.body, message) {
        // It is not known who it was, so nothing is done; the answer to a command says why.
        match message.text().and_then(|text| Called::read(text, &bot.me.username)) {
            Some(_) => letter.say(bot.say(bot.language, "anonymous", facts!())),
            None => bot.handled(update.id).await,
        }
        return Ok(());
    }
    let writer = message.from.as_ref().filter(|from| is_one_human(from) && is_first_hand(&update.body));
    let (Some(from), Some(text)) = (writer, message.text()) else {
        bot.handled(update.id).await;
        return Ok(());
    };
    let question = message.reply_to_message().map(|question| i64::from(question.id.0));
    let asked = match question {
        Some(question) => letter.question(question, number_of(from)).await?,
        None => None,
    };
    let command = Called::read(text, &bot.me.username);
    if asked.is_none() && command.is_none() && !letter.private {
        // People talk to each other.
        bot.handled(update.id).await;
        return Ok(());
    }
    let user = number_of(from);
    let contact = bot.engine.telegram_contact(user, from.username.as_deref(), &from.first_name, letter.private).await?;
    let Who::Person(person) = &contact.who else {
        letter.say(bot.greeting(&contact).await?);
        return Ok(());
    };
    if contact.is_new {
        team::tell_kept(bot, person, user).await?;
    }
    let is_admin = letter.private && person.role == Role::Admin;
    let viewer = Viewer { aloud: !letter.private, ..bot.viewer(person, &contact.user) };
    if !letter.private && !bot.is_team_chat(chat).await? {
        letter.say(letters::unknown_group(&bot.words, viewer.language, chat, letter.topic));
        return Ok(());
    }
    if is_sent_for_them(&update.body) {
        letter.say(bot.say(viewer.language, "sent_for_you", facts!()));
        return Ok(());
    }
    let answers = question.filter(|_| asked.is_some() && !letter.private);
    let reply = match (asked, command) {
        (Some(wish), _) => letter.answered(&viewer, wish, text).await,
        (None, Some(called)) => letter.called(&viewer, called).await,
        (None, None) if letter.is_late(message) => {
            Ok(Reply::Words(bot.say(viewer.language, "question_gone", facts!())))
        }
        (None, None) => Ok(Reply::Screen(Screen::Menu)),
    };
    // After a reply that was refused, or had no words, another one is waited for.
    let answers = answers.filter(|_| !matches!(reply, Err(_) | Ok(Reply::Again(_))));
    match reply {
        Ok(Reply::Screen(screen)) => letter.show(screen, viewer),
        Ok(Reply::Words(text)) => letter.say(text),
        Ok(Reply::Again(text)) => letter.say_about(question.map(|question| (user, question)), text),
        Ok(Reply::Told) => {}
        Err(Failure::Refused(refusal)) => letter.say(Bot::plain(&bot.words.refusal(viewer.language, &refusal, None))),
        Err(Failure::Store(error)) => return Err(error),
    }
    // In a group, a question that has been answered has done its work.
    if let Some(message) = answers {
        letter.post(What::Delete { message });
    }
    // The person who has written is answered first.
    if is_admin && let Err(error) = team::ask_about_claims(bot, user).await {
        tracing::warn!(%error, "an admin could not be asked about claims");
    }
    Ok(())
}

/// Whether the words of a message are its sender's own. They are not when they were forwarded, come by way of another
/// bot or speak for a chat: the sender may never have read them. The update itself is asked, so that a field which
/// the library does not know, or no longer, counts, too.
fn is_first_hand(update: &str) -> bool {
    !is_passed_on(update) && !has_mark(update, |key| key == "sender_chat")
}

fn is_passed_on(update: &str) -> bool {
    has_mark(update, |key| key.starts_with("forward_") || ["is_automatic_forward", "via_bot"].contains(&key))
}

/// Whether this was written under a name that stands for many: that of the group, or of a channel.
fn is_anonymous(update: &str, message: &Message) -> bool {
    let shared = message.from.as_ref().is_some_and(|from| shared_account(number_of(from)).is_some());
    (shared || has_mark(update, |key| key == "sender_chat")) && !is_passed_on(update)
}

/// Whether an account is a human's own.
fn is_one_human(from: &User) -> bool {
    !from.is_bot && shared_account(number_of(from)).is_none()
}

/// Whether a schedule, an absence or a bot of theirs has sent a message in the name of a person who may not be there.
fn is_sent_for_them(update: &str) -> bool {
    has_mark(update, |key| ["is_from_offline", "sender_business_bot", "business_connection_id"].contains(&key))
}

/// Whether a message has a field that says how it came about; one that cannot be read has all.
fn has_mark(update: &str, is_mark: impl Fn(&str) -> bool) -> bool {
    let update: Value = serde_json::from_str(update).unwrap_or_default();
    let Some(message) = update["message"].as_object() else { return true };
    message.iter().any(|(key, value)| is_mark(key) && *value != Value::Bool(false))
}

/// A command and what stands behind it.
#[derive(Debug, PartialEq)]
struct Called<'t> {
    name: &'t str,
    rest: &'t str,
}

impl<'t> Called<'t> {
    /// None where it is no command, or one for another bot.
    fn read(text: &'t str, me: &str) -> Option<Self> {
        let text = text.trim().strip_prefix('/')?;
        let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let (name, bot) = first.split_once('@').map_or((first, None), |(name, bot)| (name, Some(bot)));
        let mine = bot.is_none_or(|bot| bot.eq_ignore_ascii_case(me));
        mine.then_some(Self { name, rest: rest.trim() })
    }
}

impl Letter<'_> {
    /// Whether this answers something that the bot has said, and no question of it is open.
    fn is_late(&self, message: &Message) -> bool {
        let said_by_bot = |said: &Message| said.from.as_ref().is_some_and(|from| number_of(from) == self.bot.me.id);
        message.reply_to_message().is_some_and(|said| said_by_bot(said) && said.reply_markup().is_none())
    }

    /// The wish that a reply to this message gives the reason for.
    async fn question(&self, message: i64, user: i64) -> Result<Option<Wish>, StoreError> {
        let chat = self.chat;
        let found = self.bot.engine.read(move |conn| telegram::question(conn, chat, message, user)).await?;
        Ok(found.and_then(|question| questions::wish(&question)))
    }

    async fn answered(&self, viewer: &Viewer, wish: Wish, text: &str) -> Result<Reply, Failure> {
        let Wish { release, revision, act, .. } = wish;
        if has_no_words(text) {
            return Ok(Reply::Again(self.bot.say(viewer.language, "reason_empty", facts!())));
        }
        let Some((command, outcome)) = questions::answered(&wish, Some(revision), text.trim().to_owned()) else {
            return Ok(Reply::Screen(Screen::Release(release)));
        };
        // The vote looks at the revision itself.
        let seen = Some(revision).filter(|_| act != Act::RejectInWords);
        let back_to = if let Act::Rollback { to, .. } = act { Some(to) } else { None };
        let before = self.status_of(release).await?;
        self.ask(viewer, command, None, seen).await?;
        if self.private {
            return Ok(Reply::Screen(Screen::Release(release)));
        }
        if let (Some(from), Some(to)) = (before, self.status_of(release).await?)
            && let Some(notice) = team::notice_of(from, to)
            && self.is_told_here(release, notice, team::ends_vote(from, to)).await?
        {
            return Ok(Reply::Told);
        }
        // The card of the team follows from the record.
        let outcome = self.bot.outcome(viewer.language, outcome, release, back_to).await;
        Ok(Reply::Words(Bot::plain(&outcome)))
    }

    async fn status_of(&self, release: ReleaseId) -> Result<Option<Status>, StoreError> {
        let found = self.bot.engine.read(move |conn| releases::get(conn, release)).await?;
        Ok(found.map(|release| release.status))
    }

    /// Whether this place hears this kind of news about a release.
    async fn is_told_here(&self, release: ReleaseId, notice: Notice, calls_off: bool) -> Result<bool, StoreError> {
        let here = Destination { chat: self.chat, topic: self.topic };
        let hear = audience(self.bot, &About::Release(release)).await?;
        Ok(hear.iter().any(|it| it.place == here && it.hears(notice, calls_off) && !self.bot.refuses(it.place)))
    }

    async fn called(&self, viewer: &Viewer, called: Called<'_>) -> Result<Reply, Failure> {
        let list = |list| Ok(Reply::Screen(Screen::List { list, at: 0 }));
        let words = |key: &str| Ok(Reply::Words(self.bot.say(viewer.language, key, facts!())));
        match called.name {
            "start" => Ok(Reply::Screen(deep_link(called.rest).unwrap_or(Screen::Menu))),
            "active" => list(List::Active),
            "releases" | "successful" => list(List::Successful),
            "failed" => list(List::Failed),
            "hosts" => Ok(Reply::Screen(Screen::Hosts)),
            "language" => Ok(Reply::Screen(Screen::Languages)),
            "help" => Ok(Reply::Screen(Screen::Help)),
            "id" => {
                let facts = facts!(id => viewer.user, chat => (!self.private).then_some(self.chat));
                Ok(Reply::Words(self.bot.say(viewer.language, "id", facts)))
            }
            "login" if !self.private => words("login_in_private"),
            "login" => self.login(viewer).await,
            "explain" => match called.rest.trim_start_matches('#').parse() {
                Ok(id) => Ok(Reply::Screen(Screen::Explain(ReleaseId(id)))),
                Err(_) => words("usage_explain"),
            },
            "status" | "rollback" | "lock" | "unlock" => self.about_service(viewer, &called).await,
            _ => Ok(Reply::Screen(Screen::Help)),
        }
    }

    /// A link to the dashboard, for the writer alone.
    async fn login(&self, viewer: &Viewer) -> Result<Reply, Failure> {
        let Some(actor) = viewer.actor.clone() else { return Ok(Reply::Screen(Screen::Help)) };
        let link = self.bot.engine.make_login_link(&actor, actor.person().cloned()).await?;
        let url = format!("{}/login/{}", self.bot.engine.catalog().address(), link.secret.expose_secret());
        let mut text = self.bot.say(viewer.language, "login", facts!(url => url));
        // Telegram opens a Mini App by https alone.
        if let Some(url) = self.bot.engine.catalog().public_url().filter(|url| url.starts_with("https://")) {
            let label = self.bot.words.phrase(viewer.language, "message.open_here", facts!());
            text.buttons.push(vec![Button::MiniApp { label, url: format!("{url}/telegram") }]);
        }
        Ok(Reply::Words(text))
    }

    async fn about_service(&self, viewer: &Viewer, called: &Called<'_>) -> Result<Reply, Failure> {
        let catalog = self.bot.engine.catalog();
        let (name, rest) = called.rest.split_once(char::is_whitespace).unwrap_or((called.rest, ""));
        let all: Vec<_> = catalog.services().map(|service| service.name.clone()).collect();
        let service = match (all.iter().find(|known| known.as_str() == name), all.as_slice()) {
            (Some(known), _) => known.clone(),
            (None, [only]) if name.is_empty() => only.clone(),
            (None, _) => {
                let near = meant(name, all.iter().map(ServiceName::as_str)).filter(|_| !name.is_empty());
                let services = all.iter().map(ToString::to_string).collect::<Vec<_>>();
                let facts = facts!(command => called.name, given => name, near => near, services => services);
                return Ok(Reply::Words(self.bot.say(viewer.language, "which_service", facts)));
            }
        };
        let screen = Screen::Service(Key::of(service.as_str()));
        match called.name {
            "rollback" => {
                let overview = ServiceOverview::read(&self.bot.engine, &service).await?;
                Ok(match &overview.production().current {
                    Some(version) => Reply::Screen(Screen::Versions { release: version.release, page: 0 }),
                    None => {
                        let facts = facts!(service => service.as_str());
                        Reply::Words(self.bot.say(viewer.language, "nothing_there", facts))
                    }
                })
            }
            "lock" if has_no_words(rest) => {
                let facts = facts!(service => service.as_str());
                Ok(Reply::Words(self.bot.say(viewer.language, "usage_lock", facts)))
            }
            "lock" => {
                self.ask(viewer, Command::Lock { reason: rest.trim().to_owned() }, Some(service), None).await?;
                Ok(Reply::Screen(screen))
            }
            // A command in another person's message is carried out by a touch; without a name it only leads there.
            "unlock" if name.is_empty() => Ok(Reply::Screen(screen)),
            "unlock" => {
                self.ask(viewer, Command::Unlock, Some(service), None).await?;
                Ok(Reply::Screen(screen))
            }
            _ => Ok(Reply::Screen(screen)),
        }
    }

    /// The engine decides, and takes the update as handled in the same transaction.
    async fn ask(
        &self,
        viewer: &Viewer,
        command: Command,
        service: Option<ServiceName>,
        seen: Option<Revision>,
    ) -> Result<(), Failure> {
        let Some(actor) = viewer.actor.clone() else { return Ok(()) };
        let request = Request::new(actor, command).traced(Some(self.trace.clone()));
        self.bot.engine.handle(Request { service, seen, update: Some(self.update.id), ..request }).await.map(|_| ())
    }

    fn show(&self, screen: Screen, viewer: Viewer) {
        let reply_to = (!self.private).then_some(self.message);
        self.post(What::Open { topic: self.topic, reply_to, screen, viewer });
    }

    fn say(&self, text: Text) {
        self.say_about(None, text);
    }

    /// Says something to a person about a question. In a group it goes with that one.
    fn say_about(&self, question: Option<(i64, i64)>, text: Text) {
        let reply_to = (!self.private).then_some(self.message);
        let question = question.filter(|_| !self.private);
        let asks = question.map(|(user, message)| (user, Asks::Beside(message)));
        self.post(What::Say { topic: self.topic, reply_to, text, asks });
    }

    fn post(&self, what: What) {
        self.bot.post(
            self.chat,
            Job { what, updates: vec![self.update.id], asked: self.bot.engine.now(), place: traces::here() },
        );
    }
}

/// Whether nothing would be left of a reason.
fn has_no_words(text: &str) -> bool {
    prose(text, 1).is_empty()
}

/// What a link to the bot leads to: `?start=r123`.
fn deep_link(payload: &str) -> Option<Screen> {
    let id: i64 = payload.strip_prefix('r')?.parse().ok()?;
    (id > 0).then_some(Screen::Release(ReleaseId(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_for_other_bots_are_none() {
        let read = |text| Called::read(text, "rmm_bot").map(|called| (called.name.to_owned(), called.rest.to_owned()));
        assert_eq!(read("/status@RMM_bot  shop "), Some(("status".into(), "shop".into())));
        assert_eq!(read("/lock shop\nwe move"), Some(("lock".into(), "shop\nwe move".into())));
        assert_eq!(read("/start"), Some(("start".into(), String::new())));
        assert_eq!(read("/start@other_bot"), None);
        assert_eq!(read("start"), None);
    }

    #[test]
    fn links_lead_to_releases() {
        assert_eq!(deep_link("r123"), Some(Screen::Release(ReleaseId(123))));
        for payload in ["", "r", "r0", "r-1", "x1", "r1;drop"] {
            assert_eq!(deep_link(payload), None, "{payload}");
        }
    }
}
