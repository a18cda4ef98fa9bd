//! Questions to one person in a group: those that are answered by a reply, and those that have buttons. They are taken away when
//! they have been answered, when the same person is asked anew, when nothing can come of an answer, and when they are old.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Bot;
use super::audience::About;
use super::queue::Asks;
use super::screen::{Act, Screen, Why, Wish};
use crate::domain::command::{Command, RollbackTo};
use crate::domain::ids::{PersonName, ReleaseId, Revision, RunId, ServiceName};
use crate::domain::person::Door;
use crate::engine::{Failure, Request};
use crate::store::events::EventRow;
use crate::store::{StoreError, WriteError, releases, telegram};
use crate::views::ReleaseOverview;

/// Between two looks for old ones.
const LOOK_INTERVAL: Duration = Duration::from_mins(1);
/// After so long without an answer the person has turned to something else.
const ANSWER_TIMEOUT: SignedDuration = SignedDuration::from_mins(15);
/// Telegram lets a bot delete its messages for so long.
const DELETABLE: SignedDuration = SignedDuration::from_hours(48);

/// The wish that the answer to a question gives the reason for.
pub(super) fn wish(question: &str) -> Option<Wish> {
    let screen = format!("c.{question}").parse::<Screen>().ok()?;
    if let Screen::Confirm(wish) = screen { Some(wish) } else { None }
}

/// What an answer asks the engine for, and which words tell that it was done; none where no words are asked for.
/// `seen`: only if the release is still as it was then.
pub(super) fn answered(wish: &Wish, seen: Option<Revision>, reason: String) -> Option<(Command, &'static str)> {
    let Wish { release, act, anyway: force, .. } = *wish;
    Some(match act {
        Act::RejectInWords => (Command::Reject { release, seen, reason }, "toast.rejected"),
        Act::Cancel(Why::InWords) => (Command::Cancel { release, reason }, "toast.cancelled"),
        Act::Abort(Why::InWords) => (Command::Abort { release, reason, force }, "toast.aborted"),
        Act::Rollback { to, why: Why::InWords } => {
            let to = Some(RollbackTo::Release(to));
            (Command::Rollback { release, to, reason, force }, "toast.rollback")
        }
        Act::Rollback { .. }
        | Act::Approve
        | Act::Reject(_)
        | Act::Cancel(_)
        | Act::Retry
        | Act::Promote
        | Act::Abort(_)
        | Act::Unlock => return None,
    })
}

/// What a wish asks the engine for. `seen`: of votes, only if the release is still as it was when it was shown.
pub(super) fn command(bot: &Bot, wish: &Wish, seen: bool) -> Command {
    let Wish { release, revision, act, anyway: force } = *wish;
    let seen = seen.then_some(revision);
    let reason = |key: &str| bot.words.phrase(bot.language, key, ());
    match act {
        Act::Approve => Command::Approve { release, seen },
        Act::Reject(number) => Command::Reject { release, seen, reason: reason(&format!("reason.{number}")) },
        Act::RejectInWords => Command::Reject { release, seen, reason: reason("reason.0") },
        Act::Cancel(why) => Command::Cancel { release, reason: reason(&reason_key("cancel", why)) },
        Act::Retry => Command::Retry { release },
        Act::Promote => Command::Promote { release },
        Act::Abort(why) => Command::Abort { release, reason: reason(&reason_key("rollback", why)), force },
        Act::Rollback { to, why } => {
            let to = Some(RollbackTo::Release(to));
            Command::Rollback { release, to, reason: reason(&reason_key("rollback", why)), force }
        }
        Act::Unlock => Command::Unlock,
    }
}

/// What a yes to the question of a screen asks the engine for, and the service that it is about where it names no release;
/// none where it asks nothing that a yes answers. `seen`: as in [`command`].
pub(super) async fn yes_to(
    bot: &Bot,
    screen: &Screen,
    seen: bool,
) -> Result<Option<(Command, Option<ServiceName>)>, StoreError> {
    let mut service = None;
    let command = if let Screen::Confirm(wish) = screen {
        let id = wish.release;
        if wish.act == Act::Unlock {
            service = bot.engine.read(move |conn| releases::service_of(conn, id)).await?;
        }
        command(bot, wish, seen)
    } else if let Screen::Reasons { release, revision } = *screen {
        command(bot, &Wish { release, revision, act: Act::RejectInWords, anyway: false }, seen)
    } else if let Screen::ConfirmResolve(run, verdict) = *screen {
        Command::Resolve { run, verdict, reason: bot.words.phrase(bot.language, "reason.resolve", ()) }
    } else {
        return Ok(None);
    };
    Ok(Some((command, service)))
}

/// The words of a ready reason. Where none is chosen yet, the first stands for it: whether the person may is asked with it.
fn reason_key(kind: &str, why: Why) -> String {
    format!("reason.{kind}_{}", if let Why::Ready(at) = why { at } else { 0 })
}

/// A question that is open in a group.
struct Open {
    chat: i64,
    message: i64,
    user: i64,
    asks: Screen,
    /// It is answered by a reply, and not by a button.
    by_reply: bool,
}

