//! Answers to taps: at once, and where Telegram is away just then, a little later, while the person still looks.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use teloxide::types::{CallbackQuery, Update as TelegramUpdate, UpdateKind};

use super::{Bot, number_of};
use crate::clients::telegram::Trouble;
use crate::store::StoreError;
use crate::store::telegram;

/// The pauses between tries. Telegram takes no answer to an older tap.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(6)];

/// Before a start, so long: an earlier process may have ended between taking a tap and answering it.
const LEFT: SignedDuration = SignedDuration::from_mins(1);

impl Bot {
    /// The taps that an earlier process took just before it ended. Which of them it answered is not known, and answering
    /// twice does no harm.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn taps_left(&self) -> Result<Vec<CallbackQuery>, StoreError> {
        let since = self.engine.now().checked_sub(LEFT).unwrap_or(Timestamp::UNIX_EPOCH);
        let bodies = self.engine.read(move |conn| telegram::handled_since(conn, since)).await?;
        let tap = |body: String| {
            let update = serde_json::from_str::<TelegramUpdate>(&body).ok()?;
            if let UpdateKind::CallbackQuery(tap) = update.kind { Some(tap) } else { None }
        };
        Ok(bodies.into_iter().filter_map(tap).collect())
    }

    /// Answers taps whose outcome shows on their cards.
    pub(super) async fn answer_late(self: &Arc<Self>, taps: Vec<CallbackQuery>) {
        for tap in taps {
            let id = number_of(&tap.from);
            let user = self.engine.read(move |conn| telegram::user(conn, id)).await.ok().flatten();
            let language = user.map_or(self.language, |user| self.language_of(&user));
            self.answer(&tap.id.0, &self.words.phrase(language, "toast.late", ()), false).await;
        }
    }

    /// Answers a tap. Nothing waits for a Telegram that is away.
    pub(super) async fn answer(self: &Arc<Self>, tap: &str, words: &str, alert: bool) {
        let Err(trouble) = self.telegram.answer(tap, words, alert).await else { return };
        let (bot, tap, words) = (self.clone(), tap.to_owned(), words.to_owned());
        self.spawn(async move { bot.answer_again(&tap, &words, alert, trouble).await });
    }

    async fn answer_again(&self, tap: &str, words: &str, alert: bool, mut trouble: Trouble) {
        for pause in PAUSES {
            match trouble {
                Trouble::Unreachable(_) => self.engine.sleep(pause).await,
                Trouble::TooFast(asked) => self.engine.sleep(pause.max(asked)).await,
                Trouble::Conflict(_)
                | Trouble::Gone
                | Trouble::Forbidden(_)
                | Trouble::Moved(_)
                | Trouble::Unauthorized
                | Trouble::Refused(_) => break,
            }
            match self.telegram.answer(tap, words, alert).await {
                Ok(()) => return,
                Err(again) => trouble = again,
            }
        }
        tracing::warn!(tap, %trouble, "a tap could not be answered");
    }
}
