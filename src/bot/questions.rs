//! Questions to one person in a group: those that are answered by a reply, and those that have buttons. They are taken away when
//! they have been answered, when the same person is asked anew, when nothing can come of an answer, and when they are old.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Bot;
use super::screen::{Act, Screen, Why, Wish};
use crate::domain::command::{Command, RollbackTo};
use crate::domain::ids::{ReleaseId, Revision};
use crate::domain::person::Door;
use crate::engine::{Failure, Request};
use crate::store::events::EventRow;
use crate::store::telegram::{self, Question};
use crate::store::{StoreError, WriteError};

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

/// A person has been asked in a group: what they were asked there before is void.
pub(super) async fn is_asked(bot: &Arc<Bot>, chat: i64, message: i64, user: i64) -> Result<(), StoreError> {
    let questions = bot.engine.read(telegram::questions_in_groups).await?;
    let older = questions.into_iter().filter(|it| (it.chat, it.user) == (chat, user) && it.message != message);
    older.for_each(|it| bot.takes_away(it.chat, it.message));
    Ok(())
}

/// A message of a group is gone; it may have been a question.
pub(super) async fn is_gone(bot: &Bot, chat: i64, message: i64) -> Result<(), StoreError> {
    if chat > 0 {
        return Ok(());
    }
    let closed = bot.engine.store().write(move |tx| telegram::close_question(tx, chat, message));
    closed.await.map_err(WriteError::flatten)
}

/// Takes questions away of which nothing can come any more, since these events.
pub(super) async fn close_void(bot: &Arc<Bot>, events: &[EventRow]) -> Result<(), StoreError> {
    let changed: BTreeSet<ReleaseId> = events.iter().filter_map(|row| row.release.map(ReleaseId)).collect();
    if changed.is_empty() {
        return Ok(());
    }
    for question in bot.engine.read(telegram::questions_in_groups).await? {
        let wish = wish(&question.question).filter(|wish| changed.contains(&wish.release));
        if let Some(wish) = wish
            && is_void(bot, &question, &wish).await?
        {
            bot.takes_away(question.chat, question.message);
        }
    }
    Ok(())
}

/// Whether an answer would be refused, whatever it is. One that a change of the release has overtaken is answered with that.
async fn is_void(bot: &Bot, question: &Question, wish: &Wish) -> Result<bool, StoreError> {
    let people = bot.engine.telegram_people().await?;
    let person = people.into_iter().find(|(_, id, _)| *id == question.user).map(|(person, ..)| person);
    let reason = bot.words.phrase(bot.language, "reason.0", ());
    let (Some(person), Some((command, _))) = (person, answered(wish, None, reason)) else { return Ok(true) };
    match bot.engine.would(Request::new(person.actor(Door::Telegram), command)).await {
        Ok(_) => Ok(false),
        Err(Failure::Refused(_)) => Ok(true),
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
    for kept in shown.iter().filter(|kept| kept.screen.parse().is_ok_and(|screen| is_question(&screen))) {
        bot.takes_away(kept.chat, kept.message);
    }
    Ok(())
}

/// Whether a screen waits for a decision, of which it shows how things were.
const fn is_question(screen: &Screen) -> bool {
    match screen {
        Screen::Confirm(_) | Screen::Reasons { .. } | Screen::Versions { .. } | Screen::ConfirmResolve(..) => true,
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
        | Screen::Help => false,
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
        let asks = Some((ANN, wished(1, act).to_string()));
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
        let screen = Screen::Confirm(wished(1, Act::Approve));
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
