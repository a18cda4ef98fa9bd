//! A tap on a button: who taps, what the button asks for, and what is answered. Everything is checked again by the
//! engine, in the transaction that takes the tap as handled.

use std::sync::Arc;

use teloxide::types::{CallbackQuery, Update as TelegramUpdate, UpdateKind};
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::audience::{About, audience};
use super::draw::hosts::shown_key;
use super::draw::letters;
use super::place::Where;
use super::questions::{command, yes_to};
use super::queue::{Asks, Job, What};
use super::screen::{Act, Key, Screen, Tap, Why, Wish};
use super::words::facts;
use super::{Bot, Viewer, alerts, commands, number_of};
use crate::clients::telegram::{Destination, Text};
use crate::domain::cause::{Cause, Code};
use crate::domain::command::{Command, Resolution};
use crate::domain::decide::still_current;
use crate::domain::ids::{PersonName, ReleaseId, RunId, ServiceName};
use crate::domain::notice::Notice;
use crate::domain::person::{Actor, Door, shared_account};
use crate::domain::refusal::Refusal;
use crate::domain::release::Release;
use crate::domain::run::RunState;
use crate::domain::status::Status;
use crate::engine::people::{Contact, Who};
use crate::engine::{Asker, Failure, Request, no_release};
use crate::store::telegram::{self, Update};
use crate::store::{StoreError, releases, runs};
use crate::telemetry::traces;
use crate::views::{ReleaseOverview, ServiceOverview};
use crate::wording::Language;

/// How many ready reasons there are for a rejection.
pub const REASONS: u8 = 3;

/// Handles one update. An error means that nothing was done and that it is to be tried again.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn handle(bot: &Arc<Bot>, update: &Update) -> Result<(), StoreError> {
    let Ok(TelegramUpdate { kind, .. }) = serde_json::from_str::<TelegramUpdate>(&update.body) else {
        tracing::warn!(update = update.id, "an update of Telegram cannot be read");
        bot.handled(update.id).await;
        return Ok(());
    };
    if let UpdateKind::CallbackQuery(query) = kind {
        let (span, trace) = begin("tap", update);
        return tap(bot, update, query, trace).instrument(span).await;
    }
    if let UpdateKind::Message(message) = kind {
        let topic = message.thread_id.filter(|_| message.is_topic_message).map(|thread| i64::from(thread.0.0));
        let closed = message.forum_topic_closed().is_some();
        if !message.chat.is_private() && !closed {
            let place = Destination { chat: message.chat.id.0, topic };
            bot.seen_open(place, message.forum_topic_reopened().is_some()).await?;
        }
        // People may talk to each other in a group.
        let is_talk = !message.chat.is_private()
            && message.reply_to_message().is_none()
            && message.text().is_none_or(|text| !text.starts_with('/'));
        let (span, trace) =
            if is_talk { (Span::none(), traces::new_id()) } else { begin("message from a person", update) };
        return commands::message(bot, update, &message, trace).instrument(span).await;
    }
    if let UpdateKind::MyChatMember(member) = kind
        && member.new_chat_member.is_present()
    {
        bot.let_in(member.chat.id.0).await?;
    }
    bot.handled(update.id).await;
    Ok(())
}

/// A new trace, which an update of Telegram begins.
fn begin(name: &'static str, update: &Update) -> (Span, String) {
    let span = tracing::info_span!(
        parent: None,
        "update",
        otel.name = name,
        otel.kind = "consumer",
        messaging.system = "telegram",
        messaging.message.id = update.id,
        rmm.release = Empty,
        trace_id = Empty,
    );
    let trace = traces::begin(&span, None);
    (span, trace)
}

/// What is said to the person who has tapped, and what the message shows then.
struct Said {
    words: String,
    /// In a box that has to be closed.
    alert: bool,
    then: Then,
}

/// What becomes of the message.
enum Then {
    /// It shows this.
    Show(Screen),
    /// The person is asked for the reason of a wish.
    Ask(Wish),
    /// It has done its work: in private it shows this, in a group it goes.
    Over(Screen),
    /// Nothing.
    Stays,
}

/// A tap whose person is known.
struct Press<'a> {
    bot: &'a Arc<Bot>,
    update: &'a Update,
    actor: Actor,
    viewer: Viewer,
    trace: String,
}