/// What is open in groups.
async fn open(bot: &Bot) -> Result<Vec<Open>, StoreError> {
    let since = bot.engine.now().checked_sub(ANSWER_TIMEOUT).unwrap_or(Timestamp::UNIX_EPOCH);
    let read = bot.engine.read(move |conn| {
        Ok((telegram::questions_in_groups(conn)?, telegram::shown_to_people(conn, since, Timestamp::MAX)?))
    });
    let (questions, shown) = read.await?;
    let by_reply = questions.into_iter().filter_map(|it| {
        let asks = Screen::Confirm(wish(&it.question)?);
        Some(Open { chat: it.chat, message: it.message, user: it.user, asks, by_reply: true })
    });
    let by_button = shown.into_iter().filter_map(|kept| {
        let asks = kept.screen.parse().ok()?;
        Some(Open { chat: kept.chat, message: kept.message, user: kept.viewer?, asks, by_reply: false })
    });
    Ok(by_reply.chain(by_button).filter(|it| subject(&it.asks).is_some()).collect())
}

/// A message of a group asks a person something now, if it is a question: what they were asked there before about the same
/// is void. So is the older one of two that are answered by a reply.
pub(super) async fn is_asked(bot: &Arc<Bot>, chat: i64, message: i64) -> Result<(), StoreError> {
    let all = open(bot).await?;
    let Some(new) = all.iter().find(|it| (it.chat, it.message) == (chat, message)) else { return Ok(()) };
    let is_void = |it: &&Open| {
        (it.chat, it.user) == (chat, new.user)
            && it.message != message
            && (subject(&it.asks) == subject(&new.asks) || (it.by_reply && new.by_reply))
    };
    all.iter().filter(is_void).for_each(|it| bot.takes_away(it.chat, it.message));
    Ok(())
}

/// A message of a group is gone; it may have been a question. What was said about it goes, too.
pub(super) async fn is_gone(bot: &Arc<Bot>, chat: i64, message: i64) -> Result<(), StoreError> {
    if chat > 0 {
        return Ok(());
    }
    let closed = bot.engine.store().write(move |tx| telegram::close_question(tx, chat, message));
    closed.await.map_err(WriteError::flatten)?;
    let beside = Asks::Beside(message).to_string();
    let questions = bot.engine.read(telegram::questions_in_groups).await?;
    let beside = questions.into_iter().filter(|it| it.chat == chat && it.question == beside);
    beside.for_each(|it| bot.takes_away(chat, it.message));
    Ok(())
}

/// Takes questions away of which nothing can come any more, since these events.
pub(super) async fn close_void(bot: &Arc<Bot>, events: &[EventRow]) -> Result<(), StoreError> {
    let releases = events.iter().filter_map(|row| row.release.map(|id| About::Release(ReleaseId(id))));
    let runs = events.iter().filter_map(|row| row.run.map(|id| About::Run(RunId(id))));
    let changed: BTreeSet<About> = releases.chain(runs).collect();
    if changed.is_empty() {
        return Ok(());
    }
    for question in open(bot).await? {
        if subject(&question.asks).is_some_and(|about| changed.contains(&about)) && is_void(bot, &question).await? {
            bot.takes_away(question.chat, question.message);
        }
    }
    Ok(())
}

/// Whether an answer would be refused, whatever it is, or has been given. One that a change of the release has overtaken is
/// answered with that.
async fn is_void(bot: &Bot, question: &Open) -> Result<bool, StoreError> {
    let people = bot.engine.telegram_people().await?;
    let person = people.into_iter().find(|(_, id, _)| *id == question.user).map(|(person, ..)| person);
    let Some(person) = person else { return Ok(true) };
    let Some((command, service)) = yes_to(bot, &question.asks, false).await? else { return Ok(false) };
    if let Command::Approve { release, .. } = command
        && has_approved(bot, release, &person.name).await?
    {
        return Ok(true);
    }
    let request = Request { service, ..Request::new(person.actor(Door::Telegram), command) };
    match bot.engine.would(request).await {
        Ok(_) => Ok(false),
        Err(Failure::Refused(_)) => Ok(true),
        Err(Failure::Store(error)) => Err(error),
    }
}

async fn has_approved(bot: &Bot, release: ReleaseId, person: &PersonName) -> Result<bool, StoreError> {
    match ReleaseOverview::read(&bot.engine, release).await {
        Ok(overview) => Ok(overview.tally.given.contains(person)),
        Err(Failure::Refused(_)) => Ok(false),
        Err(Failure::Store(error)) => Err(error),
    }
}

/// Takes away questions that were not answered in time, until the bot stops.
pub(super) async fn keep_closing(bot: Arc<Bot>) {
    while !bot.stop.is_cancelled() {
        if let Err(error) = close_old(&bot).await {
            tracing::warn!(%error, "old questions could not be taken away; it is tried again");
        }
        bot.stop.run_until_cancelled(bot.engine.sleep(LOOK_INTERVAL)).await;
    }
}

