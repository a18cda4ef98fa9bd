//! An admin makes an alert silent, or lets it speak again.

use std::sync::Arc;

use crate::bot::Bot;
use crate::bot::screen::Key;
use crate::domain::alert::Silence;
use crate::domain::cause::Cause;
use crate::domain::event::Event;
use crate::domain::person::Right;
use crate::engine::{Asker, Failure};
use crate::store::alerts;

/// Makes an alert silent for a while, which is on the record.
///
/// # Errors
/// A refusal unless an admin says so, and where there is no such alert any more.
pub(in crate::bot) async fn silence(
    bot: &Arc<Bot>,
    asker: Asker<'_>,
    alert: Key,
    silence: Silence,
) -> Result<(), Failure> {
    asker.actor.may(Right::Administer, None, false)?;
    let (key, by) = (alert.to_string(), asker.actor.label().to_owned());
    let done = bot.engine.record(asker, move |conn, now| {
        let known = alerts::get(conn, &key)?.ok_or(Cause::NothingThere)?;
        alerts::silence(conn, &key, silence.from(now), &by)?;
        let alert = known.alert;
        let subject = if alert.about.is_empty() { alert.place } else { format!("{}, {}", alert.place, alert.about) };
        let event = Event::AlertSilenced { alert: format!("{}: {subject}", alert.kind.as_str()), silence };
        Ok(((), Some(event)))
    });
    done.await?;
    if let Some(place) = super::place(bot).await? {
        bot.has_news(place.chat);
    }
    Ok(())
}