async fn tap(bot: &Arc<Bot>, update: &Update, query: CallbackQuery, trace: String) -> Result<(), StoreError> {
    let answer = async |words: String, alert: bool| bot.answer(&query.id.0, &words, alert).await;
    let language = bot.language;
    let tap = query.data.as_deref().unwrap_or_default().parse::<Tap>();
    let (Some(place), Ok(tap)) = (Where::of(bot, &query).await?, tap) else {
        bot.handled(update.id).await;
        answer(bot.words.phrase(language, "toast.old_button", ()), false).await;
        return Ok(());
    };
    let from = &query.from;
    let user = number_of(from);
    let contact = bot.engine.telegram_contact(user, from.username.as_deref(), &from.first_name, place.private).await?;
    let Who::Person(person) = &contact.who else {
        bot.handled(update.id).await;
        answer(bot.stranger(&contact), true).await;
        return Ok(());
    };
    let viewer = Viewer { aloud: !place.private, ..bot.viewer(person, &contact.user) };
    let language = viewer.language;
    if !place.private && place.viewer().is_some_and(|owner| owner != user) {
        bot.handled(update.id).await;
        answer(bot.words.phrase(language, "toast.not_yours", ()), false).await;
        return Ok(());
    }
    let mut press = Press { bot, update, actor: person.actor(Door::Telegram), viewer, trace: trace.clone() };
    if let Tap::Do(wish) = &tap {
        Span::current().record("rmm.release", wish.release.0);
    }
    match press.carry_out(&tap).await {
        Ok(said) => {
            if let Tap::Speak(chosen) = tap {
                press.viewer.language = chosen;
            }
            // Nothing is decided yet: the update is handled when the screen is there, or the question.
            let open = matches!(tap, Tap::Show(_) | Tap::Refresh(_) | Tap::Label) || matches!(said.then, Then::Ask(..));
            answer(said.words, said.alert).await;
            let updates = if open { vec![update.id] } else { Vec::new() };
            press.follow_up(&place, said.then, updates).await;
            Ok(())
        }
        Err(Failure::Refused(refusal)) => {
            bot.handled(update.id).await;
            let now = press.subject(&tap).await?;
            answer(bot.words.refusal(language, &refusal, now.as_ref()), true).await;
            press.follow_up(&place, press.after_refusal(&tap, &refusal).await?, Vec::new()).await;
            Ok(())
        }
        Err(Failure::Store(error)) => {
            tracing::error!(update = update.id, trace, %error, "a tap could not be carried out; it is tried again");
            answer(bot.words.phrase(language, "toast.broken", facts!(trace => trace)), true).await;
            Err(error)
        }
    }
}