async fn close_old(bot: &Arc<Bot>) -> Result<(), StoreError> {
    let before = |age| bot.engine.now().checked_sub(age).unwrap_or(Timestamp::UNIX_EPOCH);
    let (from, until) = (before(DELETABLE), before(ANSWER_TIMEOUT));
    let read = bot
        .engine
        .read(move |conn| Ok((telegram::questions_in_groups(conn)?, telegram::shown_to_people(conn, from, until)?)));
    let (questions, shown) = read.await?;
    for question in questions.iter().filter(|question| question.asked_at < until) {
        bot.takes_away(question.chat, question.message);
    }
    for kept in shown.iter().filter(|kept| kept.screen.parse().is_ok_and(|screen| subject(&screen).is_some())) {
        bot.takes_away(kept.chat, kept.message);
    }
    Ok(())
}

/// What a screen is about that waits for a decision and shows how things were; none: it waits for none.
fn subject(screen: &Screen) -> Option<About> {
    match screen {
        Screen::Confirm(Wish { release, .. }) | Screen::Reasons { release, .. } | Screen::Versions { release, .. } => {
            Some(About::Release(*release))
        }
        Screen::ConfirmResolve(run, _) => Some(About::Run(*run)),
        Screen::Menu
        | Screen::List { .. }
        | Screen::Release(_)
        | Screen::Explain(_)
        | Screen::Failure(_)
        | Screen::Service(_)
        | Screen::Hosts
        | Screen::Host(_)
        | Screen::Run(_)
        | Screen::Claim { .. }
        | Screen::Languages
        | Screen::Help => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::bot::Viewer;
    use crate::bot::queue::{Job, What};
    use crate::bot::testing::Desk;
    use crate::clients::telegram::Text;
    use crate::wording::Language;

    use super::*;

    const GROUP: i64 = -1;
    const ANN: i64 = 77;

    fn wished(release: i64, act: Act) -> Wish {
        Wish { release: ReleaseId(release), revision: Revision(1), act, anyway: false }
    }

    async fn asks(desk: &Desk, act: Act) {
        let text = Text { html: "Why?".into(), buttons: Vec::new() };
        let asks = Some((ANN, Asks::Reason(wished(1, act))));
        let what = What::Say { topic: None, reply_to: None, text, asks };
        post(desk, what);
    }

    fn post(desk: &Desk, what: What) {
        desk.bot.post(GROUP, Job { what, updates: Vec::new(), asked: desk.bot.engine.now(), place: None });
    }

    fn deleted(calls: &[(String, serde_json::Value)]) -> Vec<i64> {
        let deletes = calls.iter().filter(|(method, _)| method == "deletemessage");
        deletes.map(|(_, ask)| ask["message_id"].as_i64().unwrap()).collect()
    }

    /// Waits until nothing is being written to the group.
    async fn quiet(desk: &Desk) {
        while desk.bot.is_writing(GROUP) {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_question_without_an_answer_goes_and_so_does_one_that_a_newer_one_replaces() {
        let (peer, desk) = Desk::with_peer().await;
        asks(&desk, Act::RejectInWords).await;
        quiet(&desk).await;
        asks(&desk, Act::Cancel(Why::InWords)).await;
        quiet(&desk).await;
        assert_eq!(deleted(&peer.calls()), [1], "one question to one person");
        let viewer = Viewer { user: Some(ANN), ..Viewer::everybody(Language::En) };
        let screen = Screen::Confirm(wished(2, Act::Approve));
        post(&desk, What::Open { topic: None, reply_to: None, screen, viewer: viewer.clone() });
        post(&desk, What::Open { topic: None, reply_to: None, screen: Screen::Help, viewer });
        quiet(&desk).await;
        desk.clock.pass(Duration::from_mins(14));
        close_old(&desk.bot).await.unwrap();
        quiet(&desk).await;
        assert_eq!(deleted(&peer.calls()), [1]);
        desk.clock.pass(Duration::from_mins(2));
        for _ in 0..2 {
            close_old(&desk.bot).await.unwrap();
            quiet(&desk).await;
        }
        assert_eq!(deleted(&peer.calls()), [1, 2, 3], "what was asked for and asks nothing stays");
        assert_eq!(desk.bot.engine.read(telegram::questions_in_groups).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_question_goes_when_its_release_is_out_of_reach() {
        let (peer, desk) = Desk::with_peer().await;
        asks(&desk, Act::RejectInWords).await;
        quiet(&desk).await;
        let about = |release| EventRow {
            seq: 1,
            at: 0,
            service: None,
            release: Some(release),
            run: None,
            actor: String::new(),
            kind: "release_moved".into(),
            data: "{}".into(),
            trace_id: None,
        };
        close_void(&desk.bot, &[about(2)]).await.unwrap();
        quiet(&desk).await;
        assert!(deleted(&peer.calls()).is_empty());
        // There is no such release, and Anna is no person here.
        close_void(&desk.bot, &[about(1)]).await.unwrap();
        quiet(&desk).await;
        assert_eq!(deleted(&peer.calls()), [1]);
    }
}
