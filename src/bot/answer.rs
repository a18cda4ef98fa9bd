//! Answers to taps: at once, and where Telegram is away just then, a little later, while whoever tapped still looks.

use std::sync::Arc;
use std::time::Duration;

use super::Bot;
use crate::clients::telegram::Trouble;

/// The pauses between tries. Telegram takes no answer to an older tap.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(6)];

impl Bot {
    /// Answers a tap. Nothing waits for a Telegram that is away.
    pub(super) async fn answer(self: &Arc<Self>, tap: &str, words: &str, alert: bool) {
        let Err(trouble) = self.telegram.answer(tap, words, alert).await else { return };
        let (bot, tap, words) = (self.clone(), tap.to_owned(), words.to_owned());
        self.tasks.spawn(async move {
            tokio::select! {
                () = bot.stop.cancelled() => {}
                () = bot.answer_again(&tap, &words, alert, trouble) => {}
            }
        });
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