impl Press<'_> {
    async fn carry_out(&self, tap: &Tap) -> Result<Said, Failure> {
        let quiet = |then| Said { words: String::new(), alert: false, then };
        match tap {
            Tap::Label => Ok(quiet(Then::Stays)),
            Tap::Show(screen) => {
                self.could_say_yes(screen).await?;
                Ok(quiet(Then::Show(screen.clone())))
            }
            Tap::Refresh(screen) => {
                Ok(Said { words: self.phrase("toast.refreshed"), alert: false, then: Then::Show(screen.clone()) })
            }
            Tap::Do(wish) => self.wish(wish).await,
            Tap::Trust(key) => self.trust(*key).await,
            Tap::Resolve(run, verdict) => self.resolve(*run, *verdict).await,
            Tap::Settle { user, person, yes } => self.settle(*user, *person, *yes).await,
            Tap::Unlock { service: key, lock } => {
                let Some(service) = self.bot.service(*key) else { return Err(nothing_there().into()) };
                let now = ServiceOverview::read(&self.bot.engine, &service).await?.production().lock.clone();
                if now.is_some_and(|now| Key::of_lock(&now) != *lock) {
                    return Err(Cause::LockChanged.into());
                }
                self.unlock(service, Screen::Service(*key)).await
            }
            Tap::Silence { alert, silence } => {
                alerts::silence(self.bot, self.asker(), *alert, *silence).await?;
                let words = self.phrase(&format!("toast.silent_{}", silence.as_str()));
                Ok(Said { words, alert: false, then: Then::Stays })
            }
            Tap::Speak(language) => {
                let (user, word) = (self.viewer.user.unwrap_or_default(), language.as_str());
                self.write(move |tx| telegram::set_language(tx, user, word)).await?;
                let words = self.bot.words.phrase(*language, "toast.language", ());
                Ok(Said { words, alert: false, then: Then::Show(Screen::Menu) })
            }
        }
    }

    /// No person is asked a question whose yes would be refused to them. What has only changed is told by the screen.
    async fn could_say_yes(&self, screen: &Screen) -> Result<(), Failure> {
        let Some((command, service)) = yes_to(self.bot, screen, true).await? else { return Ok(()) };
        match self.bot.engine.would(Request { service, ..self.request(command) }).await {
            Err(Failure::Refused(refusal)) if !refusal.code.is_of_rights() => Ok(()),
            answer => answer,
        }
    }

    fn command(&self, wish: &Wish) -> Command {
        command(self.bot, wish, true)
    }

    async fn wish(&self, wish: &Wish) -> Result<Said, Failure> {
        let Wish { release, revision, act, .. } = *wish;
        let key = match act {
            Act::Approve => "toast.approved",
            Act::Reject(number) if number < REASONS => "toast.rejected",
            Act::Reject(_) => return Err(nothing_there().into()),
            Act::RejectInWords
            | Act::Cancel(Why::InWords | Why::Open)
            | Act::Abort(Why::InWords | Why::Open)
            | Act::Rollback { why: Why::InWords | Why::Open, .. } => {
                // No person is asked for a reason that could not be given.
                self.bot.engine.would(Request { seen: Some(revision), ..self.request(self.command(wish)) }).await?;
                // An older RMM asked for no reason before this button.
                let is_old = act.why() == Some(Why::Open);
                let (words, then) = if is_old {
                    (String::new(), Then::Show(Screen::Confirm(wish.clone())))
                } else {
                    (self.phrase("toast.reply_needed"), Then::Ask(wish.clone()))
                };
                return Ok(Said { words, alert: false, then });
            }
            Act::Cancel(Why::Ready(_)) => "toast.cancelled",
            Act::Retry => "toast.retried",
            Act::Promote => "toast.promoted",
            Act::Abort(Why::Ready(_)) => "toast.aborted",
            Act::Rollback { why: Why::Ready(_), .. } => "toast.rollback",
            Act::Unlock => {
                let now = self.bot.engine.read(move |conn| releases::get(conn, release)).await?;
                let Some(now) = now else { return Err(no_release(release).into()) };
                // The command is about the service, so the engine does not look at the release.
                still_current(&now, revision)?;
                return self.unlock(now.service, Screen::Release(release)).await;
            }
        };
        let command = self.command(wish);
        // The vote looks at the revision itself: the same yes twice is one, whatever has changed meanwhile.
        let seen = Some(revision).filter(|_| !matches!(act, Act::Approve | Act::Reject(_)));
        self.ask(Request { seen, ..self.request(command) }).await?;
        let to = if let Act::Rollback { to, .. } = act { Some(to) } else { None };
        let words = self.bot.outcome(self.viewer.language, key, release, to).await;
        Ok(Said { words, alert: false, then: Then::Over(Screen::Release(release)) })
    }

    async fn unlock(&self, service: ServiceName, then: Screen) -> Result<Said, Failure> {
        let request = Request { service: Some(service), ..self.request(Command::Unlock) };
        self.ask(request).await?;
        Ok(Said { words: self.phrase("toast.unlocked"), alert: false, then: Then::Over(then) })
    }

    async fn resolve(&self, run: RunId, verdict: Resolution) -> Result<Said, Failure> {
        let reason = self.bot.words.phrase(self.bot.language, "reason.resolve", ());
        self.ask(self.request(Command::Resolve { run, verdict, reason })).await?;
        let words = self.resolved(run, verdict).await?;
        Ok(Said { words, alert: false, then: Then::Over(Screen::Run(run)) })
    }

    /// What is so now that a run has been resolved.
    async fn resolved(&self, run: RunId, verdict: Resolution) -> Result<String, StoreError> {
        let Some(run) = self.bot.engine.read(move |conn| runs::get(conn, run)).await? else {
            return Ok(String::new());
        };
        let key = match verdict {
            Resolution::Succeeded if run.state == RunState::Succeeded => "toast.ended_well",
            Resolution::Succeeded => "toast.repaired",
            Resolution::Failed => "toast.judged_failed",
            Resolution::Again => "toast.run_again",
        };
        let facts = facts! {
            where => self.phrase(&format!("where.{}", run.environment)),
            version => run.to.to_string(),
            run => self.phrase(&format!("run.{}_{}", run.kind.as_str(), run.environment)),
        };
        Ok(self.bot.words.phrase(self.viewer.language, key, facts))
    }

    async fn trust(&self, key: Key) -> Result<Said, Failure> {
        let hosts = self.bot.engine.hosts().await?;
        let found = hosts.into_iter().find_map(|host| {
            let offered = host.offered?;
            (shown_key(&host.name, &offered) == key).then_some((host.name, offered.fingerprint))
        });
        let Some((name, fingerprint)) = found else { return Err(nothing_there().into()) };
        self.bot.engine.trust(self.asker(), &name, &fingerprint).await?;
        let then = Then::Over(Screen::Host(Key::of(name.as_str())));
        Ok(Said { words: self.phrase("toast.trusted"), alert: false, then })
    }

    async fn settle(&self, user: i64, person: Key, yes: bool) -> Result<Said, Failure> {
        let Some(name) = self.bot.person(person) else { return Err(nothing_there().into()) };
        self.bot.engine.settle_claim(self.asker(), user, &name, yes).await?;
        let key = if yes { "claim_confirmed" } else { "claim_refused" };
        let words = self.phrase(&format!("toast.{key}"));
        Ok(Said { words, alert: false, then: Then::Over(Screen::Claim { user, person }) })
    }

    /// The update is taken as handled in the transaction of what it asks for.
    fn asker(&self) -> Asker<'_> {
        Asker { actor: &self.actor, update: Some(self.update.id) }
    }

    fn request(&self, command: Command) -> Request {
        Request::new(self.actor.clone(), command).traced(Some(self.trace.clone()))
    }

    /// The engine decides, and takes the update as handled in the same transaction.
    async fn ask(&self, request: Request) -> Result<(), Failure> {
        self.bot.engine.handle(Request { update: Some(self.update.id), ..request }).await.map(|_| ())
    }

    async fn write<F>(&self, work: F) -> Result<(), Failure>
    where
        F: FnOnce(&rusqlite::Connection) -> Result<(), StoreError> + Send + 'static,
    {
        let (id, now) = (self.update.id, self.bot.engine.now());
        let written = self.bot.engine.store().write(move |tx| {
            telegram::handled(tx, id, now)?;
            work(tx)
        });
        written.await.map_err(|error| Failure::Store(error.flatten()))
    }

    /// The release that a tap is about, as it is now.
    async fn subject(&self, tap: &Tap) -> Result<Option<Release>, StoreError> {
        let (Tap::Do(Wish { release, .. })
        | Tap::Show(Screen::Confirm(Wish { release, .. }) | Screen::Reasons { release, .. })) = *tap
        else {
            return Ok(None);
        };
        self.bot.engine.read(move |conn| releases::get(conn, release)).await
    }

    async fn release(&self, id: ReleaseId) -> Option<Release> {
        self.bot.engine.read(move |conn| releases::get(conn, id)).await.ok().flatten()
    }

    fn phrase(&self, key: &str) -> String {
        self.bot.words.phrase(self.viewer.language, key, ())
    }

    /// What the message shows after a refusal: how things are now; where only a warning stands in the way, the question
    /// again.
    async fn after_refusal(&self, tap: &Tap, refusal: &Refusal) -> Result<Then, StoreError> {
        let Tap::Do(wish) = tap else {
            return Ok(match tap {
                Tap::Trust(_) => Then::Show(Screen::Hosts),
                Tap::Resolve(run, _) => Then::Show(Screen::Run(*run)),
                Tap::Settle { user, person, .. } => Then::Show(Screen::Claim { user: *user, person: *person }),
                Tap::Unlock { service, .. } => Then::Show(Screen::Service(*service)),
                Tap::Show(_) | Tap::Refresh(_) | Tap::Do(_) | Tap::Silence { .. } | Tap::Speak(_) | Tap::Label => {
                    Then::Stays
                }
            });
        };
        let goes_back = wish.act.goes_back() && !wish.anyway;
        let id = wish.release;
        let now = self.bot.engine.read(move |conn| releases::get(conn, id)).await?;
        Ok(match now {
            Some(now) if goes_back && refusal.code == Code::RunUnknown => {
                Then::Show(Screen::Confirm(Wish { anyway: true, revision: now.revision, ..wish.clone() }))
            }
            // In a group, the card of the team shows how things are.
            Some(_) | None => Then::Over(Screen::Release(id)),
        })
    }

    /// The first thing that is done carries the updates; where nothing is, they are handled.
    async fn follow_up(&self, place: &Where, then: Then, mut updates: Vec<i64>) {
        let (bot, viewer) = (self.bot, &self.viewer);
        let open = |screen: Screen, to: &Viewer| {
            let Where { topic, message, .. } = *place;
            What::Open { topic, reply_to: Some(message), screen, viewer: to.clone() }
        };
        let edit = |screen: Screen, to: &Viewer| What::Edit { message: place.message, screen, viewer: to.clone() };
        let wanted = match then {
            Then::Stays => Vec::new(),
            Then::Show(screen) | Then::Over(screen) if place.is_shared() && place.shows(&screen) => {
                vec![edit(screen, &bot.everybody())]
            }
            Then::Show(screen) if place.is_shared() || place.out_of_reach => vec![open(screen, viewer)],
            // The card of the team is there already.
            Then::Show(Screen::Release(id)) if place.asks_about(id) => vec![What::Delete { message: place.message }],
            Then::Show(screen) => vec![edit(screen, viewer)],
            Then::Over(_) if !place.private && !place.is_shared() => vec![What::Delete { message: place.message }],
            // The card of the team follows from the record.
            Then::Over(_) if place.is_shared() => Vec::new(),
            Then::Over(screen) if place.out_of_reach => vec![open(screen, viewer)],
            Then::Over(screen) => vec![edit(screen, viewer)],
            Then::Ask(wish) => match self.release(wish.release).await {
                None => Vec::new(),
                Some(release) => {
                    let to = if let Act::Rollback { to, .. } = wish.act { self.release(to).await } else { None };
                    let back_to = to.map(|release| release.title());
                    let text = letters::ask_reason(&bot.words, viewer, &release, wish.act, back_to.as_deref());
                    let asks = viewer.user.map(|user| (user, Asks::Reason(wish.clone())));
                    let screen = Screen::Release(release.id);
                    let reply_to = place.private.then_some(place.message);
                    let mut wanted = vec![What::Say { topic: place.topic, reply_to, text, asks }];
                    if place.private {
                        wanted.push(edit(screen, viewer));
                    } else if !place.is_shared() {
                        wanted.push(What::Delete { message: place.message });
                    }
                    wanted
                }
            },
        };
        for what in wanted {
            let job =
                Job { what, updates: std::mem::take(&mut updates), asked: bot.engine.now(), place: traces::here() };
            bot.post(place.chat, job);
        }
        for update in updates {
            bot.handled(update).await;
        }
    }
}

