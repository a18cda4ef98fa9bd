//! Where a button was tapped, and whose message that is.

use std::time::Duration;

use teloxide::types::{CallbackQuery, MaybeInaccessibleMessage};

use super::screen::Screen;
use super::{Bot, number_of};
use crate::domain::ids::ReleaseId;
use crate::store::StoreError;
use crate::store::telegram::{self, Kept};

/// How long a message that the bot has just sent may be unknown: so many moments.
const LOOKUP_TRIES: u32 = 40;
const MOMENT: Duration = Duration::from_millis(25);

/// Where a button was tapped.
pub(super) struct Where {
    pub chat: i64,
    pub topic: Option<i64>,
    pub message: i64,
    pub private: bool,
    /// Too old for Telegram to let it be edited.
    pub out_of_reach: bool,
    pub kept: Option<Kept>,
}

impl Where {
    /// None where no button of this bot can be: in a chat that is not the person's own or the team's, below a message
    /// of another person.
    pub(super) async fn of(bot: &Bot, query: &CallbackQuery) -> Result<Option<Self>, StoreError> {
        let Some(message) = &query.message else { return Ok(None) };
        let (chat, number) = (message.chat().id.0, i64::from(message.id().0));
        let (topic, ours, out_of_reach) = match message {
            MaybeInaccessibleMessage::Regular(message) => {
                // In a group without topics, every answer has a thread, and nothing can be sent there.
                let thread = message.thread_id.filter(|_| message.is_topic_message);
                let topic = thread.map(|thread| i64::from(thread.0.0));
                let author = message.from.as_ref().map(number_of);
                (topic, author == Some(bot.me.id), false)
            }
            MaybeInaccessibleMessage::Inaccessible(_) => (None, true, true),
        };
        let private = u64::try_from(chat).is_ok_and(|chat| chat == query.from.id.0);
        if !ours || !(private || bot.is_team_chat(chat).await?) {
            return Ok(None);
        }
        let mut kept = bot.engine.read(move |conn| telegram::kept(conn, chat, number)).await?;
        if !private {
            // The tap was faster than the note of whose message it is.
            for _ in 0..LOOKUP_TRIES {
                if kept.is_some() || !bot.is_writing(chat) {
                    break;
                }
                bot.engine.sleep(MOMENT).await;
                kept = bot.engine.read(move |conn| telegram::kept(conn, chat, number)).await?;
            }
        }
        Ok(Some(Self { chat, topic, message: number, private, out_of_reach, kept }))
    }

    /// Whose message it is, in a group.
    pub(super) fn viewer(&self) -> Option<i64> {
        self.kept.as_ref().and_then(|kept| kept.viewer)
    }

    /// A card that everybody in a group sees: what one person wants to see does not take its place.
    pub(super) fn is_shared(&self) -> bool {
        !self.private && self.viewer().is_none()
    }

    /// Whether this is what the message is there for.
    pub(super) fn shows(&self, screen: &Screen) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.screen == screen.to_string())
    }

    /// Whether this is a question that one person in a group was asked about a release.
    pub(super) fn asks_about(&self, release: ReleaseId) -> bool {
        let asked = self.kept.as_ref().filter(|_| !self.private && !self.is_shared());
        let Some(Ok(screen)) = asked.map(|kept| kept.screen.parse::<Screen>()) else { return false };
        if let Screen::Confirm(wish) = screen {
            return wish.release == release;
        }
        matches!(screen, Screen::Reasons { release: it, .. } | Screen::Versions { release: it, .. } if it == release)
    }
}