/// What a yes has come to: others may have tapped at the same moment.
fn approved(now: Status) -> &'static str {
    if now == Status::ManualTesting {
        "toast.approved"
    } else if now.has_passed_vote() {
        "toast.approved_last"
    } else {
        "toast.changed"
    }
}

fn nothing_there() -> Refusal {
    Cause::NothingThere.into()
}

impl Bot {
    /// How it stands now that a decision was taken, in words.
    pub(super) async fn outcome(
        &self,
        language: Language,
        key: &str,
        release: ReleaseId,
        to: Option<ReleaseId>,
    ) -> String {
        let Ok(overview) = ReleaseOverview::read(&self.engine, release).await else {
            return self.words.phrase(language, key, ());
        };
        let (now, tally) = (&overview.release, &overview.tally);
        let title = match to {
            Some(to) => {
                let found = self.engine.read(move |conn| releases::get(conn, to)).await.ok().flatten();
                found.map_or_else(|| format!("#{to}"), |release| release.title())
            }
            None => now.title(),
        };
        let key = if key == "toast.approved" { approved(now.status) } else { key };
        let facts = facts!(count => tally.given.len(), needed => tally.needed, title => title);
        self.words.phrase(language, key, facts)
    }

    /// What an account hears that writes and that RMM does not know.
    pub(super) async fn greeting(&self, contact: &Contact) -> Result<Text, StoreError> {
        let (language, name) = (self.language_of(&contact.user), &contact.user.first_name);
        Ok(match &contact.who {
            Who::Claimant { person, .. } => {
                let asked = self.claim_is_told(contact.user.id, person).await?;
                letters::claimed(&self.words, language, name, person, asked)
            }
            Who::Stranger | Who::Person(_) => letters::stranger(&self.words, language, name, contact.user.id),
        })
    }

    /// Whether a claim is told to an admin in private, or in a chat that hears alarms.
    async fn claim_is_told(&self, user: i64, person: &PersonName) -> Result<bool, StoreError> {
        let about = About::Claim { user, person: person.to_string() };
        let hear = audience(self, &about).await?;
        Ok(hear.iter().any(|it| it.notices.contains(&Notice::Alarm) && !self.refuses(it.place)))
    }

    /// What an account hears that taps and that RMM does not know.
    pub(super) fn stranger(&self, contact: &Contact) -> String {
        let key = match &contact.who {
            Who::Claimant { .. } => "toast.claim_waits",
            Who::Stranger | Who::Person(_) if shared_account(contact.user.id).is_some() => "toast.anonymous",
            Who::Stranger | Who::Person(_) => "toast.stranger",
        };
        self.words.phrase(self.language_of(&contact.user), key, facts!(id => contact.user.id))
    }
}
